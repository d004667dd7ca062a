"""The route step: what was accepted gets its plan of routes and goes to the first one's queue.

All of a turn is one transaction: scheduled messages that are due, late refusals with their refunds,
the envelopes for the gateways, and the end of the items they came from. A route whose queue is
full, or an account that is switched off, holds up nobody else.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import asyncpg
import msgspec

from cpaas.broker import embedded
from cpaas.broker.base import Consumer, Item
from cpaas.broker.topology import gateway_queue
from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger
from cpaas.messages import queries
from cpaas.messages.envelopes import UnreadableEnvelopeError, unpack
from cpaas.messages.types import Finish
from cpaas.pipeline import route_queries
from cpaas.pipeline.load import RouteLoad, lying_max
from cpaas.pipeline.sort import Sorter, Work
from cpaas.pipeline.transitions import Context, finish
from cpaas.snapshot.types import Route, Snapshot

ITEMS_MAX: Final = 128
MESSAGES_MAX: Final = 2_000
#: how long an account is passed over after its route was found full, at most.
HELD_SECONDS: Final = 0.2
INACTIVE_SECONDS: Final = 5.0
RESYNC_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 1.0
FULL_SECONDS: Final = 0.02
PAUSE_SECONDS: Final = 1.0
CONFLICT_TRIES_MAX: Final = 10
OTP: Final = (0,)
OTHERS: Final = (1, 2)
LOW_LANES_EVERY: Final = 8
_CONFLICTS: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_log = get_logger(__name__)


class _Held(msgspec.Struct, frozen=True):
    """An account's lanes that are passed over; route None: until the time alone."""

    until: float
    route: Route | None
    lane: str


class Router:
    """Routes the messages of one channel."""

    def __init__(
        self,
        pool: Any,
        consumer: Consumer,
        snapshot: Callable[[], Snapshot],
        load: RouteLoad,
        *,
        channel: str,
        instance_id: int,
        clock_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._consumer = consumer
        self._snapshot = snapshot
        self._load = load
        self._channel = channel
        self._instance_id = instance_id
        self._clock_us = clock_us
        self._clock = clock
        self._held: dict[tuple[int, bool], _Held] = {}
        self._takes = 0
        self._short = False
        self._stopping = False
        self._resync_at = 0.0

    async def run(self) -> None:
        """Routes until `stop`; what a cancelled one held comes back by itself."""
        while not self._stopping:
            try:
                if not await self.turn():
                    await self._rest()
            except Exception as error:  # noqa: BLE001 - the step must never end; the log has it
                if is_passing(error):
                    _log.warning("route_step_waits_for_the_database", error=repr(error))
                else:
                    _log.exception("route_step_failed", channel=self._channel)
                await asyncio.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        """Takes no more: `run` ends after the turn under way."""
        self._stopping = True

    async def turn(self) -> bool:
        """Takes and routes what there is room for; returns whether anything moved."""
        snapshot = self._snapshot()
        routes = [r for r in snapshot.routes.values() if r.channel == self._channel and r.active]
        await self._resync(routes)
        self._takes += 1
        others = OTHERS[::-1] if self._takes % LOW_LANES_EVERY == 0 else OTHERS
        items: list[Item] = []
        self._short = False
        for lanes, lane in ((OTP, "otp"), (others, "transactional")):
            # Without any active route everything is refused, which needs no room.
            if not routes or any(self._load.room(route, lane) > 0 for route in routes):
                held = self._passed_over(otp=lane == "otp")
                items += await self._consumer.take(ITEMS_MAX, not_accounts=held, lanes=lanes)
            else:
                self._short = True
        moved = False
        for chunk in _chunks(items):
            moved |= await self._route(snapshot, chunk)
        return moved

    async def _rest(self) -> None:
        """Until something is published; while a route is full, until it may have room again."""
        if self._held or self._short:
            await asyncio.sleep(FULL_SECONDS)
        else:
            await self._consumer.wait(IDLE_SECONDS)

    def _passed_over(self, *, otp: bool) -> list[int]:
        now = self._clock()
        for key, held in list(self._held.items()):
            route = held.route
            free = route is not None and self._load.room(route, held.lane) > lying_max(route) // 4
            if held.until <= now or free:
                del self._held[key]
        return [account_id for account_id, is_otp in self._held if is_otp == otp]

    async def _resync(self, routes: Sequence[Route]) -> None:
        now = self._clock()
        if now < self._resync_at:
            return
        self._resync_at = now + RESYNC_SECONDS
        queues = {gateway_queue(route.name): route.id for route in routes}
        async with self._pool.acquire() as connection:
            lying = await embedded.lying(connection, list(queues))
        self._load.resync({(queues[queue], otp): count for (queue, otp), count in lying.items()})

    async def _route(self, snapshot: Snapshot, items: Sequence[Item]) -> bool:
        work = await self._read(items)
        if not work:
            return True
        try:
            sorter = await self._commit_again(snapshot, work)
        except Exception as error:
            if is_passing(error):
                raise
            if len(work) > 1:
                # One of them cannot be stored; the others shall not share its fate.
                return any([await self._route(snapshot, [one.item]) for one in work])
            _log.exception("envelope_not_routed", item=work[0].item.id)
            await self._consumer.bury([work[0].item], f"cannot be routed: {error!r}")
            return True
        await self._give_back(sorter)
        return bool(sorter.done)

    async def _commit_again(self, snapshot: Snapshot, work: Sequence[Work]) -> Sorter:
        tries = 0
        while True:
            tries += 1
            sorter = Sorter(snapshot, self._load, self._channel, self._clock_us())
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    await self._commit(connection, sorter, work)
                return sorter
            except BaseException as error:
                sorter.undo()
                if not isinstance(error, _CONFLICTS) or tries == CONFLICT_TRIES_MAX:
                    raise

    async def _read(self, items: Sequence[Item]) -> list[Work]:
        work: list[Work] = []
        for item in items:
            try:
                work.append(Work(item, unpack(item.payload)))
            except UnreadableEnvelopeError as error:
                _log.error("unreadable_envelope", queue=item.queue, item=item.id, error=str(error))
                await self._consumer.bury([item], f"unreadable: {error}")
        return work

    async def _commit(self, connection: Any, sorter: Sorter, work: Sequence[Work]) -> None:
        due = sorter.old_ids(work)
        if due:
            await route_queries.make_due(connection, due)
        numbers, accounts = sorter.numbers_to_check(work)
        if numbers:
            sorter.blocked = await route_queries.blocked(connection, accounts, numbers)
        for one in work:
            sorter.sort(one)
        await embedded.publish(connection, sorter.published)
        await self._consumer.complete(connection, sorter.done)
        ended = await end_waiting(
            connection, Context(sorter.snapshot, self._instance_id, sorter.now_us), sorter.finishes
        )
        await queries.note(connection, [one for one in sorter.notes if one.message_id in ended])

    async def _give_back(self, sorter: Sorter) -> None:
        now = self._clock()
        for account_id, lane, route in sorter.full:
            key = (account_id, lane == "otp")
            self._held[key] = _Held(now + HELD_SECONDS, route, lane)
        for account_id, lane in sorter.inactive:
            key = (account_id, lane == "otp")
            self._held[key] = _Held(now + INACTIVE_SECONDS, None, lane)
        await self._consumer.release(sorter.released)


async def end_waiting(connection: Any, context: Context, finishes: Sequence[Finish]) -> set[bytes]:
    """Ends messages that no carrier has: one that was claimed meanwhile keeps its own course.

    Returns the ids of those that ended now.
    """
    if not finishes:
        return set()
    ids = sorted(one.id for one in finishes)
    waiting = await route_queries.lock_waiting(connection, ids)
    applied = await finish(connection, context, [one for one in finishes if one.id in waiting])
    return {one.finish.id for one in applied}


def _chunks(items: Iterable[Item]) -> Iterable[list[Item]]:
    """Few enough messages for one transaction."""
    chunk: list[Item] = []
    count = 0
    for item in items:
        if chunk and count + item.messages > MESSAGES_MAX:
            yield chunk
            chunk, count = [], 0
        chunk.append(item)
        count += item.messages
    if chunk:
        yield chunk
