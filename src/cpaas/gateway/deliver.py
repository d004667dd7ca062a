"""One route's gateway: takes from submit_<route>, claims what can be written now, writes at once.

One loop per route and no task per message: a turn fills the buffer, claims as much as tokens,
window and settle allow in one transaction, and hands it to the link in one call.
"""

import asyncio
import contextlib
from collections import Counter
from typing import Any, Final

from cpaas.broker.base import Consumer
from cpaas.channels.base import CarrierReceipt, Inbound, Link, Outcome, Prepared
from cpaas.channels.errors import CATALOGUE
from cpaas.db.trouble import is_passing
from cpaas.gateway import told
from cpaas.gateway.apart import work_apart
from cpaas.gateway.buffer import Buffer, OpenItem
from cpaas.gateway.claims import Batch, Claims
from cpaas.gateway.contact import Contact
from cpaas.gateway.down import sweep
from cpaas.gateway.prepare import prepare
from cpaas.gateway.quality import Quality
from cpaas.gateway.throttle import Throttle, worth_opening
from cpaas.gateway.types import Around, Token
from cpaas.kit.log import get_logger
from cpaas.kit.pace import Pace
from cpaas.messages.envelopes import UnreadableEnvelopeError, unpack
from cpaas.snapshot.types import Route

CLAIM_MAX: Final = 500
ITEMS_OPEN_MAX: Final = 64
ITEMS_TAKEN_MAX: Final = 64
EXTEND_SECONDS: Final = 10.0
SWEEP_SECONDS: Final = 1.0
OTHERS_SECONDS: Final = 0.05
SETTLE_SECONDS: Final = 0.02
POLL_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 1.0
_log = get_logger(__name__)


class RouteGateway:
    """Delivers the messages of one route; the sink of its link."""

    def __init__(
        self, route: Route, around: Around, consumer: Consumer, claims: Claims, quality: Quality
    ) -> None:
        self.route = route
        self.link: Link | None = None
        #: the moment of `clock` at which this process may send no more on this route.
        self.may_send_until = 0.0
        self.throttle = Throttle(route.tps, around.clock())
        self._around = around
        self._consumer = consumer
        self._claims = claims
        self._quality = quality
        self._buffer = Buffer()
        self._wake = asyncio.Event()
        self._pace = Pace(around.clock)
        self._stopping = False
        self._drained = False
        self._contact = Contact(around.clock())
        self._swept_down = False
        self._sweep_at = 0.0
        self._extend_at = 0.0
        self._others_at = 0.0
        self._others_due = False
        self._out_of_tokens = False
        self._unwritten: list[Prepared] = []
        self._doubt: Batch | None = None
        self.taken_at = 0.0

    # What the host calls

    def wake(self) -> None:
        """Something changed: room, news in the queue, a new lease."""
        self._wake.set()

    def update(self, route: Route) -> None:
        """The route was changed in ways that need no new link."""
        if route.tps != self.route.tps:
            self.throttle.set_tps(route.tps, self._around.clock())
        self.route = route
        self._wake.set()

    @property
    def down(self) -> bool:
        """Whether the carrier is away for longer than a reconnect takes, or answers nothing."""
        return self._contact.down(self._around.clock())

    @property
    def excused(self) -> bool:
        """Whether there is a reason to take nothing: no bind or lease, or enough in hand."""
        held = self._buffer.messages or self._unwritten or self._doubt
        return bool(held) or self._contact.due_in(self._around.clock()) is not None

    async def run(self) -> None:
        """Delivers until `stop`; then call `close`."""
        while not self._stopping:
            try:
                if not await self._turn():
                    await self._rest()
            except Exception as error:  # noqa: BLE001 - a route must never end; the log has it
                await self._trouble(error)

    def stop(self) -> None:
        """Claims no more: the loop ends after the turn under way."""
        self._stopping = True
        self._wake.set()

    async def close(self, *, hand_back: bool) -> None:
        """After the loop: nothing claimed stays unwritten, nothing taken stays here.

        hand_back: the route is switched off, so its whole queue goes back to the route step.
        """
        await self._resolve_doubt()
        await self._put_back()
        items = [one for one in self._buffer if one.rest]
        await self._claims.hand_on(self.route, items, [one.envelope.plan for one in items])
        self._buffer = Buffer()
        if hand_back:
            await self._claims.empty_queue(self.route)
        self._around.load.set_down(self.route.id, down=False)

    # What the link tells

    def on_outcomes(self, outcomes: list[Outcome]) -> None:
        """Answers of one read, or what a lost link left open."""
        if any(one.error is not None and one.error.slows_route for one in outcomes):
            self.throttle.slow(self._around.clock())
        if any(one.error is None or one.error.then != "unknown" for one in outcomes):
            self._contact.answered()
        answers = told.answers(self.route.id, outcomes, self._around.clock_us())
        self._around.settler.answers(answers)
        self._quality.outcomes(self.route.id, outcomes)
        self._wake.set()

    def on_receipts(self, receipts: list[CarrierReceipt]) -> None:
        """Receipts of one read; their carrier is answered once they are committed.

        When too many wait they are refused, and their carrier sends them again.
        """
        if self._around.settler.full and self.link is not None:
            self.link.acknowledge([one.token for one in receipts], accepted=False)
            return
        ours = told.receipts(self.route.id, receipts, lambda token: Token(self, token))
        self._around.settler.receipts(ours)
        self._quality.receipts(self.route.id, receipts)

    def on_inbound(self, messages: list[Inbound]) -> None:
        """Replies of one read; their carrier is answered once they are stored."""
        if self._around.inbound.full and self.link is not None:
            tokens = [token for one in messages for token in one.tokens]
            self.link.acknowledge(tokens, accepted=False)
            return
        self._around.inbound.put(self.route.id, self.route.channel, messages, self._stored)

    def on_change(self) -> None:
        """There is room again, or a connection came or went."""
        self._wake.set()

    def _stored(self, message: Inbound) -> None:
        if self.link is not None:
            self.link.acknowledge(message.tokens)

    # The loop

    async def _rest(self) -> None:
        seconds = POLL_SECONDS
        if self._buffer.messages and self.link is not None and self.link.up:
            if self._around.settler.answers_room <= 0:
                seconds = SETTLE_SECONDS
            elif self._out_of_tokens:
                # None, when the next has come since the turn.
                seconds = self.throttle.ready_in(self._around.clock())
        # Zero is past: the sweep has its own pace.
        seconds = min(seconds, self._contact.due_in(self._around.clock()) or POLL_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, POLL_SECONDS)):
                await self._wake.wait()
        self._wake.clear()

    async def _turn(self) -> bool:
        await self._resolve_doubt()
        await self._put_back()
        self._out_of_tokens = False
        now = self._around.clock()
        ready = self._ready(now)
        down = self._contact.down(now)
        throttle, load = self.throttle, self._around.load
        load.set_down(self.route.id, down=down)
        load.set_rate(self.route.id, throttle.rate if throttle.throttled else 0.0)
        load.set_begun(self.route.id, self._buffer.begun(0), self._buffer.begun(1, 2))
        # Nothing shall wait here for a carrier that is away; the sweep takes all the same.
        (self._consumer.pause if down else self._consumer.resume)()
        if down and now >= self._sweep_at:
            self._sweep_at = now + SWEEP_SECONDS
            await self._sweep(first=not self._swept_down)
        self._swept_down = down
        if not ready:
            return False
        await self._extend(now)
        await self._fill()
        await self._claims.hand_back(self.route, self._buffer, self._around.snapshot().halted)
        batch = self._pick()
        if batch.empty:
            return False
        self._pace.begin()
        await self._claim_and_write(batch)
        sent = len(batch.prepared)
        if self.link is not None and self.link.free > 2 * sent:  # Else the window sets the pace.
            await self._pace.rest(sent)
        return True

    def _ready(self, now: float) -> bool:
        """Whether the link stands and this process may use it; notes since when it is away."""
        link = self.link
        if link is None or not link.up or now >= self.may_send_until:
            self._contact.gone(now)
            return False
        # What talks for minutes fills its window and is not silent; such a link knows by itself.
        patient = getattr(link, "patient", False)
        self._contact.linked(now, full=not patient and link.free <= 0 < link.in_flight)
        return True

    async def _fill(self) -> None:
        """Opens items: enough for the next writes, OTP at once, and other accounts' in turn."""
        buffer = self._buffer
        news = self._consumer.news()
        if news:
            self._drained = False
            self._others_due = True
        wanted = worth_opening(self.route, self.throttle) - buffer.messages
        if wanted > 0 and not self._drained:
            most = min(ITEMS_TAKEN_MAX, wanted, ITEMS_OPEN_MAX - len(buffer))
            if most > 0:
                await self._open(most)
                self._drained = not self._consumer.more
                self._others_due = self._consumer.more
        elif self._others_due and len(buffer) < ITEMS_OPEN_MAX:
            await self._open_others(news=news)

    async def _open_others(self, *, news: bool) -> None:
        buffer = self._buffer
        if news and not buffer.has_lane(0):
            await self._open(ITEMS_OPEN_MAX - len(buffer), lanes=(0,))
        now = self._around.clock()
        if now >= self._others_at:
            self._others_at = now + OTHERS_SECONDS
            self._others_due = False
            if buffer.has_lane(0):
                await self._open(
                    ITEMS_OPEN_MAX - len(buffer), lanes=(0,), not_accounts=buffer.otp_accounts
                )
            await self._open(ITEMS_OPEN_MAX - len(buffer), not_accounts=buffer.accounts)

    async def _open(self, most: int, **which: Any) -> int:
        items = await self._consumer.take(most, **which)
        for item in items:
            self.taken_at = self._around.clock()
            try:
                self._buffer.add(OpenItem(item, unpack(item.payload)))
            except UnreadableEnvelopeError as error:
                _log.error("unreadable_envelope", queue=item.queue, item=item.id, error=str(error))
                await self._consumer.bury([item], f"unreadable: {error}")
        return len(items)

    def _pick(self) -> Batch:
        """What can be written now, by tokens, window and what settle can take."""
        around, link = self._around, self.link
        assert link is not None  # noqa: S101
        batch = Batch(around.clock_us())
        tokens = self.throttle.available(around.clock())
        self._out_of_tokens = tokens <= 0
        slots = link.free
        largest = link.largest_free
        most = min(CLAIM_MAX, around.settler.answers_room)
        picking = self._buffer.pick()
        used = 0
        for one, message in picking:
            if tokens <= 0 or slots <= 0 or len(batch.prepared) >= most:
                self._buffer.unread(one)
                break
            prepared = prepare(link, self.route, one.envelope, message, batch)
            if prepared is None:
                continue
            # A message of several parts needs one bind with room for all of them.
            if prepared.slots > slots or (prepared.slots > 1 and used + prepared.slots > largest):
                self._buffer.unread(one)
                break
            used += prepared.slots
            slots -= prepared.slots
            tokens -= len(prepared.parts)
            batch.prepared.append(prepared)
        picking.close()
        batch.done_items = self._buffer.finished()
        return batch

    async def _claim_and_write(self, batch: Batch) -> None:
        self._doubt = batch
        if self._around.gate is not None:
            await self._around.gate(batch)
        claimed = await self._claims.claim(self.route, batch)
        self._doubt = None
        self._done(batch)
        ours = batch.ours(claimed)
        if not ours:
            return
        try:
            self._unwritten = self._write(ours)
        except Exception:  # noqa: BLE001 - claimed by a living process, nobody would look for them
            _log.exception("gateway_write_failed", route=self.route.name)
            unknown = CATALOGUE["unknown_outcome"]
            self.on_outcomes([Outcome(one, [None] * one.total, unknown) for one in ours])

    def _write(self, ours: list[Prepared]) -> list[Prepared]:
        """Hands messages to the link; returns those of which nothing was written."""
        now = self._around.clock()
        link = self.link
        if link is None or not link.up or now >= self.may_send_until:
            return ours
        unsent = link.send(ours)
        left = {id(one) for one in unsent}
        self.throttle.take(sum(len(one.parts) for one in ours if id(one) not in left), now)
        return unsent

    def _done(self, batch: Batch) -> None:
        self._buffer.drop(batch.done_items)
        lanes = Counter(one.envelope.lane for one in batch.prepared)
        lanes.update(envelope.lane for envelope, _, _ in batch.deferred)
        for lane, count in lanes.items():
            self._around.load.add(self.route.id, lane, -count)

    async def _resolve_doubt(self) -> None:
        """A claim failed: if it was committed after all, nothing of it was written."""
        batch = self._doubt
        if batch is None:
            return
        claimed = await self._claims.claimed(batch)
        self._doubt = None
        if claimed:
            self._done(batch)
            self._unwritten += batch.ours(claimed)
        else:
            self._buffer.undo()

    async def _put_back(self) -> None:
        if self._unwritten:
            await self._claims.put_back(self.route, self._unwritten)
            self._unwritten = []

    async def _extend(self, now: float) -> None:
        if now >= self._extend_at:
            self._extend_at = now + EXTEND_SECONDS
            await self._consumer.extend(self._buffer.ids)

    async def _sweep(self, *, first: bool) -> None:
        """While down: what has another route goes there, what expired ends, the rest waits."""
        if first:
            # What waits to be sent again here need not wait to go elsewhere.
            await self._claims.hasten(self.route)
        while True:
            if len(self._buffer) < ITEMS_OPEN_MAX:
                await self._open(ITEMS_OPEN_MAX - len(self._buffer))
            if not len(self._buffer):
                return
            swept = sweep(
                self._buffer, self.route, self._around.snapshot(), self._around.load,
                self._around.clock_us(),
            )  # fmt: skip
            await self._claims.end(swept.finishes, swept.ended)
            await self._claims.hand_on(self.route, swept.moving, swept.plans)
            await self._consumer.release(swept.staying, delay_ms=int(SWEEP_SECONDS * 1000))
            self._buffer = Buffer()
            if not swept.moving and not swept.ended:
                return

    async def _trouble(self, error: Exception) -> None:
        if is_passing(error):
            _log.warning("gateway_waits", route=self.route.name, error=repr(error))
        else:
            _log.exception("gateway_failed", route=self.route.name)
            with contextlib.suppress(Exception):
                await self._resolve_doubt()
                opened, self._buffer = self._buffer, Buffer()
                if self._ready(self._around.clock()):
                    self._buffer = await work_apart(opened, self._alone, self._bury)
        await asyncio.sleep(PAUSE_SECONDS)

    async def _alone(self, alone: Buffer) -> None:
        self._buffer = alone
        batch = self._pick()
        if not batch.empty:
            await self._claim_and_write(batch)

    async def _bury(self, one: OpenItem, error: Exception) -> None:
        await self._resolve_doubt()
        _log.error("item_buried", route=self.route.name, item=one.item.id, error=repr(error))
        await self._consumer.bury([one.item], f"cannot be delivered: {error!r}"[:2000])
