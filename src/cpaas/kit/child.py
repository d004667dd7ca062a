"""Starts a child process that cannot outlive its parent, under another user if asked.

The kernel signals the child when the parent dies (Linux); elsewhere the child watches its
standard input, which is a pipe that only the parent holds open.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: a child between fork and exec must not import or allocate much.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Account(msgspec.Struct, frozen=True):
    """The operating system's user a child runs as."""

    name: str
    uid: int
    gid: int


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Everything needed to start one child."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path | None = None
    account: Account | None = None
    death_signal: signal.Signals = signal.SIGTERM


async def spawn(command: Command, *, pass_fds: Sequence[int] = ()) -> asyncio.subprocess.Process:
    """Starts the child; output comes on `stdout`, and `stdin` stays open as its lifeline."""
    account = command.account
    return await asyncio.create_subprocess_exec(
        *command.argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(command.env),
        cwd=command.cwd,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        # An own process group: Ctrl-C in the terminal reaches the parent only, which stops
        # its children in order.
        process_group=0,
        pass_fds=pass_fds,
        preexec_fn=dies_with_parent(command.death_signal),
    )


def dies_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """What runs in the child before exec, so that it gets `death_signal` when the parent dies."""
    return dies_with(os.getpid(), death_signal)


def dies_with(parent: int, death_signal: signal.Signals) -> Callable[[], None] | None:
    """As `dies_with_parent`, where the parent is known by its process id."""
    if _LIBC is None:
        return None
    libc, number = _LIBC, int(death_signal)

    def set_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # The parent died before the request was made.

    return set_signal
