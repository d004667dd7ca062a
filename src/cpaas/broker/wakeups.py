"""One LISTEN connection of a process that wakes every consumer whose queue got an item.

A notification costs one write per publishing batch and saves each consumer from polling; polling
once a second stays as the fallback, so a lost connection only costs latency. Each queue is a
channel of its own, so that a process is told of no queue but those it takes from.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

import asyncpg

from cpaas.db.trouble import AWAY

#: PostgreSQL's names are shorter than 64 bytes; two queues that share a channel wake each other.
CHANNEL_CHARS_MAX: Final = 63
CHECK_SECONDS: Final = 5.0
RECONNECT_SECONDS: Final = 1.0


def channels(queues: set[str]) -> list[str]:
    """The channels on which the consumers of these queues listen."""
    return sorted({queue[:CHANNEL_CHARS_MAX] for queue in queues})


class QueueWakeups:
    """Calls consumers back when their queue may have something."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._callbacks: dict[str, list[Callable[[], None]]] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def subscribe(self, queue: str, callback: Callable[[], None]) -> None:
        """Calls back whenever `queue` may have something."""
        self._callbacks.setdefault(queue[:CHANNEL_CHARS_MAX], []).append(callback)
        self._changed.set()

    def unsubscribe(self, queue: str, callback: Callable[[], None]) -> None:
        """Ends what `subscribe` began."""
        channel = queue[:CHANNEL_CHARS_MAX]
        callbacks = self._callbacks.get(channel, [])
        if callback in callbacks:
            callbacks.remove(callback)
        if not callbacks:
            self._callbacks.pop(channel, None)
        self._changed.set()

    async def start(self) -> None:
        """Begins to listen; the connection is remade whenever it is lost."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Stops listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _wake(self, channel: str) -> None:
        for callback in tuple(self._callbacks.get(channel, ())):
            callback()

    def _heard(self, _connection: Any, _pid: int, channel: str, _payload: object) -> None:
        self._wake(channel)

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(*AWAY):
                connection = await asyncpg.connect(
                    self._dsn, timeout=10, command_timeout=CHECK_SECONDS
                )
                try:
                    await self._follow(connection)
                finally:
                    # Closing politely can hang on a dead peer; nothing is lost by not doing so.
                    connection.terminate()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _follow(self, connection: Any) -> None:
        """Listens to the channels of whoever subscribes, until the connection is lost."""
        heard: set[str] = set()
        while True:
            self._changed.clear()
            wanted = set(self._callbacks)
            for channel in sorted(heard - wanted):
                await connection.remove_listener(channel, self._heard)
            for channel in sorted(wanted - heard):
                await connection.add_listener(channel, self._heard)
                # What was published while nobody listened.
                self._wake(channel)
            heard = wanted
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._changed.wait()
            await connection.execute("SELECT", timeout=CHECK_SECONDS)
