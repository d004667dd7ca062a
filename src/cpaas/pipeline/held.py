"""Messages that a restored backup had under way: held, matched with receipts, decided by people.

The platform went on after its backup, so each of them may be with a carrier. Their status is
SENDING, outcome unknown; no sweep sends or ends them, and no policy: only a receipt that fits one
alone, or an operator.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from cpaas.broker import embedded
from cpaas.messages import queries as message_queries
from cpaas.messages.envelopes import UnreadableEnvelopeError, unpack
from cpaas.messages.types import Finish, Note
from cpaas.pipeline import adopt, held_queries, recover_queries, unknown
from cpaas.pipeline.recover_queries import Left, Unmatched
from cpaas.pipeline.transitions import Context, finish

BATCH_MAX: Final = 500
NOTES_MAX: Final = 2_000
RECEIPTS_MAX: Final = 20_000

Decision = Literal["send", "end"]


class Held(msgspec.Struct, frozen=True):
    """What was held back at a restore. buried: other work, now dead letters."""

    messages: int
    scheduled_later: int
    buried: int


class Decided(msgspec.Struct, frozen=True):
    """What became of a batch; last: id of its last message, b"" when there was none."""

    sent: int
    ended: int
    partly: int
    last: bytes


async def hold(connection: Any, actor: str, made_at: str) -> Held:
    """Hold back what a backup made at that moment had under way, all in one transaction."""
    now_us = time.time_ns() // 1000
    async with connection.transaction():
        rows = await held_queries.hold_messages(connection, now_us)
        text = (
            f"Restored from the backup of {made_at}: whether it was sent since then cannot be"
            " known. It waits for a receipt, or for its operator."
        )
        for start in range(0, len(rows), NOTES_MAX):
            await message_queries.note(
                connection,
                [
                    Note(one, account, now_us, "held", text, attempt, actor=actor,
                         details={"was": was})
                    for one, account, attempt, was in rows[start : start + NOTES_MAX]
                ],
            )  # fmt: skip
        later = await held_queries.later_items(connection, now_us)
        kept = [item for item, payload in later if _scheduled(payload)]
        await held_queries.drop_items(connection, kept)
        buried = await held_queries.bury_rest(
            connection, f"restored from the backup of {made_at}: it may have been done since then"
        )
        await held_queries.free_items(connection)
        await held_queries.settle_instances(connection)
        await held_queries.end_leases(connection)
    return Held(len(rows), len(kept), buried)


async def let_go(connection: Any) -> None:
    """Nothing is held: what waited is free for the processes of now, whoever had it before."""
    async with connection.transaction():
        await held_queries.free_items(connection)
        await held_queries.end_leases(connection)


def _scheduled(payload: bytes) -> bool:
    try:
        return unpack(payload).scheduled
    except UnreadableEnvelopeError:
        return False


async def sweep(connection: Any, context: Context) -> int:
    """Match held messages with kept receipts; returns how many found their receipts."""
    if not await held_queries.any_held(connection):
        return 0
    await held_queries.release_settled(connection)
    receipts: dict[tuple[str, str], list[Unmatched]] = defaultdict(list)
    routes = sorted(context.snapshot.routes)
    for one in await recover_queries.unmatched_of_routes(connection, routes):
        receipts[_fit(one.recipient, one.sender)].append(one)
    rows = await held_queries.held_to(connection, sorted({number for number, _ in receipts}))
    known = await recover_queries.parts_known(connection, [row.id for row in rows])
    found = _matched(context, rows, receipts, known, await _sending(connection, rows))
    if not found:
        return 0
    fitting = {row.id: some for row, some in found}
    adopted = [row for row, _ in found]
    await adopt.keep_parts(connection, context, adopted, fitting, known)
    await unknown.adopt_all(connection, context, adopted, fitting)
    await held_queries.release(connection, [row.id for row in adopted])
    return len(found)


async def _sending(connection: Any, rows: Sequence[Left]) -> Counter[tuple[str, str]]:
    lowest = min((row.id for row in rows), default=bytes(16))
    recipients = sorted({row.recipient for row in rows})
    others = await recover_queries.sending_to(connection, recipients, lowest)
    return Counter(_fit(recipient, sender) for recipient, _, sender in others)


def _matched(
    context: Context,
    rows: Sequence[Left],
    receipts: dict[tuple[str, str], list[Unmatched]],
    known: dict[bytes, set[int]],
    sending: Counter[tuple[str, str]],
) -> list[tuple[Left, list[Unmatched]]]:
    """Messages to whom alone some receipts can belong; the receipts tell the route."""
    found = []
    for row in rows:
        fit = _fit(row.recipient, row.sender)
        some = [one for one in receipts[fit] if one.received_us >= row.created_us]
        routes = {one.route_id for one in some}
        if sending[fit] != 1 or len(routes) != 1:
            continue
        routed = msgspec.structs.replace(row, route_id=routes.pop())
        ids = {one.provider_message_id for one in some}
        if len(ids) == len(adopt.missing(context, routed, known)):
            found.append((routed, some))
    return found


def _fit(recipient: str, sender: str) -> tuple[str, str]:
    return recipient.lstrip("+"), sender.lstrip("+").casefold()


async def decide(
    connection: Any,
    context: Context,
    decision: Decision,
    actor: str,
    *,
    account_id: int = 0,
    lane: str = "",
    was: str = "",
    after: bytes = b"",
) -> Decided:
    """An operator's decision about one batch, in the caller's transaction.

    send: once more from the start, as a new attempt. A message of which a carrier has accepted a
    part is not sent again whole; end it.
    """
    rows = await held_queries.held(
        connection, account_id=account_id, lane=lane, was=was, after=after or bytes(16),
        most=BATCH_MAX,
    )  # fmt: skip
    if not rows:
        return Decided(0, 0, 0, b"")
    known = await recover_queries.parts_known(connection, [row.id for row in rows])
    partly = [row for row in rows if row.id in known] if decision == "send" else []
    chosen = [row for row in rows if row not in partly]
    if decision == "send":
        wanted = [
            Finish(row.id, "QUEUED", context.now_us, row.attempt, actor=actor) for row in chosen
        ]
    else:
        text = "Ended after a restore: whether it was sent cannot be known."
        wanted = [
            Finish(row.id, "FAILED", context.now_us, row.attempt, error_code="unknown_outcome",
                   error=text, refund="policy", actor=actor)
            for row in chosen
        ]  # fmt: skip
    applied = {one.finish.id for one in await finish(connection, context, wanted)}
    done = [row for row in chosen if row.id in applied]
    if decision == "send":
        text = "Sent again after a restore, by decision; it may have been sent before."
        notes = [
            Note(row.id, row.account_id, context.now_us, "resent", text, row.attempt, actor=actor)
            for row in done
        ]
        await message_queries.note(connection, notes)
        await embedded.publish(connection, [unknown.item_again(context, row) for row in done])
    await held_queries.release(connection, [row.id for row in chosen])
    sent = len(done) if decision == "send" else 0
    return Decided(sent, len(done) - sent, len(partly), rows[-1].id)
