"""A TCP proxy that stands before a server, to do to its connections what networks do."""

import asyncio
import contextlib
from typing import Final

READ_BYTES: Final = 65536


class Proxy:
    """Forwards to one address until told to cut, to stall, to refuse, or to lose an answer."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.refusing = False
        self.losing_the_next_answer = False
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Listens; port 0 takes a free one, see `port`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Breaks every connection now."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def stall(self, seconds: float) -> None:
        """Passes nothing on for so long; connections stand, and what was held back then comes."""
        self._flowing.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._flowing.set()

    async def stop(self) -> None:
        """Ends listening and every connection."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        try:
            theirs, to_them = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, to_them}
        pumps = [
            asyncio.create_task(self._pump(reader, to_them, answers=False)),
            asyncio.create_task(self._pump(theirs, writer, answers=True)),
        ]
        self._tasks |= set(pumps)
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self._tasks -= set(pumps)
        for end in (writer, to_them):
            self._writers.discard(end)
            end.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(READ_BYTES):
                await self._flowing.wait()
                if answers and self.losing_the_next_answer:
                    self.losing_the_next_answer = False
                    return
                writer.write(data)
                await writer.drain()
