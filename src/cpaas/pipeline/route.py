"""The route step: what was accepted gets its plan of routes and goes to the first one's queue.

All of a turn is one transaction: scheduled messages that are due, late refusals with their refunds,
the envelopes for the gateways, and the end of the items they came from. A route whose queue is
full, or an account that is switched off, holds up nobody else.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import asyncpg

from cpaas.blacklist import check as blacklist
from cpaas.blacklist import queries as blacklist_queries
from cpaas.broker import embedded
from cpaas.broker.base import Consumer, Item, ItemsGoneError
from cpaas.broker.topology import gateway_queue, submit_queue
from cpaas.db.trouble import is_passing
from cpaas.kit.clock import now_us
from cpaas.kit.log import get_logger
from cpaas.kit.pace import Pace
from cpaas.messages import queries
from cpaas.messages.envelopes import UnreadableEnvelopeError, unpack
from cpaas.messages.types import Finish
from cpaas.pipeline import route_queries
from cpaas.pipeline.load import OTP as OTP_LANE
from cpaas.pipeline.load import RouteLoad
from cpaas.pipeline.route_waits import LOW_LANES_EVERY, OTHER_LANES, Places
from cpaas.pipeline.sort import Sorter, Work
from cpaas.pipeline.transitions import Context, finish
from cpaas.routing.planners import Planners
from cpaas.snapshot.types import Route, Snapshot

ITEMS_MAX: Final = 128
MESSAGES_MAX: Final = 2_000
RESYNC_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 1.0
FULL_SECONDS: Final = 0.02
PAUSE_SECONDS: Final = 1.0
CONFLICT_TRIES_MAX: Final = 10
OTP: Final = (0,)
OTHERS: Final = (1, 2)
INACTIVE_SECONDS: Final = 5.0
#: items put back at once to be decided anew.
ANEW_MAX: Final = 2_000
#: a paused campaign's items are looked at again after so long.
HALTED_MS: Final = 3_000
_CONFLICTS: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_log = get_logger(__name__)


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
        clock_us: Callable[[], int] = now_us,
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
        self._places = Places(load, channel)
        #: accounts that are switched off, and until when they are passed over.
        self._inactive: dict[int, float] = {}
        #: lanes of places whose items are put back, to be decided anew.
        self._anew: set[int] = set()
        self._planners = Planners(channel)
        self._pace = Pace()
        self._takes = 0
        self._taken = 0
        self._accounts = 1
        self._routes: list[Route] = []
        self._short: list[str] = []
        self._more = False
        self._stopping = False
        self._resync_at = 0.0
        #: when something was taken last, by `clock`.
        self.taken_at = 0.0

    @property
    def excused(self) -> bool:
        """Whether there is a reason to take nothing: no route, or full ones."""
        waits = bool(self._places) and not self._places.freed
        return not self._routes or waits or bool(self._short or self._inactive)

    @property
    def goes_on(self) -> bool:
        """Whether the last turn left something that can go at once."""
        return self._more

    async def run(self) -> None:
        """Routes until `stop`; what a cancelled one held comes back by itself."""
        while not self._stopping:
            try:
                self._pace.begin()
                await self.turn()
                # What could not go waits apart, so that taking more cannot go on for ever.
                if not self._more:
                    await self._pace.rest(self._taken)
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
        known = snapshot.routes.values()
        routes = [r for r in known if r.channel == self._channel and r.active]
        self._routes = routes
        self._anew.update(self._places.see(snapshot))
        await self._resync(routes)
        self._more = False
        self._taken = 0
        await self._decide_anew()
        # First what is new, so that it has its turn among what waits.
        moved = await self._sort(await self._take())
        for due in self._places.due(ITEMS_MAX):
            items = await self._take_some(
                due.most, (), due.lanes, room=due.room, piece=due.piece
            )  # fmt: skip
            self._places.taken(due, items, more=self._consumer.more)
            went = await self._sort(items)
            self._places.moved(due, moved=went)
            moved |= went
        self._more |= self._places.freed
        return moved

    async def _sort(self, items: Sequence[Item]) -> bool:
        # Read anew: what was taken may have been accepted after a change that came meanwhile.
        snapshot = self._snapshot()
        self._accounts = len({item.account_id for item in items})
        return any([await self._route(snapshot, chunk) for chunk in _chunks(items)])

    async def _take(self) -> list[Item]:
        """What is new: OTP, and as much of the others, mostly in one statement."""
        self._takes += 1
        others = OTHERS[::-1] if self._takes % LOW_LANES_EVERY == 0 else OTHERS
        # Without any active route everything is refused, which needs no room.
        self._short = [lane for lane in (OTP_LANE, OTHER_LANES) if not self._has_room(lane)]
        now = self._clock()
        self._inactive = {one: until for one, until in self._inactive.items() if until > now}
        held = list(self._inactive)
        first = () if OTP_LANE in self._short else OTP
        rest = () if OTHER_LANES in self._short else others
        if not first and not rest:
            return []
        items = await self._take_some(ITEMS_MAX, held, (*first, *rest))
        if first and rest and len(items) == ITEMS_MAX:
            # A flood of OTP leaves the others their part of the turn.
            otp = sum(item.lane in OTP for item in items)
            items += await self._take_some(otp, held, rest)
        return items

    async def _take_some(
        self, most: int, held: Sequence[int], lanes: Sequence[int], *, room: int = 0, piece: int = 1
    ) -> list[Item]:
        if not most:
            return []
        items = await self._consumer.take(
            most, not_accounts=held, lanes=lanes, room=room, piece=piece
        )
        if items:
            self.taken_at = self._clock()
            self._taken += sum(item.messages for item in items)
        if not room:
            self._more |= self._consumer.more
        return items

    def _has_room(self, lane: str) -> bool:
        routes = self._routes
        return not routes or any(self._load.room(route, lane) > 0 for route in routes)

    async def _rest(self) -> None:
        """Until something is published; while a route is full, until it has room again."""
        if not (self._places or self._short or self._inactive):
            await self._consumer.wait(IDLE_SECONDS)
            return
        until = min(self._resync_at, *self._inactive.values(), math.inf)
        while True:
            await asyncio.sleep(FULL_SECONDS)
            if self._stopping or self._clock() >= until or self._freed() or self._consumer.news():
                return

    def _freed(self) -> bool:
        drained = self._load.drained
        short = any(drained(route, lane) for lane in self._short for route in self._routes)
        return short or self._places.freed

    async def _resync(self, routes: Sequence[Route]) -> None:
        now = self._clock()
        if now < self._resync_at:
            return
        self._resync_at = now + RESYNC_SECONDS
        queues = {gateway_queue(route.name): route.id for route in routes}
        async with self._pool.acquire() as connection:
            lying = await embedded.lying(connection, list(queues))
            self._load.elsewhere = await route_queries.down_elsewhere(connection, self._instance_id)
            apart = await embedded.lanes_apart(connection, submit_queue(self._channel))
        self._load.resync({(queues[queue], otp): count for (queue, otp), count in lying.items()})
        self._anew.update(self._places.found(apart))

    async def _decide_anew(self) -> None:
        """Puts back, some each turn, what waits for routes that are not what they were."""
        if self._anew:
            queue, lanes = submit_queue(self._channel), sorted(self._anew)
            async with self._pool.acquire() as connection:
                moved = await embedded.end_waits(connection, queue, lanes, ANEW_MAX)
            if moved < ANEW_MAX:
                self._anew.clear()
            self._more |= moved > 0

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
            if isinstance(error, ItemsGoneError):
                return True
            _log.exception("envelope_not_routed", item=work[0].item.id)
            await self._consumer.bury([work[0].item], f"cannot be routed: {error!r}")
            return True
        await self._give_back(sorter)
        return bool(sorter.done)

    async def _commit_again(self, snapshot: Snapshot, work: Sequence[Work]) -> Sorter:
        tries = 0
        while True:
            tries += 1
            sorter = Sorter(
                snapshot, self._load, self._channel, self._clock_us(), self._planners,
                places=self._places, accounts=self._accounts,
            )  # fmt: skip
            try:
                async with self._pool.acquire() as connection:
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
        due = sorter.scheduled_ids(work)
        numbers, accounts = sorter.numbers_to_check(work)
        async with contextlib.AsyncExitStack() as stack:
            if due or numbers:
                await stack.enter_async_context(connection.transaction())
            if due:
                await route_queries.make_due(connection, due)
            if numbers:
                rows = await blacklist_queries.look_up(connection, numbers, accounts)
                sorter.stops = blacklist.by_number(rows)
            for one in work:
                sorter.sort(one)
            if sorter.finishes and not (due or numbers):
                await stack.enter_async_context(connection.transaction())
            # Mostly the only statement, and then the whole transaction.
            await self._consumer.replace(connection, sorter.done, sorter.published)
            context = Context(sorter.snapshot, self._instance_id, sorter.now_us)
            ended = await end_waiting(connection, context, sorter.finishes)
            await queries.note(connection, [one for one in sorter.notes if one.message_id in ended])

    async def _give_back(self, sorter: Sorter) -> None:
        until = self._clock() + INACTIVE_SECONDS
        self._inactive.update(dict.fromkeys(sorter.inactive, until))
        for lane, ids in sorter.waiting.items():
            await self._consumer.release(ids, lane=lane)
        await self._consumer.release(sorter.released)
        await self._consumer.release(sorter.halted, delay_ms=HALTED_MS)


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
