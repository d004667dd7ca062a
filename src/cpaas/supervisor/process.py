"""One child process: started, its output written down, and ended within a time given.

What restarts it and why is decided elsewhere; here is only what the operating system needs.
"""

import asyncio
import contextlib
import os
import signal

from cpaas.kit.logfile import LogFile
from cpaas.supervisor.types import Process

READ_BYTES = 65536
LAST_OUTPUT_BYTES = 2000
# Output of a killed child's own children may keep the pipe open; the log is not worth a wait.
DRAIN_SECONDS_MAX = 1.0


class Child:
    """A running process of a program."""

    def __init__(self, process: Process, log: LogFile) -> None:
        self._process = process
        self._log = log
        self._tail = b""
        self._reader = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        """Its process id, which is its process group's as well."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """False once it ended."""
        return self._process.returncode is None

    @property
    def last_line(self) -> str:
        """The last thing it said, for an error message."""
        lines = self._tail.decode(errors="replace").strip().splitlines() or [""]
        if len(lines) > 1 and lines[-1].lstrip().startswith("-> "):
            # Our own commands end with what to do; what is wrong stands before it.
            return lines[-2].removeprefix("cpaas: ")
        return lines[-1]

    async def wait(self) -> int:
        """Waits until it ended and its output is written; returns the exit code."""
        code = await self._process.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS_MAX):
                await self._reader
        return code

    async def stop(self, signals: tuple[signal.Signals, ...], seconds_max: float) -> None:
        """Sends the signals one after the other, the time shared between them, then kills."""
        for number in signals:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds_max / len(signals)):
                    await self._process.wait()
            if not self.running:
                break
        # The whole group: a child's own children must not stay behind either.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await self.wait()

    async def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            raise AssertionError("spawn always asks for the output")
        while chunk := await stream.read(READ_BYTES):
            self._tail = (self._tail + chunk)[-LAST_OUTPUT_BYTES:]
            # A full disk must stop the log only, never the service that writes it.
            with contextlib.suppress(OSError):
                self._log.write(chunk)
