"""Stops the platform that runs in this home, and waits until it is gone."""

import os
import signal
import time
from pathlib import Path

import typer

from cpaas.cli import output

app = typer.Typer()

# On top of the supervisor's own budget: it also writes its last lines and lets go of the lock.
GRACE_SECONDS = 5.0
POLL_SECONDS = 0.05


@app.command()
def down(json: output.Json = False) -> None:
    """Stop the platform and wait until everything has ended."""
    from cpaas.supervisor import lock

    settings = output.settings()
    pid = lock.holder_pid(settings.run)
    if pid is None:
        output.emit({"stopped": False}) if json else output.text("nothing runs in this home")
        return
    os.kill(pid, signal.SIGTERM)
    if not _gone(settings.run, pid, settings.stop_seconds + GRACE_SECONDS):
        # Its children end with it, which the kernel sees to.
        os.kill(pid, signal.SIGKILL)
        _gone(settings.run, pid, GRACE_SECONDS)
    output.emit({"stopped": True}) if json else output.text("stopped")


def _gone(run: Path, pid: int, seconds_max: float) -> bool:
    from cpaas.supervisor import lock

    deadline = time.monotonic() + seconds_max
    while lock.holder_pid(run) == pid:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
