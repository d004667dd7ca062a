"""Runs a job in a process of its own, so that a million rows never slow the event loop down."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from cpaas.kit.child import dies_with_parent

SAID_BYTES_MAX: Final = 2_000


async def run_module(
    module: str,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    every_seconds: float,
    alive: Callable[[], Awaitable[None]],
) -> tuple[int, str]:
    """Run `python -m module`; its exit code and the end of what it said. It ends with us.

    alive: called while it works, to prolong its lease.
    """
    # Started by this thread, whose end the kernel tells the child; the loop is uvloop's, which
    # knows no process groups.
    started = subprocess.Popen(  # noqa: ASYNC220 - quick, and it must be of this thread
        (sys.executable, "-m", module, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environ),
        process_group=0,
        preexec_fn=dies_with_parent(signal.SIGKILL),  # noqa: PLW1509 - it only calls prctl
    )
    ended = asyncio.ensure_future(asyncio.to_thread(started.communicate))
    try:
        while not (await asyncio.wait([ended], timeout=every_seconds))[0]:
            await alive()
    except BaseException:
        started.kill()
        await asyncio.wait([ended])
        raise
    said = ended.result()[0][-SAID_BYTES_MAX:]
    return started.returncode, said.decode(errors="replace")
