"""What the copy's processes hold while they are killed: the most in each quarter of the traffic.

A process that is killed begins anew, so one alone proves little; that none of its lives holds more
than those before it shows that neither the backlog nor what lies in the database makes one grow.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import psutil

from cpaas.cli.bench_meter import POSTGRES, memory
from cpaas.supervisor.lock import read_state
from cpaas.supervisor.types import Status

SAMPLE_SECONDS: Final = 5.0
PARTS: Final = 4
SUPERVISOR: Final = "supervisor"
#: (seconds since the traffic began, process, bytes).
Sample = tuple[float, str, int]


class Watched:
    """Samples the memory of whatever a home's supervisor has running."""

    def __init__(self, state: Callable[[], dict[str, int]]) -> None:
        """state: name -> process id of what runs now."""
        self._state = state
        self._began = time.monotonic()
        self._samples: list[Sample] = []

    async def run(self) -> None:
        """Samples until it is cancelled."""
        while True:
            await asyncio.to_thread(self._sample)
            await asyncio.sleep(SAMPLE_SECONDS)

    def _sample(self) -> None:
        at = time.monotonic() - self._began
        for name, pid in self._state().items():
            try:
                process = psutil.Process(pid)
            except psutil.NoSuchProcess:
                continue
            held = memory(process, family=name == POSTGRES)
            if held:
                self._samples.append((at, name, held))

    def most(self) -> dict[str, list[float]]:
        """Process -> the most it held in each quarter of the traffic, in megabytes."""
        return quarters(self._samples, time.monotonic() - self._began)


def quarters(samples: Iterable[Sample], seconds: float) -> dict[str, list[float]]:
    """Process -> the most in each quarter, in megabytes; 0 where it was never seen."""
    found: dict[str, list[float]] = {}
    for at, name, held in samples:
        part = min(PARTS - 1, int(at * PARTS / max(seconds, 0.001)))
        most = found.setdefault(name, [0.0] * PARTS)
        most[part] = max(most[part], round(held / 1e6, 1))
    return dict(sorted(found.items()))


def running(run: Path) -> dict[str, int]:
    """Name -> process id of what a supervisor with this run folder has up, itself included."""
    state = read_state(run)
    if state is None:
        return {}
    up = {one.name: one.pid for one in state.services if one.pid and one.status == Status.RUNNING}
    return up | {SUPERVISOR: state.pid}
