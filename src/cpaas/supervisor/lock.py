"""Makes sure that a home folder has one supervisor, and says where it is.

A lock of the operating system vanishes with its holder; a pid file alone would lie after a crash.
"""

import fcntl
import os
from pathlib import Path
from typing import Any

import msgspec

from cpaas.supervisor.types import Row, StartError

LOCK_NAME = "supervisor.lock"
STATE_NAME = "state.json"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a running supervisor writes down for `status`, `down` and `logs`."""

    pid: int
    ready: bool
    services: tuple[Row, ...]


class Lock:
    """Held as long as this process supervises the home."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._file: Any = None
        self.pid = os.getpid()

    def take(self) -> None:
        """Takes the lock or tells who has it."""
        self._run.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = (self._run / LOCK_NAME).open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            pid = holder_pid(self._run)
            raise StartError(
                f"this home already runs{f' (pid {pid})' if pid else ''}",
                "see `cpaas status`, stop it with `cpaas down`, or set another CPAAS_HOME",
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Gives the lock back and removes what would describe a running copy."""
        (self._run / STATE_NAME).unlink(missing_ok=True)
        self._file.truncate(0)
        self._file.close()


def holder_pid(run: Path) -> int | None:
    """The process that holds the lock, None when nobody does."""
    try:
        with (run / LOCK_NAME).open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read().strip()
                return int(text) if text.isdigit() else None
    except FileNotFoundError:
        return None
    return None


def left_behind(run: Path) -> tuple[Row, ...]:
    """What a supervisor that was killed had running; asked for with the lock in hand."""
    try:
        state = msgspec.json.decode((run / STATE_NAME).read_bytes(), type=State)
    except (FileNotFoundError, msgspec.DecodeError):
        return ()
    return tuple(row for row in state.services if row.pid is not None)


def write_state(run: Path, state: State) -> None:
    """Replaces the state file as a whole, so that a reader never sees half of it."""
    partial = run / f"{STATE_NAME}.partial"
    partial.write_bytes(msgspec.json.encode(state))
    partial.replace(run / STATE_NAME)


def read_state(run: Path) -> State | None:
    """The state of the running supervisor, None when none runs."""
    if holder_pid(run) is None:
        return None
    try:
        return msgspec.json.decode((run / STATE_NAME).read_bytes(), type=State)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
