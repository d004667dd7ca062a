"""Programs for the supervisor that need nothing but Python."""

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from cpaas.kit.child import Command
from cpaas.supervisor.types import Program

WAIT_SECONDS_MAX = 60.0


def fake_program(name: str, port: int, mode: str = "well") -> Program:
    """A fake service on a port."""
    script = Path(__file__).with_name("fake_service.py")
    return Program(
        name=name,
        command=Command(argv=(sys.executable, str(script), str(port), mode), env=os.environ),
        health=("127.0.0.1", port, "/health"),
        ports=(("CPAAS_CORE_PORT", port),),
        template=fake_template(),
        arguments=(str(port), mode),
    )


def fake_template() -> Command:
    """A process that becomes a fake service for each request."""
    script = Path(__file__).with_name("fake_template.py")
    return Command(argv=(sys.executable, str(script), "{socket}"), env=os.environ)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], object], what: str) -> None:
    """Waits for something to become true."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """True when no such process runs (a zombie does not)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
