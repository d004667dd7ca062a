"""A place in memory for what tests make and throw away, on a machine that has plenty of it.

A fresh database is three hundred new files: on a disk they cost up to fifteen times the CPU.
"""

import os
import shutil
import tempfile
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
BYTES_MIN = 3 * 1024**3


def roomy() -> Path:
    """Where there is room: the machine's memory, else the folder of temporary files."""
    try:
        free = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available // 2)
    except FileNotFoundError:
        free = 0
    if free < BYTES_MIN or not os.access(MEMORY, os.W_OK):
        return Path(tempfile.gettempdir())
    return MEMORY


def runner_pid() -> int:
    """The process all workers of this run share: pytest itself, or what started the workers."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def run_name() -> str:
    """What no other run on this machine is called, not even a later one of the same number."""
    pid = runner_pid()
    return f"{os.getuid()}-{pid}-{int(psutil.Process(pid).create_time())}"


def folder(prefix: str, owner: int | None = None) -> Path:
    """A new folder there, passable for a database's own user.

    owner: the process without which nobody needs it any more; None is the run of tests.
    """
    place = roomy()
    _sweep(place, prefix)
    made = Path(tempfile.mkdtemp(prefix=f"{prefix}{owner or runner_pid()}-", dir=place))
    made.chmod(0o711)
    return made


def _sweep(place: Path, prefix: str) -> None:
    """Gives back the memory of a run that was killed."""
    if place != MEMORY:
        return
    for left in place.glob(f"{prefix}*-*"):
        owner = left.name.removeprefix(prefix).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)  # Another user's stays, for lack of leave.
