"""Steady traffic for a long time: no process of the platform grows, and the books agree all along.

Ten minutes unless CPAAS_SOAK_MINUTES says otherwise; an hour is the full measure.
"""

import json
import os
import statistics
import sys
import time

import psutil
import pytest

from cpaas.cli import bench_report
from cpaas.cli.bench_run import Stage, far_ends, measure
from cpaas.cli.private_copy import Copy

MINUTES = float(os.environ.get("CPAAS_SOAK_MINUTES", "10"))
RATE = 400
SLICE_SECONDS = 15
#: what fragmentation may move about; a leak of 100 bytes a message is found by ten minutes.
GROWTH = 1.05
GROWTH_BYTES = 8_000_000
PYTHONS = ("cpaas-core", "cpaas-sms", "supervisor")


def private_bytes(pid: int) -> int:
    """What the process holds for itself."""
    return int(psutil.Process(pid).memory_full_info().uss)


@pytest.mark.soak
@pytest.mark.timeout(int(MINUTES * 60) + 900)
def test_memory_stays_flat(capsys: pytest.CaptureFixture[str]) -> None:
    samples: dict[str, list[int]] = {}
    latencies: list[float] = []
    with far_ends(receipts=True) as ends, Copy(None) as copy:
        copy.start(ends.ports, 4, events=None)
        stage = Stage(copy, ends, receipts=True)
        until = time.monotonic() + MINUTES * 60
        while time.monotonic() < until:
            measured = measure(stage, RATE * SLICE_SECONDS, connections=32, rate=RATE)
            wrong = [one for one in bench_report.checks(measured) if not one.good]
            assert not wrong, wrong
            latencies += measured.load.latencies
            for name, pid in copy.processes.items():  # Of PostgreSQL only the postmaster.
                samples.setdefault(name, []).append(private_bytes(pid))
    told = {name: [round(one / 1e6, 1) for one in found] for name, found in samples.items()}
    p99 = statistics.quantiles(latencies, n=100)[98]
    with capsys.disabled():
        figures = {"minutes": MINUTES, "messages": stage.sent, "p99_ms": round(p99 * 1000, 1)}
        sys.stdout.write(json.dumps(figures | {"megabytes": told}) + "\n")
    for name in PYTHONS:
        found = samples[name]
        third = len(found) // 3
        middle, last = (statistics.median(f) for f in (found[third:-third], found[-third:]))
        assert last <= middle * GROWTH + GROWTH_BYTES, (name, told[name])
