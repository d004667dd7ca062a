"""No receipt in time: what a strategy says so goes to its next route, and the first receipt wins.

With SUBMITTED an item is written that comes due after the strategy's time. A message that is still
SUBMITTED in that attempt then is queued again for the next route of its plan. It keeps its one
price; the id of the earlier attempt stays in message_part, where a late receipt finds it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from cpaas.broker import embedded
from cpaas.broker.base import Consumer, Item, NewItem
from cpaas.broker.topology import submit_queue, unreceipted_queue
from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger
from cpaas.messages import queries, receipt_queries
from cpaas.messages.envelopes import (
    LANE_NUMBER,
    MAX_MESSAGES,
    Envelope,
    Outgoing,
    UnreadableEnvelopeError,
    pack,
    unpack,
)
from cpaas.messages.receipt_queries import NewPart
from cpaas.messages.types import Applied, CounterKey, Counts, Finish, Note
from cpaas.pipeline import no_receipt_queries
from cpaas.pipeline.no_receipt_queries import Silent
from cpaas.pipeline.transitions import MINUTE_US, Context, finish
from cpaas.pipeline.types import Answer
from cpaas.snapshot.types import Snapshot, Strategy

ITEMS_MAX: Final = 64
IDLE_SECONDS: Final = 1.0
#: without a strategy that wants it the queue is looked at so rarely, for what was left there.
UNUSED_SECONDS: Final = 60.0
SECOND_US: Final = 1_000_000
_log = get_logger(__name__)


def awaited(context: Context, submitted: Sequence[Answer]) -> list[NewItem]:
    """The items that come due for messages which a carrier has just accepted."""
    groups: dict[tuple[int, int], list[Answer]] = {}
    for answer in submitted:
        strategy = wanted(context.snapshot, answer)
        if strategy is not None:
            key = (id(answer.envelope), strategy.no_receipt_seconds)
            groups.setdefault(key, []).append(answer)
    items = []
    for (_, seconds), group in groups.items():
        envelope = group[0].envelope
        for start in range(0, len(group), MAX_MESSAGES):
            some = [answer.message for answer in group[start : start + MAX_MESSAGES]]
            sent = msgspec.structs.replace(envelope, messages=some)
            items.append(_item(unreceipted_queue(envelope.channel), sent, seconds * 1000))
    return items


def wanted(snapshot: Snapshot, answer: Answer) -> Strategy | None:
    """The strategy that sends this message on for lack of a receipt; None: none does."""
    envelope, message = answer.envelope, answer.message
    strategy = snapshot.strategies.get(envelope.strategy_id)
    if strategy is None or not strategy.active or envelope.is_test:
        return None
    # A call has no receipt while it goes on, and a phone that rang is not rung again for that.
    if envelope.channel == "voice":
        return None
    if strategy.no_receipt not in {"all", envelope.lane}:
        return None
    # A long message has parts at the carrier that no other one can complete.
    if len(answer.provider_ids) != 1 or not answer.provider_ids[0]:
        return None
    if not message.registered_delivery & 1:
        return None
    if answer.at_us + strategy.no_receipt_seconds * SECOND_US >= message.valid_until_us:
        return None
    return strategy if _others(snapshot, envelope.plan, answer.route_id) else None


def _others(snapshot: Snapshot, plan: Sequence[int], route_id: int) -> list[int]:
    """The routes of a plan behind this one that are switched on."""
    behind = plan[plan.index(route_id) + 1 :] if route_id in plan else plan
    routes = snapshot.routes
    return [one for one in behind if one in routes and routes[one].active and one != route_id]


class ReceiptWatch:
    """Sends messages of one channel on whose receipt did not come in time."""

    def __init__(
        self, pool: Any, consumer: Consumer, snapshot: Callable[[], Snapshot], instance_id: int,
        clock_us: Callable[[], int],
    ) -> None:  # fmt: skip
        self._pool = pool
        self._consumer = consumer
        self._snapshot = snapshot
        self._instance_id = instance_id
        self._clock_us = clock_us

    async def run(self) -> None:
        """Watches for ever; cancel it to end."""
        unused = 0.0
        while True:
            try:
                busy = self._wanted() or unused >= UNUSED_SECONDS
                unused = 0.0 if busy else unused + IDLE_SECONDS
                if not (busy and await self.turn()):
                    await self._consumer.wait(IDLE_SECONDS)
            except Exception as error:  # noqa: BLE001 - the watch must never end; the log has it
                if is_passing(error):
                    _log.warning("receipt_watch_waits_for_the_database", error=repr(error))
                else:
                    _log.exception("receipt_watch_failed")
                await asyncio.sleep(IDLE_SECONDS)

    async def turn(self) -> bool:
        """Works what is due; returns whether there was anything."""
        items = await self._consumer.take(ITEMS_MAX)
        for item in items:
            try:
                envelope = unpack(item.payload)
            except UnreadableEnvelopeError as error:
                _log.error("unreadable_envelope", queue=item.queue, item=item.id, error=str(error))
                await self._consumer.bury([item], f"unreadable: {error}")
                continue
            await self._work(item, envelope)
        return bool(items)

    def _wanted(self) -> bool:
        strategies = self._snapshot().strategies.values()
        return any(one.active and one.no_receipt != "off" for one in strategies)

    async def _work(self, item: Item, envelope: Envelope) -> None:
        context = Context(self._snapshot(), self._instance_id, self._clock_us())
        async with self._pool.acquire() as connection, connection.transaction():
            await self._consumer.complete(connection, [item.id])
            await send_on(connection, context, envelope)


async def send_on(connection: Any, context: Context, envelope: Envelope) -> None:
    """Queues those of an envelope's messages for their next route that still lack a receipt."""
    asked = {m.id: m for m in envelope.messages if m.valid_until_us > context.now_us}
    silent = await no_receipt_queries.silent(
        connection, sorted(asked), [asked[one].attempt for one in sorted(asked)]
    )
    going = [
        (one, left)
        for one in silent
        if (left := _others(context.snapshot, envelope.plan, one.route_id))
    ]
    if not going:
        return
    await receipt_queries.keep_parts(connection, [_part(one, asked[one.id]) for one, _ in going])
    steps = [Finish(one.id, "QUEUED", context.now_us, asked[one.id].attempt) for one, _ in going]
    applied = await finish(connection, context, steps)
    attempts = {one.finish.id: one.attempt for one in applied}
    await queries.count(connection, context.instance_id, _taken_back(applied))
    await queries.note(connection, [_note(context, one, left[0]) for one, left in going])
    groups: dict[tuple[int, ...], list[Outgoing]] = {}
    for one, left in going:
        message = msgspec.structs.replace(
            asked[one.id], attempt=attempts[one.id], tries=0, handed=True
        )
        groups.setdefault(tuple(left), []).append(message)
    items = [
        _item(
            submit_queue(envelope.channel),
            msgspec.structs.replace(envelope, plan=list(plan), messages=messages),
        )
        for plan, messages in groups.items()
    ]
    await embedded.publish(connection, items)


def _part(one: Silent, message: Outgoing) -> NewPart:
    return NewPart(
        one.id, message.attempt, 0, one.account_id, one.route_id, one.provider_message_id,
        one.submitted_us,
    )  # fmt: skip


def _note(context: Context, one: Silent, next_route_id: int) -> Note:
    waited = (context.now_us - one.submitted_us) // SECOND_US
    return Note(
        one.id, one.account_id, context.now_us, "failover",
        f"No receipt within {waited} s; the next route takes the message.", one.attempt,
        one.route_id, details={"code": "no_receipt", "next_route_id": next_route_id},
    )  # fmt: skip


def _taken_back(applied: Sequence[Applied]) -> dict[CounterKey, Counts]:
    """Each is handed to a carrier once more, and counts once: rates never pass 100 %."""
    counts: dict[CounterKey, Counts] = {}
    for one in applied:
        accepted_us = int.from_bytes(one.finish.id[:6], "big") * 1000
        key = (
            accepted_us - accepted_us % MINUTE_US, one.account_id, one.channel, one.route_id,
            one.country,
        )  # fmt: skip
        counts.setdefault(key, Counts()).submitted -= 1
    return counts


def _item(queue: str, envelope: Envelope, delay_ms: int = 0) -> NewItem:
    lane = LANE_NUMBER[envelope.lane]
    count = len(envelope.messages)
    return NewItem(queue, lane, envelope.account_id, count, pack(envelope), delay_ms)
