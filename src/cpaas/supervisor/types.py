"""What the supervisor runs and what it says about it.

Plain values, so that tests run the same supervisor on programs of their own.
"""

import asyncio
import enum
import signal
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from cpaas.kit.child import Command


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to keep alive: how it starts and how it is asked whether it is well."""

    name: str
    command: Command
    # Address, port and path of its health page; None: running is being well.
    health: tuple[str, int, str] | None = None
    # Every (setting, port) it will listen on, looked at before it starts.
    ports: tuple[tuple[str, int], ...] = ()
    # Programs that must be well before this one starts; all others start beside it.
    needs: tuple[str, ...] = ()
    # Starts a process that has imported what it needs and of which it may start as a copy, then
    # with these arguments; "{socket}" stands for the number of the socket that it shall hear.
    template: Command | None = None
    arguments: tuple[str, ...] = ()


class Process(Protocol):
    """A running process: asyncio's own, or one that was adopted."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def returncode(self) -> int | None:
        """None while it runs."""

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        """What it writes, errors too."""

    async def wait(self) -> int:
        """Waits until it ended; returns the exit code."""

    def send_signal(self, signal: signal.Signals) -> None:
        """Raises ProcessLookupError when it ended already."""


class Status(enum.StrEnum):
    """What a program is doing now."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "UP"
    WAITING = "RESTARTING"
    STOPPING = "STOPPING"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `status`."""

    name: str
    status: str
    pid: int | None
    port: int | None
    restarts: int = 0


class StartError(Exception):
    """The platform cannot start: says why and what to do."""

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo


# Tells a step (and a detail) to whoever watches the start.
Report = Callable[[str], None]


def back_off_seconds(failures: int, *, first: float = 1.0, longest: float = 30.0) -> float:
    """How long to wait before start number `failures` + 1: 1, 2, 4 … 30 seconds."""
    return float(min(longest, first * 2 ** min(failures - 1, 16)))


def seconds_left(deadline: float) -> float:
    """Seconds until a monotonic deadline, never below zero."""
    return max(0.0, deadline - time.monotonic())


def waves(programs: Sequence[Program]) -> list[set[str]]:
    """Names in the order of their start: each set waits for those before it, in itself nothing.

    A need that is none of the programs (PostgreSQL) is met before the first.
    """
    left = {one.name: set(one.needs) for one in programs}
    found: list[set[str]] = []
    while left:
        wave = {name for name, needs in left.items() if not needs & left.keys()}
        if not wave:
            raise ValueError(f"these wait for each other: {', '.join(sorted(left))}")
        found.append(wave)
        left = {name: needs for name, needs in left.items() if name not in wave}
    return found
