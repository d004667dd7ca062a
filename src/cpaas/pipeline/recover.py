"""Runs recovery's sweeps, each at its own pace and each by one process of the platform at a time.

Every sweep is one short transaction that begins by asking for its advisory lock, so that any
number of processes may run this loop and a dead one is replaced at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import msgspec

from cpaas.db.trouble import is_passing
from cpaas.kit.ids import lowest_at
from cpaas.kit.log import get_logger
from cpaas.media import queries as media_queries
from cpaas.pipeline import expiry, held, overdue, recover_queries, unknown
from cpaas.pipeline.adopt import DAY_MS, REACH_DAYS
from cpaas.pipeline.best_delivery import sweep_best_delivery
from cpaas.pipeline.clock_steps import ClockSteps
from cpaas.pipeline.expire import ExpiredWaiting
from cpaas.pipeline.transitions import Context
from cpaas.pipeline.waits import Heartbeats, Waits
from cpaas.snapshot.types import Snapshot

_log = get_logger(__name__)

TICK_SECONDS: Final = 0.5
ROUNDS_MAX: Final = 200
#: files and conversations forgotten at once.
MEDIA_MAX: Final = 3_000
Sweep = Callable[[Any, Context], Awaitable[int]]


class Job(msgspec.Struct):
    """A sweep, its lock's number, and how often it runs; repeats while it finds full batches."""

    number: int
    name: str
    every_seconds: float
    sweep: Sweep
    full: int = 0
    due: float = 0.0


class UnknownOutcomes:
    """The sweep over unknown outcomes, with its place in their row of events."""

    def __init__(self, wait_us: int = unknown.WAIT_US) -> None:
        self._wait_us = wait_us
        self._waits = Waits()
        self._after = b""

    async def sweep(self, connection: Any, context: Context) -> int:
        """Decide about unknown outcomes; begins four days back when this process has no place."""
        if not self._after:
            first_ms = context.now_us // 1000 - REACH_DAYS * DAY_MS
            self._after = lowest_at(first_ms).bytes
        before = self._after
        after = await unknown.sweep_unknown(
            connection, context, before, self._waits, wait_us=self._wait_us
        )
        # A place may move on only a while behind the clock: other hosts' ids may be older.
        behind = lowest_at(context.now_us // 1000 - 60_000).bytes
        self._after = max(before, min(after, behind))
        return 0


async def old_media(connection: Any, _context: Context) -> int:
    """Forgets files and conversations whose time is over."""
    return await media_queries.delete_expired(connection, MEDIA_MAX)


def jobs(wait_us: int = unknown.WAIT_US) -> list[Job]:
    """Every sweep of the platform."""
    hour = 3600.0
    recent = partial(overdue.sweep_silent, accepted_before_us=2 * overdue.HOUR_US)
    batch = overdue.BATCH_MAX
    return [
        Job(1, "dead instances", 2, partial(unknown.sweep_dead, hearts=Heartbeats())),
        Job(2, "unknown outcomes", 1, UnknownOutcomes(wait_us).sweep),
        Job(3, "unmatched receipts", 0.5, overdue.sweep_unmatched, full=batch),
        Job(4, "no receipt", hour, recent, full=batch),
        Job(5, "no receipt, late senders", 24 * hour, overdue.sweep_silent, full=batch),
        Job(6, "stranded messages", 24 * hour, overdue.sweep_stranded),
        Job(7, "partitions", hour, overdue.sweep_partitions),
        Job(8, "old rows", 60, overdue.sweep_old_rows, full=overdue.DELETE_MAX),
        Job(9, "expired", 5, ExpiredWaiting().sweep),
        Job(10, "validity of dead letters", 60, expiry.LettersWalk().sweep),
        Job(14, "validity of what no queue holds", 30, expiry.OverdueWalk().sweep),
        Job(11, "clock", 5, ClockSteps().sweep),
        Job(12, "held messages", 10, held.sweep),
        Job(13, "media and conversations", 600, old_media, full=MEDIA_MAX),
        Job(21, "best delivery", 10, sweep_best_delivery),
    ]


async def run_sweeps(
    pool: Any,
    snapshot: Callable[[], Snapshot],
    instance_id: int,
    clock_us: Callable[[], int],
    *,
    unknown_wait_us: int = unknown.WAIT_US,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Run every sweep for ever; cancel it to end. A failing one is logged and tried again."""
    todo = jobs(unknown_wait_us)
    while True:
        for job in todo:
            if monotonic() >= job.due:
                job.due = monotonic() + job.every_seconds
                await _run(pool, job, lambda: Context(snapshot(), instance_id, clock_us()))
        await asyncio.sleep(TICK_SECONDS)


async def _run(pool: Any, job: Job, context: Callable[[], Context]) -> None:
    try:
        for _ in range(ROUNDS_MAX):
            if not await run_once(pool, job, context()):
                return
    except Exception as error:  # noqa: BLE001 - one failing sweep must not end the others
        if is_passing(error):
            _log.warning("sweep_waits_for_the_database", sweep=job.name, error=repr(error))
        else:
            _log.exception("sweep_failed", sweep=job.name)


async def run_once(pool: Any, job: Job, context: Context) -> bool:
    """One transaction of a sweep, if no other process is at it; whether there is more at once."""
    async with pool.acquire() as connection, connection.transaction():
        if not await recover_queries.elect(connection, job.number):
            return False
        done = await job.sweep(connection, context)
    return bool(job.full) and done >= job.full
