"""Posts events to customers: from the queue first, later from the record of what failed.

Every event ends on record, delivered or with the time of its next attempt, in the transaction
that completes its queue item. No task per message: a bounded number of posts runs at once.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from cpaas.broker.base import Consumer, Item
from cpaas.db.trouble import AWAY
from cpaas.kit.guard import Guard
from cpaas.kit.http import PostClient
from cpaas.kit.log import get_logger
from cpaas.kit.pace import Pace
from cpaas.kit.secrets import Keyring
from cpaas.messages.envelopes import Event, UnreadableEnvelopeError, unpack_events
from cpaas.snapshot.types import Snapshot
from cpaas.webhooks import queries
from cpaas.webhooks.attempt import Poster, untried, wall_us
from cpaas.webhooks.lanes import JOBS_PER_ACCOUNT_MAX, Lane, Lanes
from cpaas.webhooks.recorder import Recorder
from cpaas.webhooks.schedule import GIVE_UP_US, LAST_US, SECOND_US
from cpaas.webhooks.types import Job

ITEMS_PER_TAKE_MAX: Final = 256
DUE_PER_TAKE_MAX: Final = 500
DUE_LEASE_US: Final = 60 * SECOND_US
DUE_SECONDS: Final = 1.0
#: every so many looks for what is due, old deliveries (replays) are looked at, too.
OLD_EVERY: Final = 5
#: an event of the queue that was not begun by then moves to the record, due at once.
PARK_US: Final = 30 * SECOND_US
#: what goes straight to the record because its receiver is failing is due again after this.
FAILING_DELAY_US: Final = 30 * SECOND_US
TEND_SECONDS: Final = 1.0
EXTEND_SECONDS: Final = 10.0
TROUBLE_SECONDS: Final = 1.0
STOP_SECONDS_MAX: Final = 5.0

log = get_logger("webhooks")


async def deliver(
    pool: Any,
    consumer: Consumer,
    *,
    snapshot: Callable[[], Snapshot],
    keyring: Keyring,
    guard: Guard,
    began: Callable[["Deliverer"], None] = lambda _: None,
) -> None:
    """Posts webhooks until cancelled: what cpaas-core runs; `began` is told who does it."""
    client = PostClient(guard)
    poster = Poster(pool, client, snapshot=snapshot, keyring=keyring)
    try:
        deliverer = Deliverer(pool, consumer, poster)
        began(deliverer)
        await deliverer.run()
    finally:
        await client.close()


class Deliverer:
    """Runs until cancelled; then what is not done is on record or back in the queue."""

    def __init__(
        self,
        pool: Any,
        consumer: Consumer,
        poster: Poster,
        *,
        lanes: Lanes | None = None,
        now_us: Callable[[], int] = wall_us,
        due_seconds: float = DUE_SECONDS,
    ) -> None:
        self._pool = pool
        self._consumer = consumer
        self._poster = poster
        self._lanes = lanes or Lanes()
        self._now_us = now_us
        self._due_seconds = due_seconds
        self._room = asyncio.Event()
        self._lane_room = asyncio.Event()
        self._recorder = Recorder(pool, consumer, self._room.set)
        self._workers: set[asyncio.Task[None]] = set()
        self._events_per_item = 1.0
        self._due_looks = 0
        #: when something was taken from the queue last, by the monotonic clock.
        self.taken_at = 0.0

    @property
    def excused(self) -> bool:
        """Whether there is a reason to take nothing: all lanes, or some account's, are full."""
        return bool(self._lanes.full()) or self._lanes.room - self._recorder.backlog < 1

    async def run(self) -> None:
        """Delivers until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for loop in (self._take_loop, self._due_loop, self._tend_loop, self._recorder.run):
                    group.create_task(loop())
        finally:
            await self._stop()

    # -- from the queue

    async def _take_loop(self) -> None:
        pace = Pace()
        while True:
            pace.begin()
            self._room.clear()
            room = self._lanes.room - self._recorder.backlog
            most = min(int(room / max(1.0, self._events_per_item)), ITEMS_PER_TAKE_MAX)
            if most < 1:
                await self._room.wait()
                continue
            try:
                items = await self._consumer.take(most, not_accounts=self._lanes.full())
                if items:
                    self.taken_at = time.monotonic()
                    await self._accept(items)
                if self._consumer.more:
                    continue
            except AWAY as error:
                log.warning("webhook events cannot be taken", error=str(error))
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            await pace.rest(sum(item.messages for item in items))
            await self._wait_for_items()

    async def _wait_for_items(self) -> None:
        # An account whose lane was full may have room before the queue has news.
        waits = [
            asyncio.ensure_future(self._consumer.wait(DUE_SECONDS)),
            asyncio.ensure_future(self._lane_room.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._lane_room.clear()
            for wait in waits:
                wait.cancel()

    async def _accept(self, items: Sequence[Item]) -> None:
        now_us = self._now_us()
        jobs: list[Job] = []
        again: list[bytes] = []
        for item in items:
            if item.id in self._recorder.items:
                # Ours still: its lease had ended, as when the database was away, and is new now.
                continue
            try:
                envelope = unpack_events(item.payload)
            except UnreadableEnvelopeError as error:
                await self._consumer.bury([item], str(error))
                continue
            if not envelope.events:
                await self._recorder.complete_empty([item.id])
                continue
            self._recorder.expect(item.id, len(envelope.events))
            if item.tries > 1:
                again += [event.id for event in envelope.events]
            jobs += [job_of(event, item, now_us, now_us + PARK_US) for event in envelope.events]
        self._events_per_item = len(jobs) / len(items)
        done: set[bytes] = set()
        if again:
            async with self._pool.acquire() as connection:
                done = await queries.recorded(connection, again)
        for job in jobs:
            if job.event_id in done:
                self._recorder.add(untried(job, "skipped", now_us, text="on record already"))
            else:
                self._sort(job, now_us)
        self._start_posts()

    def _sort(self, job: Job, now_us: int) -> None:
        if job.item and self._lanes.lane(job.account_id).failing:
            # The receiver's next chance is its retries: the queue is not its waiting room.
            self._recorder.add(untried(job, "retrying", now_us, next_us=now_us + FAILING_DELAY_US))
        else:
            self._lanes.add(job)

    # -- from the record

    async def _due_loop(self) -> None:
        while True:
            found = 0
            try:
                found = await self._take_due()
            except AWAY as error:
                log.warning("due webhooks cannot be taken", error=str(error))
            if found < DUE_PER_TAKE_MAX // 2:
                await asyncio.sleep(self._due_seconds)

    async def _take_due(self) -> int:
        most = min(self._lanes.room - self._recorder.backlog, DUE_PER_TAKE_MAX)
        if most < 1:
            return 0
        self._due_looks += 1
        now_us = self._now_us()
        old = self._due_looks % OLD_EVERY == 0
        async with self._pool.acquire() as connection, connection.transaction():
            jobs = await queries.lease_due(
                connection,
                now_us,
                oldest_us=now_us - (queries.REPLAYED_US if old else queries.RETRIED_US),
                lease_us=DUE_LEASE_US,
                most=most,
                not_accounts=self._lanes.full(),
                first_account=int(self._poster.uniform() * 2**31),
            )
        for job in jobs:
            if job.status == "retrying" and now_us >= job.created_us + GIVE_UP_US + LAST_US:
                self._recorder.add(untried(job, "failed", now_us, text="no answer for 24 hours"))
            else:
                self._lanes.add(job)
        self._start_posts()
        return len(jobs)

    # -- posts

    def _start_posts(self) -> None:
        while (lane := self._lanes.next_start()) is not None:
            job = self._lanes.take(lane)
            if job is None:
                return
            lane.running += 1
            self._lanes.running += 1
            worker = asyncio.create_task(self._work(lane, job))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self, lane: Lane, first: Job) -> None:
        job: Job | None = first
        try:
            while job is not None:
                try:
                    outcome = await self._poster.attempt(job, lane)
                except asyncio.CancelledError:
                    self._recorder.add(
                        untried(job, job.status, self._now_us(), next_us=self._now_us())
                    )
                    raise
                self._recorder.add(outcome)
                if lane.failing:
                    for queued in self._lanes.take_queued(lane):
                        self._sort(queued, self._now_us())
                if not self._lanes.may_go_on(lane):
                    break
                job = self._lanes.take(lane)
                if len(lane.jobs) == JOBS_PER_ACCOUNT_MAX // 2:
                    self._lane_room.set()
        finally:
            lane.running -= 1
            self._lanes.running -= 1
        self._start_posts()

    # -- upkeep

    async def _tend_loop(self) -> None:
        extended = 0.0
        while True:
            await asyncio.sleep(TEND_SECONDS)
            now_us = self._now_us()
            for job in self._lanes.take_stale(now_us):
                # The lease of what came from the record ends by itself.
                if job.item:
                    self._recorder.add(untried(job, "retrying", now_us, next_us=now_us))
            self._lanes.forget(now_us)
            self._poster.client.drop_idle()
            extended += TEND_SECONDS
            if extended >= EXTEND_SECONDS:
                extended = 0.0
                try:
                    await self._consumer.extend(sorted(self._recorder.items))
                except AWAY as error:
                    log.warning("leases of webhook events not prolonged", error=str(error))

    async def _stop(self) -> None:
        workers = list(self._workers)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        now_us = self._now_us()
        for job in self._lanes.take_all():
            self._recorder.add(untried(job, job.status, now_us, next_us=now_us))
        try:
            # Without the database the leases end by themselves, and another process goes on.
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await self._recorder.flush()
        except TimeoutError:
            log.warning("webhook outcomes not recorded", count=self._recorder.backlog)


def job_of(event: Event, item: Item, now_us: int, stale_us: int) -> Job:
    """The job of an event that came from the queue."""
    return Job(
        event_id=event.id,
        account_id=item.account_id,
        message_id=event.message_id,
        event_type=event.type,
        url=event.url,
        body=event.body,
        item=item.id,
        created_us=now_us,
        stale_us=stale_us,
    )
