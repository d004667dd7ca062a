"""The queue inside PostgreSQL: published in the caller's transaction, taken by lease.

The default carrier of work, so that one machine needs no broker; the contract suite holds it and
any other carrier to the same behaviour.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from cpaas.broker import embedded_queries as queries
from cpaas.broker.base import LANES, TRIES_MAX, Item, ItemsGoneError, NewItem, apart, within
from cpaas.broker.wakeups import QueueWakeups, channels

POLL_SECONDS_MAX = 1.0
DEPTH_COUNTED_MAX = 100_000
#: every so many takes the lanes are served lowest first, so that none waits for ever.
LOW_LANES_EVERY = 8
_LANES = tuple(range(LANES))


class Depth(msgspec.Struct, frozen=True):
    """How much waits in a queue; counted up to 100,000 items."""

    items: int
    messages: int
    oldest_seconds: float


async def publish(connection: Any, items: Sequence[NewItem]) -> None:
    """Inserts items in the caller's transaction; their consumers wake when it commits."""
    if items:
        await queries.insert_items(connection, *columns(items))


async def replay(connection: Any, dead_letter_ids: Sequence[int]) -> int:
    """Gives dead letters back to their queues; returns how many there were."""
    return await queries.replay(connection, list(dead_letter_ids))


async def depth(connection: Any, queue: str) -> Depth:
    """Items and messages of a queue, and how long its oldest ready item waits."""
    row = await queries.depth(connection, queue, DEPTH_COUNTED_MAX)
    return Depth(row["items"], row["messages"], row["oldest"] or 0.0)


async def move(connection: Any, queue: str, to: str) -> int:
    """Moves whatever lies in a queue to another one, leased or not; returns how many items."""
    return await queries.move(connection, queue, to)


async def hasten(connection: Any, queue: str) -> None:
    """Makes a queue's delayed items ready now; those that are leased stay so."""
    await queries.hasten(connection, queue)


async def release_leases_of(connection: Any, instance_ids: Sequence[int]) -> None:
    """Gives back what dead instances had taken; it reads the whole queue, so once a start."""
    await queries.release_leases_of(connection, list(instance_ids))


async def lying(connection: Any, queues: Sequence[str]) -> dict[tuple[str, bool], int]:
    """Messages in each of these queues, which must be short; lane 0 (True) and others apart."""
    return await queries.lying(connection, list(queues))


async def lanes_apart(connection: Any, queue: str) -> list[int]:
    """Lanes beyond the first three that hold something."""
    return await queries.lanes_apart(connection, queue, LANES)


async def end_waits(connection: Any, queue: str, lanes: Sequence[int], most: int) -> int:
    """Puts items of these lanes back into those they were published in; returns how many."""
    return await queries.end_waits(connection, queue, list(lanes), most)


class EmbeddedConsumer:
    """Takes items of one queue: OTP lane first, then fair between accounts."""

    def __init__(
        self,
        pool: Any,
        queue: str,
        instance_id: int,
        *,
        lease_seconds: float = 30.0,
        wakeups: QueueWakeups | None = None,
        tries_max: int = TRIES_MAX,
        on_news: Callable[[], None] | None = None,
    ) -> None:
        self.queue = queue
        self._pool = pool
        self._instance_id = instance_id
        self._lease_seconds = lease_seconds
        self._tries_max = tries_max
        self._wakeups = wakeups
        self._on_news = on_news
        self._event = asyncio.Event()
        self._poll_at = 0.0
        if wakeups is not None:
            wakeups.subscribe(queue, self.wake)
        self._takes = 0
        self.more = False
        # Where each lane's walk over the accounts goes on.
        self._after: defaultdict[int, int] = defaultdict(lambda: -1)

    def close(self) -> None:
        """No more wake-ups; what is still leased comes back by itself."""
        if self._wakeups is not None:
            self._wakeups.unsubscribe(self.queue, self.wake)

    def pause(self) -> None:
        """Nothing that is carried here waits for this process; there is nothing to stop."""

    def resume(self) -> None:
        """Ends what `pause` began."""

    def wake(self) -> None:
        """Something may be ready: ends a `wait` and makes `news` true."""
        self._event.set()
        if self._on_news is not None:
            self._on_news()

    def news(self) -> bool:
        """Whether something may have become ready since this was last asked."""
        now = asyncio.get_running_loop().time()
        if not self._event.is_set() and now < self._poll_at:
            return False
        self._event.clear()
        self._poll_at = now + POLL_SECONDS_MAX
        return True

    async def take(
        self, most: int, *, not_accounts: Sequence[int] = (), lanes: Sequence[int] = (),
        room: int = 0, piece: int = 1,
    ) -> list[Item]:  # fmt: skip
        """Up to `most` ready items, leased to this process; empty when there are none."""
        if most <= 0:
            return []
        self._takes += 1
        if not lanes:
            lanes = _LANES[::-1] if self._takes % LOW_LANES_EVERY == 0 else _LANES
        if len(lanes) == len(_LANES) and not not_accounts:
            # What is published from here on is news again; all that was before is seen now.
            self._event.clear()
        rows = await self._lease(most, lanes, not_accounts)
        self.more = False
        if not rows:
            return []
        taken = self._in_turn([Item(*row[:-1]) for row in rows], lanes)
        counts = Counter((item.lane, item.account_id) for item in taken)
        self.more = len(taken) >= most or max(counts.values()) >= rows[0][-1]
        if room:
            taken = await self._within(taken, room, piece)
        worn = [item for item in taken if item.tries > self._tries_max]
        if worn:
            await self.bury(worn, f"taken {self._tries_max} times without an end")
            taken = [item for item in taken if item.tries <= self._tries_max]
        taken, back = apart(taken)
        if back:
            await self.release([item.id for item in back])
            self.more = True
        return taken

    async def _within(self, taken: list[Item], room: int, piece: int) -> list[Item]:
        kept = within(taken, room, piece)
        back = taken[len(kept) :]
        if back:
            self.more = True
            # Those without room have their turn still before them.
            self._after.update({item.lane: item.account_id for item in kept})
            for lane in {item.lane for item in back}:
                await self.release([item.id for item in back if item.lane == lane], lane=lane)
        return kept

    async def _lease(
        self, most: int, lanes: Sequence[int], not_accounts: Sequence[int]
    ) -> Sequence[Sequence[Any]]:
        """Rows of `queries.take`."""
        async with self._pool.acquire() as connection:
            return await queries.take(
                connection, self.queue, list(lanes), [self._after[lane] for lane in lanes], most,
                not_accounts=not_accounts, lease_seconds=self._lease_seconds,
                instance_id=self._instance_id,
            )  # fmt: skip

    def _in_turn(self, taken: list[Item], lanes: Sequence[int]) -> list[Item]:
        """Lane by lane, one item of each account in turn; notes where each lane's walk ended."""
        ordered: list[Item] = []
        for lane in lanes:
            items = [item for item in taken if item.lane == lane]
            if items:
                after = self._after[lane]
                # The order in which the walk met the accounts, from which it goes on next time.
                items.sort(key=partial(_walked, after))
                self._after[lane] = items[-1].account_id
                ordered += _interleaved(items)
        return ordered

    async def wait(self, timeout_seconds: float) -> None:
        """Returns when something may be ready, after the timeout, or after a second."""
        if not self._event.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(timeout_seconds, POLL_SECONDS_MAX)):
                    await self._event.wait()
        self._event.clear()

    async def complete(self, connection: Any, ids: Sequence[int]) -> set[int]:
        """Deletes items in the caller's transaction; returns those that nobody had ended yet."""
        return await queries.delete(connection, list(ids)) if ids else set()

    async def replace(self, connection: Any, ids: Sequence[int], items: Sequence[NewItem]) -> None:
        """Deletes items and publishes what became of them, in one statement: all or nothing."""
        if items and ids:
            inserted, wake = columns(items)
            if not await queries.replace(connection, list(ids), inserted, wake):
                raise ItemsGoneError(f"some of {len(ids)} items were ended by another worker")
        else:
            await publish(connection, items)
            await self.complete(connection, ids)

    async def release(
        self, ids: Sequence[int], *, delay_ms: int = 0, lane: int | None = None
    ) -> None:
        """Gives items back unworked, available after the delay; without one, as old as they are."""
        if ids:
            await queries.release(self._pool, list(ids), self._instance_id, delay_ms, lane)

    async def extend(self, ids: Sequence[int]) -> None:
        """Prolongs the lease of items still being worked."""
        if ids:
            await queries.extend(self._pool, list(ids), self._instance_id, self._lease_seconds)

    async def bury(self, items: Sequence[Item], reason: str) -> None:
        """Moves items to the dead letters of their queue with the reason."""
        if items:
            await queries.bury(self._pool, [item.id for item in items], reason)


class EmbeddedBroker:
    """PostgreSQL as the carrier of a process's work."""

    def __init__(self, pool: Any, wakeups: QueueWakeups, instance_id: int) -> None:
        self._pool = pool
        self._instance_id = instance_id
        self._wakeups = wakeups

    async def start(self) -> None:
        """Begins to listen for news."""
        await self._wakeups.start()

    async def close(self) -> None:
        """Ends it; what is still leased comes back by itself."""
        await self._wakeups.close()

    def consumer(
        self, queue: str, *, on_news: Callable[[], None] | None = None
    ) -> EmbeddedConsumer:
        """A consumer of a queue."""
        return EmbeddedConsumer(
            self._pool, queue, self._instance_id, wakeups=self._wakeups, on_news=on_news
        )

    def gauges(self) -> list[tuple[str, float]]:
        """What /metrics shows of it."""
        return []

    def details(self) -> dict[str, object]:
        """What heartbeat and health tell of it."""
        return {}


def columns(items: Sequence[NewItem]) -> tuple[Sequence[Sequence[Any]], list[str]]:
    """The parameters of `embedded_queries.INSERT`, and the channels of those whom it wakes."""
    inserted = (
        [i.queue for i in items],
        [i.lane for i in items],
        [i.account_id for i in items],
        [i.delay_ms for i in items],
        [i.messages for i in items],
        [i.payload for i in items],
    )
    # Who puts something apart knows of it.
    return inserted, channels({i.queue for i in items if i.delay_ms <= 0 and i.lane < LANES})


def _walked(after: int, item: Item) -> tuple[bool, int, int]:
    return item.account_id <= after, item.account_id, item.id


def _interleaved(items: list[Item]) -> list[Item]:
    """One item of each account in turn, from items that stand together by account."""
    seen: dict[int, int] = {}
    ranks = []
    for item in items:
        ranks.append(seen.get(item.account_id, 0))
        seen[item.account_id] = ranks[-1] + 1
    order = sorted(range(len(items)), key=ranks.__getitem__)
    return [items[position] for position in order]
