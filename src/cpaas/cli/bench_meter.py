"""CPU and memory of the copy's processes, so that a bench can say what a message costs.

PostgreSQL counts as one with all its children, those that ended meanwhile included. Memory is
counted in shares (PSS): its processes map the same buffers, and services the same modules.
"""

import threading
from collections.abc import Mapping
from typing import Final, Self

import psutil

POSTGRES: Final = "postgres"
SAMPLE_SECONDS: Final = 1.0


class Meter:
    """Measures named processes; sampling of memory runs while the context lasts."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items() if pid}
        self.peaks = dict.fromkeys(self._processes, 0)
        self._before = self.cpu()
        self._stop = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self.sample()
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._sampler.join()
        self.sample()

    def cpu(self) -> dict[str, float]:
        """CPU-seconds of each since it began."""
        return {
            name: _cpu(process, family=name == POSTGRES)
            for name, process in self._processes.items()
        }

    def spent(self) -> dict[str, float]:
        """CPU-seconds of each since this meter was made."""
        return {name: now - self._before[name] for name, now in self.cpu().items()}

    def sample(self) -> None:
        """Looks at the memory of each and keeps the most."""
        for name, process in self._processes.items():
            now = memory(process, family=True)
            self.peaks[name] = max(self.peaks[name], now)

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.sample()


def _cpu(process: psutil.Process, *, family: bool) -> float:
    if not family:
        times = process.cpu_times()
        return float(times.user + times.system)
    total = 0.0
    for one in _family(process):
        try:
            times = one.cpu_times()
        except psutil.Error:
            continue  # Its parent counts it from now on.
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory(process: psutil.Process, *, family: bool) -> int:
    """Bytes that a process holds; family: with all its children, shared pages counted once."""
    total = 0
    for one in _family(process) if family else [process]:
        try:
            if family:
                whole = one.memory_full_info()
                total += int(getattr(whole, "pss", whole.uss))
            else:
                total += int(one.memory_info().rss)
        except psutil.Error:
            continue  # It ended meanwhile, or hides what it holds.
    return total


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return [process]
