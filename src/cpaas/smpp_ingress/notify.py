"""Brings receipts and replies to customers' binds, in order, and keeps them until answered.

Events come out of the queue into a table and leave it with their deliver_sm_resp; so a customer may
be away for days. Several processes share the table by leases.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from cpaas.broker.base import Consumer, Item, apart
from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger
from cpaas.messages.envelopes import UnreadableEnvelopeError, unpack_events
from cpaas.messages.smpp_wish import SMPP, read_wish
from cpaas.pipeline.gather import Gatherer
from cpaas.smpp.layout import DELIVER_SM
from cpaas.smpp.message_codec import encode_message
from cpaas.smpp.pdu import DeliverSm
from cpaas.smpp.server import Connection
from cpaas.smpp.status import CommandStatus as St
from cpaas.smpp_ingress import queries, receipts
from cpaas.smpp_ingress.types import KeptReceipt, NewReceipt
from cpaas.webhooks.events import RECEIVED

ITEMS_MAX: Final = 100
#: receipts of one system id that are held in memory.
HELD_MAX: Final = 500
REFILL_AT: Final = 100
IDLE_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 5.0
EXTEND_SECONDS: Final = 30.0
SWEEP_SECONDS: Final = 3600.0
SWEPT_AT_ONCE: Final = 10_000
#: answers that mean "later, please"; any other ends the receipt.
_LATER: Final = frozenset(
    {St.ESME_RX_T_APPN, St.ESME_RMSGQFUL, St.ESME_RTHROTTLED, St.ESME_RSYSERR}
)
_log = get_logger("smpp")


class Receiver(Protocol):
    """A bind that takes deliver_sm."""

    @property
    def connection(self) -> Connection:
        """Its connection."""


class Outbox:
    """The receipts of one system id, and the binds that take them."""

    def __init__(self, notifier: "Notifier", system_id: str) -> None:
        self.system_id = system_id
        self._notifier = notifier
        self._receivers: list[Receiver] = []
        self._waiting: deque[tuple[int, DeliverSm]] = deque()
        self._in_flight: dict[int, DeliverSm] = {}
        self._refilling = False
        self._held_until = 0.0
        #: rows are taken and given back one after the other, so that none overtakes an older one.
        self._turn = asyncio.Lock()
        self._given_back = 0

    @property
    def wanted(self) -> bool:
        """Whether somebody takes receipts."""
        return bool(self._receivers)

    @property
    def held(self) -> list[int]:
        """Ids of what is in memory."""
        return [*(number for number, _ in self._waiting), *self._in_flight]

    def attach(self, receiver: Receiver) -> None:
        """One more bind."""
        self._receivers.append(receiver)
        self.refill()

    def detach(self, receiver: Receiver, unanswered: Sequence[Any]) -> None:
        """A bind is gone; the last one's receipts go back to the table."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)
        self._back(unanswered)
        if self._receivers:
            self.pump()
            return
        ids = [number for number, _ in self._waiting]
        self._waiting.clear()
        if ids:
            self._given_back += 1
            self._notifier.spawn(self._release(ids))

    async def _release(self, ids: Sequence[int]) -> None:
        async with self._turn:
            await self._notifier.release(ids)

    def refill(self) -> None:
        """Takes more out of the table, if there is room and somebody to send it to."""
        if not self._refilling and self._receivers and len(self._waiting) < REFILL_AT:
            self._refilling = True
            self._notifier.spawn(self._refill())

    async def _refill(self) -> None:
        try:
            async with self._turn:
                before = self._given_back
                most = HELD_MAX - len(self._waiting) - len(self._in_flight)
                rows = await self._notifier.take(self.system_id, most) if most > 0 else []
                if rows and before != self._given_back:
                    # Older ones went back meanwhile: these must not go before them.
                    await self._notifier.release([row.id for row in rows])
                    rows = []
        except Exception as error:  # noqa: BLE001 - looked for again within a second
            _log.warning("smpp_receipts_not_taken", system_id=self.system_id, error=repr(error))
            return
        finally:
            self._refilling = False
        held = set(self.held)
        for row in rows:
            pdu = None if row.id in held else self._readable(row)
            if pdu is not None:
                self._waiting.append((row.id, pdu))
        if not self._receivers:
            self.detach(_NOBODY, ())
        else:
            self.pump()

    def _readable(self, row: KeptReceipt) -> DeliverSm | None:
        try:
            pdu = receipts.deliver_sm(row.kind, row.body)
            encode_message(DELIVER_SM, pdu, 1)
            return pdu
        except Exception:  # noqa: BLE001 - one that cannot be written must not stop the others
            _log.exception("smpp_receipt_unreadable", receipt=row.id)
            self._notifier.done(row.id)
            return None

    def pump(self) -> None:
        """Sends what fits, the oldest first, shared among the binds."""
        if self._notifier.clock() < self._held_until:
            return
        left = len(self._receivers)
        for receiver in list(self._receivers):
            share = -(-len(self._waiting) // left)
            left -= 1
            free = min(receiver.connection.free, share)
            if free <= 0:
                continue
            batch = [self._waiting.popleft() for _ in range(free)]
            self._in_flight.update(batch)
            receiver.connection.deliver(batch)
            # Who got something comes last the next time.
            self._receivers.remove(receiver)
            self._receivers.append(receiver)
        self.refill()

    def answered(self, answers: Sequence[tuple[Any, int, str]]) -> None:
        """Forgets what was answered; what shall come later comes later."""
        later = [number for number, status, _ in answers if status in _LATER]
        for number, status, _ in answers:
            if status in _LATER:
                continue
            if self._in_flight.pop(number, None) is not None:
                self._notifier.done(number)
        if later:
            self._held_until = self._notifier.clock() + RETRY_SECONDS
            asyncio.get_running_loop().call_later(RETRY_SECONDS + 0.01, self.pump)
            self._back(later)
        else:
            self.pump()

    def give_back(self, numbers: Sequence[Any]) -> None:
        """Sends again what got no answer."""
        self._back(numbers)
        self.pump()

    def _back(self, numbers: Sequence[Any]) -> None:
        """Puts receipts back to the front, in order."""
        known = sorted(number for number in numbers if number in self._in_flight)
        for number in reversed(known):
            self._waiting.appendleft((number, self._in_flight.pop(number)))


class _Nobody:
    connection: Any = None


_NOBODY: Final = _Nobody()


class Notifier:
    """Moves receipts from the queue to the table, and from there to binds."""

    def __init__(
        self, pool: Any, consumer: Consumer, instance_id: int,
        *, clock: Callable[[], float], spawn: Callable[[Any], None], days: int,
    ) -> None:  # fmt: skip
        self.clock = clock
        self.spawn = spawn
        self._pool = pool
        self._consumer = consumer
        self._instance_id = instance_id
        self._days = days
        self._outboxes: dict[str, Outbox] = {}
        self._answered: Gatherer[int] = Gatherer(
            pool, queries.answered_receipts, self._spoiled, name="smpp_receipts",
            committed=lambda _done: None, capacity=100_000,
        )  # fmt: skip

    def outbox(self, system_id: str) -> Outbox:
        """The outbox of a system id."""
        found = self._outboxes.get(system_id)
        if found is None:
            found = self._outboxes[system_id] = Outbox(self, system_id)
        return found

    def done(self, number: int) -> None:
        """A receipt is answered."""
        self._answered.put([number])

    async def release(self, ids: Sequence[int]) -> None:
        """Gives receipts back for other binds, here or elsewhere."""
        async with self._pool.acquire() as connection:
            await queries.release_receipts(connection, ids)

    async def take(self, system_id: str, most: int) -> list[KeptReceipt]:
        """Leases the oldest receipts of a system id."""
        async with self._pool.acquire() as connection:
            return await queries.take_receipts(connection, system_id, self._instance_id, most=most)

    async def run(self) -> None:
        """Moves and watches for ever; cancel it after `drained`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._answered.run())
            tasks.create_task(self._intake())
            tasks.create_task(self._watch())

    async def drained(self) -> None:
        """Wait until every answer is written."""
        await self._answered.drained()

    async def _intake(self) -> None:
        while True:
            try:
                taken = await self._consumer.take(ITEMS_MAX)
                if not taken:
                    await self._consumer.wait(IDLE_SECONDS)
                    continue
                work, back = apart(taken)
                if back:
                    await self._consumer.release([item.id for item in back])
                for system_id in await self._move(work):
                    self.outbox(system_id).refill()
            except Exception as error:  # noqa: BLE001 - it must never end; the items come again
                if is_passing(error):
                    _log.warning("smpp_receipts_wait_for_the_database", error=repr(error))
                else:
                    _log.exception("smpp_receipts_failed")
                await asyncio.sleep(PAUSE_SECONDS)

    async def _move(self, items: Sequence[Item]) -> set[str]:
        """Out of the queue, into the table, in one transaction; returns whose they are."""
        made: list[NewReceipt] = []
        done: list[int] = []
        for item in items:
            try:
                made += _receipts(item)
            except (UnreadableEnvelopeError, ValueError) as error:
                await self._consumer.bury([item], f"unreadable: {error}")
                continue
            done.append(item.id)
        if done:
            async with self._pool.acquire() as connection, connection.transaction():
                if made:
                    await queries.keep_receipts(connection, made)
                await self._consumer.complete(connection, done)
        return {one.system_id for one in made}

    async def _watch(self) -> None:
        """Finds what other processes left, keeps leases, forgets what is too old."""
        extend_at = sweep_at = self.clock()
        while True:
            await asyncio.sleep(IDLE_SECONDS)
            try:
                wanted = [box.system_id for box in self._outboxes.values() if box.wanted]
                if wanted:
                    async with self._pool.acquire() as connection:
                        for system_id in await queries.waiting_for(connection, wanted):
                            self.outbox(system_id).refill()
                if self.clock() >= extend_at:
                    extend_at = self.clock() + EXTEND_SECONDS
                    await self._extend()
                if self.clock() >= sweep_at:
                    sweep_at = self.clock() + SWEEP_SECONDS
                    await self._sweep()
            except Exception as error:  # noqa: BLE001 - tried again in a second
                _log.warning("smpp_receipts_not_watched", error=repr(error))

    async def _extend(self) -> None:
        held = [number for box in self._outboxes.values() for number in box.held]
        if held:
            async with self._pool.acquire() as connection:
                await queries.extend_receipts(connection, held, self._instance_id)

    async def _sweep(self) -> None:
        async with self._pool.acquire() as connection:
            gone = await queries.sweep_receipts(connection, self._days, most=SWEPT_AT_ONCE)
        if gone:
            _log.warning("smpp_receipts_not_fetched", receipts=gone, days=self._days)

    async def _spoiled(self, number: int, error: Exception) -> None:
        _log.error("smpp_receipt_not_forgotten", receipt=number, error=repr(error))


def _receipts(item: Item) -> list[NewReceipt]:
    envelope = unpack_events(item.payload)
    made = []
    for event in envelope.events:
        if not event.url.startswith(SMPP):
            continue
        wish = read_wish(event.url)
        if event.type == RECEIVED:
            kind, body = receipts.REPLY, receipts.kept_reply(event.body)
        else:
            kind, body = receipts.RECEIPT, receipts.kept(event.body, wish.message_id)
        made.append(NewReceipt(envelope.account_id, wish.system_id, kind, body))
    return made
