"""One run of the bench: send, wait until all has arrived, measure, reconcile.

Whatever the runs share (the copy of the platform, the far ends) is made once and lives in `Stage`.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, TypeVar

import asyncpg
import msgspec
import psutil

from cpaas.cli import bench_queries, output
from cpaas.cli.bench_meter import Meter
from cpaas.cli.bench_report import Measured, checks
from cpaas.cli.private_copy import Copy
from cpaas.kit.ids import lowest_at
from cpaas.messages.statuses import FINAL
from cpaas.simulators.load import Load, LoadError, LoadPlan, LoadResult
from cpaas.simulators.load.ends import Ports
from cpaas.simulators.load.tally import Ends

STALL_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.1
#: a commit of the platform may follow what the ends saw by this much at most.
BOOKS_SECONDS: Final = 10.0

T = TypeVar("T")


class FarEnds:
    """The process with the simulated SMSC and the customer; it ends when its input does."""

    def __init__(self, *, receipts: bool) -> None:
        words = [] if receipts else ["--no-receipts"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cpaas.simulators.load.ends", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for the bench, which ends this one when the platform is down.
            process_group=0,
        )
        self.ports = msgspec.json.decode(self._line(), type=Ports)

    def ask(self, word: str) -> Ends:
        """What they saw; `report`, or `clear` to begin anew."""
        assert self.process.stdin is not None  # noqa: S101 - opened above
        self.process.stdin.write(f"{word}\n".encode())
        self.process.stdin.flush()
        return msgspec.json.decode(self._line(), type=Ends)

    def stop(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.communicate()

    def _line(self) -> bytes:
        assert self.process.stdout is not None  # noqa: S101 - opened above
        line = self.process.stdout.readline()
        if not line:
            raise output.CliError("the simulated SMSC ended", "see what it told above")
        return line


class Stage(msgspec.Struct):
    """What all runs share; `sent` counts up so that every request has its own number."""

    copy: Copy
    ends: FarEnds
    receipts: bool
    sent: int = 0

    def ask(self, question: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Runs one question on the copy's database."""

        async def run() -> T:
            connection = await asyncpg.connect(self.copy.settings.dsn())
            try:
                return await question(connection)
            finally:
                await connection.close()

        return asyncio.run(run())

    def load(self, requests: int, **wishes: Any) -> LoadResult:
        """Sends so many requests."""
        import uvloop

        plan = LoadPlan(
            port=self.copy.settings.core_port, keys=self.copy.keys,
            requests=requests, first=self.sent, **wishes,
        )  # fmt: skip
        self.sent += requests
        try:
            return uvloop.run(Load(plan).run())
        except LoadError as error:
            raise output.CliError(str(error), "see the logs of cpaas-core with --keep") from error


@contextlib.contextmanager
def far_ends(*, receipts: bool) -> Iterator[FarEnds]:
    """The far ends as long as the context lasts."""
    ends = FarEnds(receipts=receipts)
    try:
        yield ends
    finally:
        ends.stop()


def measure(stage: Stage, requests: int, **wishes: Any) -> Measured:
    """One run, reconciled."""
    stage.ends.ask("clear")
    since = lowest_at(time.time_ns() // 1_000_000)
    wal = stage.ask(bench_queries.wal_position)
    far_before = _cpu(stage.ends.process.pid)
    with Meter(stage.copy.processes) as meter:
        load = stage.load(requests, **wishes)
        ends = _arrived(stage, load.accepted)
        # Read at once: what follows is the bench's own doing.
        cpu, far = meter.spent(), _cpu(stage.ends.process.pid)
    measured = Measured(
        requests=requests, load=load, ends=ends, cpu=cpu, ends_cpu=far - far_before,
        memory=meter.peaks, wal_bytes=stage.ask(bench_queries.wal_position) - wal,
        receipts=stage.receipts,
        books=stage.ask(lambda c: bench_queries.books(c, since, sorted(FINAL))),
    )  # fmt: skip
    deadline = time.monotonic() + BOOKS_SECONDS
    while not all(check.good for check in checks(measured)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        measured.books = stage.ask(lambda c: bench_queries.books(c, since, sorted(FINAL)))
        measured.ends = stage.ends.ask("report")
    return measured


def _arrived(stage: Stage, accepted: int) -> Ends:
    """Waits until every message is at both ends, or nothing has moved for a while."""
    moved, before = time.monotonic(), -1
    while True:
        ends = stage.ends.ask("report")
        if (ends.finals if stage.receipts else ends.submits) >= accepted:
            return ends
        now = ends.submits + ends.finals
        if now != before:
            moved, before = time.monotonic(), now
        elif time.monotonic() - moved > STALL_SECONDS:
            output.step(f"nothing has moved for {STALL_SECONDS:g} s")
            return ends
        time.sleep(POLL_SECONDS)


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
