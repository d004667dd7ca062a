"""A child process that another one forked for us: heard, signalled and waited for like our own.

Linux only: the kernel gives us the children of children whose parent ended, if we ask for them.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from typing import Self

_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def adopt_orphans(*, on: bool) -> bool:
    """Asks to become the parent of our children's children; False where no kernel does that."""
    if _LIBC is None or not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False  # An old kernel, or a sandbox that stands for one.
    return bool(_LIBC.prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) == 0)


class Adopted:
    """The part of `asyncio.subprocess.Process` that a supervisor needs."""

    def __init__(self, pid: int, lifeline: int, stdout: asyncio.StreamReader) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout: asyncio.StreamReader | None = stdout
        self._lifeline = lifeline
        self._ended = asyncio.Event()
        self._watch = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._watch, self._reap)

    @classmethod
    async def take(cls, pid: int, *, lifeline: int, output: int) -> Self:
        """Takes it over with both pipes: what it writes, and the one that tells it we are there."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(output, "rb", 0)
        )
        return cls(pid, lifeline, reader)

    async def wait(self) -> int:
        """Waits until it ended; returns its exit code, negative for a signal."""
        await self._ended.wait()
        if self.returncode is None:
            raise AssertionError("ended without a code")
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Raises ProcessLookupError when it ended already."""
        if self.returncode is not None:
            raise ProcessLookupError(self.pid)
        os.kill(self.pid, number)

    def _reap(self) -> None:
        code = -int(signal.SIGKILL)  # Of a child that somebody else waited for nothing is known.
        with contextlib.suppress(ChildProcessError):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
        self.returncode = code
        asyncio.get_running_loop().remove_reader(self._watch)
        os.close(self._watch)
        os.close(self._lifeline)
        self._ended.set()
