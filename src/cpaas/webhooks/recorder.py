"""Writes outcomes down in group commits, and completes a queue item with its last event's record.

While one commit is under way the next outcomes gather, and a busy one paces itself. The record and
the end of the queue item are one statement, so an event is either still in the queue or on record,
at every moment.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncpg

from cpaas.broker.base import Consumer
from cpaas.db.trouble import AWAY
from cpaas.kit.log import get_logger
from cpaas.kit.pace import Pace
from cpaas.webhooks import queries
from cpaas.webhooks.types import Outcome

BATCH_MAX: Final = 1_000
RETRY_SECONDS: Final = 0.2
RETRY_SECONDS_MAX: Final = 5.0

log = get_logger("webhooks")


class Recorder:
    """Outcomes on their way to the database, and what is left of each queue item."""

    def __init__(self, pool: Any, consumer: Consumer, on_room: Callable[[], None]) -> None:
        self.items: dict[int, int] = {}
        self._pool = pool
        self._consumer = consumer
        self._on_room = on_room
        self._waiting: list[Outcome] = []
        self._new = asyncio.Event()
        self._lock = asyncio.Lock()
        self._pace = Pace()

    @property
    def backlog(self) -> int:
        """Outcomes not yet on record."""
        return len(self._waiting)

    def expect(self, item_id: int, events: int) -> None:
        """An item is complete when so many of its events are on record."""
        self.items[item_id] = events

    def add(self, outcome: Outcome) -> None:
        """Writes an outcome down with the next commit."""
        self._waiting.append(outcome)
        self._new.set()

    async def run(self) -> None:
        """Commits whenever the last commit is back; never ends by itself."""
        while True:
            await self._new.wait()
            self._new.clear()
            self._pace.begin()
            outcomes = len(self._waiting)
            await self.flush()
            await self._pace.rest(outcomes)

    async def flush(self) -> None:
        """Commits all that waits, however often the database must be asked."""
        delay, size = RETRY_SECONDS, BATCH_MAX
        async with self._lock:
            while self._waiting:
                batch = self._waiting[:size]
                # A commit cut short is made again as it was; on record, nothing doubles.
                try:
                    await self._commit(batch)
                except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                    # One bad event must not hold up the others: it is found by halving.
                    size = max(1, len(batch) // 2)
                    if len(batch) > 1:
                        continue
                    await self._give_up(batch[0], error)
                except AWAY as error:
                    log.warning("webhook outcomes not recorded yet", error=str(error))
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, RETRY_SECONDS_MAX)
                    continue
                del self._waiting[: len(batch)]
                delay, size = RETRY_SECONDS, min(size * 2, BATCH_MAX)
                self._on_room()

    async def complete_empty(self, item_ids: Sequence[int]) -> None:
        """Completes items none of whose events is left to do."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._consumer.complete(connection, item_ids)

    async def _commit(self, batch: Sequence[Outcome]) -> None:
        counts = Counter(outcome.job.item for outcome in batch if outcome.job.item)
        done = sorted(item for item, count in counts.items() if self.items[item] == count)
        # Each is one statement and stands for itself: done twice, neither does anything.
        async with self._pool.acquire() as connection:
            await queries.record(connection, [o for o in batch if o.job.item], done)
            await queries.update(connection, [o for o in batch if not o.job.item])
        for item, count in counts.items():
            self.items[item] -= count
        for item in done:
            del self.items[item]

    async def _give_up(self, outcome: Outcome, error: Exception) -> None:
        job = outcome.job
        log.error("a webhook event cannot be recorded", id=job.event_id.hex(), error=str(error))
        if job.item:
            if self.items[job.item] == 1:
                await self.complete_empty([job.item])
                del self.items[job.item]
            else:
                self.items[job.item] -= 1
