"""Tries the next step of a fallback: another message, paid for, in one transaction with its root.

A step that cannot be tried (no money, channel off, number blocked) is passed over, the root's
timeline says why, and the step after it is looked at.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import asyncpg
import msgspec

from cpaas.blacklist import check as blacklist
from cpaas.blacklist import queries as blacklist_queries
from cpaas.broker import embedded
from cpaas.broker.base import Consumer, Item
from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger
from cpaas.kit.money import show
from cpaas.messages import queries as message_queries
from cpaas.messages.envelopes import VERSION, Outgoing
from cpaas.messages.types import Note
from cpaas.pipeline import accept_queries, low_balance
from cpaas.pipeline import fallback_queries as queries
from cpaas.pipeline.accept_batch import Batch
from cpaas.pipeline.check import (
    SECOND_US,
    VALIDITY_SECONDS_MAX,
    VALIDITY_SECONDS_MIN,
    address,
    prepare,
    step_draft,
    submission,
)
from cpaas.pipeline.drafts import Author, Draft, FallbackStep, Submission, stored_steps
from cpaas.pipeline.fallback import Due, read_due, revoke_item
from cpaas.pipeline.fallback_queries import Member, Root
from cpaas.pipeline.refusals import RefusedError
from cpaas.pipeline.transitions import Context
from cpaas.snapshot.types import Snapshot
from cpaas.webhooks.events import uuid_text

TAKEN_MAX: Final = 50
IDLE_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.5
CONFLICT_TRIES_MAX: Final = 10
#: a message in one of these has failed, or is with its carrier without a receipt.
_DUE: Final = frozenset({"SUBMITTED", "FAILED", "REJECTED", "EXPIRED"})
_ARRIVED: Final = frozenset({"DELIVERED", "READ"})
_CONFLICTS: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_log = get_logger(__name__)


class NotTriedError(Exception):
    """A step that passes all checks of a message and still cannot be tried."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class FallbackRunner:
    """Takes due steps off the queue, for ever."""

    def __init__(
        self,
        pool: Any,
        consumer: Consumer,
        snapshot: Callable[[], Snapshot],
        instance_id: int,
        clock_us: Callable[[], int],
    ) -> None:
        self._pool = pool
        self._consumer = consumer
        self._snapshot = snapshot
        self._instance_id = instance_id
        self._clock_us = clock_us

    async def run(self) -> None:
        """Works until cancelled; what it held comes back by itself."""
        while True:
            try:
                if not await self.turn():
                    await self._consumer.wait(IDLE_SECONDS)
            except Exception as error:  # noqa: BLE001 - it must never end; the log has it
                if is_passing(error):
                    _log.warning("fallback_waits_for_the_database", error=repr(error))
                else:
                    _log.exception("fallback_failed")
                await asyncio.sleep(PAUSE_SECONDS)

    async def turn(self) -> int:
        """Works what is due now; returns how many items that were."""
        items = await self._consumer.take(TAKEN_MAX)
        for item in items:
            await self._work(item)
        return len(items)

    async def _work(self, item: Item) -> None:
        try:
            due = read_due(item.payload)
        except msgspec.MsgspecError as error:
            await self._consumer.bury([item], f"unreadable: {error}")
            return
        if due.version != VERSION:
            await self._consumer.bury([item], f"version {due.version}, expected {VERSION}")
            return
        for tries in range(1, CONFLICT_TRIES_MAX + 1):
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    context = Context(self._snapshot(), self._instance_id, self._clock_us())
                    await take_step(connection, context, due)
                    await self._consumer.complete(connection, [item.id])
                return
            except _CONFLICTS:
                if tries == CONFLICT_TRIES_MAX:
                    raise
            except Exception as error:
                if is_passing(error):
                    raise
                _log.exception("fallback_not_tried", item=item.id)
                await self._consumer.bury([item], f"cannot be tried: {error!r}")
                return


async def take_step(connection: Any, context: Context, due: Due) -> bytes | None:
    """Takes the step that is due, if it still is; returns the new message's id.

    Within the caller's transaction, which locks the root first.
    """
    found = await queries.members(connection, [due.message_id])
    if due.message_id not in found:
        return None
    root = await queries.lock_root(connection, found[due.message_id].root)
    if root is None or root.taken != due.step:
        return None
    family = await queries.members(connection, [root.id, *queries.attempts_of(root.steps)])
    last = family[due.message_id]
    if last.status not in _DUE or any(one.status in _ARRIVED for one in family.values()):
        return None
    steps = [dict(step) for step in root.steps]
    notes: list[Note] = []
    made: Submission | None = None
    taken = due.step
    while made is None and taken < len(steps):
        try:
            made = await _tried(connection, context, root, taken)
        except (RefusedError, NotTriedError) as error:
            steps[taken]["skipped"] = error.code
            text = f"Fallback {taken + 1} ({steps[taken]['channel']}) is not tried: {error.detail}"
            notes.append(_note(context, root, "fallback_skipped", text, {"code": error.code}))
        taken += 1
    if made is not None:
        attempt = made.messages[0]
        steps[taken - 1]["message_id"] = uuid_text(attempt.id)
        await queries.link(connection, attempt.id, root.id, taken)
        notes.append(_made_note(context, root, taken, made, last))
        if last.status == "SUBMITTED":
            await embedded.publish(connection, [revoke_item(last)])
    if not await queries.advance(connection, root.id, due.step, taken, steps):
        raise AssertionError("a locked root moved")
    await message_queries.note(connection, notes)
    return None if made is None else made.messages[0].id


async def _tried(connection: Any, context: Context, root: Root, step: int) -> Submission:
    """The step stored and paid. Errors (nothing happened): RefusedError, NotTriedError."""
    author = Author(
        root.account_id, root.origin, root.is_test, root.actor_id, root.campaign_id  # type: ignore[arg-type]
    )  # fmt: skip
    wanted = FallbackStep.of(root.steps[step])
    draft = step_draft(_draft(root), wanted)
    prepared = prepare(context.snapshot, author, draft, context.now_us)
    message = address(prepared, root.recipient)
    if await _is_blocked(connection, context, root, wanted.channel, message):
        raise NotTriedError("blocked", "The number is on the blacklist.")
    made = submission(prepared, [message])
    made.fallback = stored_steps(root.steps)
    batch = Batch(context.snapshot, context.instance_id, context.now_us)
    batch.add(made)
    unpaid, lows = await accept_queries.store(connection, batch.columns())
    if unpaid:
        raise NotTriedError(
            "insufficient_balance", f"It costs {show(message.price_micro)}, more than there is."
        )
    if lows:
        await low_balance.tell(connection, context.snapshot, lows, context.now_us)
    return made


async def _is_blocked(
    connection: Any, context: Context, root: Root, channel: str, message: Outgoing
) -> bool:
    accounts = [blacklist.EVERYBODY, root.account_id]
    rows = await blacklist_queries.look_up(connection, [message.to], accounts)
    stops = blacklist.by_number(rows).get(message.to, [])
    settings = context.snapshot.settings
    return blacklist.is_blocked(stops, root.account_id, channel, root.lane, settings)


def _draft(root: Root) -> Draft:
    """What the first message wanted, for attempts to take over."""
    seconds = (root.valid_until_us - (root.send_us or root.created_us)) // SECOND_US
    return Draft(
        root.channel, root.body, "", root.lane, root.reference, root.webhook_url, None,
        max(VALIDITY_SECONDS_MIN, min(seconds, VALIDITY_SECONDS_MAX)), 1, root.dlt,
    )  # fmt: skip


def _made_note(context: Context, root: Root, taken: int, made: Submission, last: Member) -> Note:
    attempt = made.messages[0]
    why = "was not delivered in time" if last.status == "SUBMITTED" else f"is {last.status}"
    text = (
        f"The message before {why}: fallback {taken} by {made.channel} from {attempt.sender},"
        f" message {uuid_text(attempt.id)}."
    )
    return _note(context, root, "fallback", text, {"message_id": uuid_text(attempt.id)})


def _note(context: Context, root: Root, kind: str, text: str, details: dict[str, Any]) -> Note:
    return Note(root.id, root.account_id, context.now_us, kind, text, details=details)
