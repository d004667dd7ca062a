"""What carriers' receipts mean for messages, however late, early, repeated or partial they are.

A receipt without a message is kept and tried again; one after a final state is kept as a note.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cpaas.billing.calls import used_units
from cpaas.kit.ids import lowest_at
from cpaas.messages import queries, receipt_queries
from cpaas.messages.receipt_queries import Found, FoundPart, NewUnmatched, PartEnd
from cpaas.messages.statuses import FINAL
from cpaas.messages.types import Finish, Note
from cpaas.pipeline import own_ids
from cpaas.pipeline.answers import clean
from cpaas.pipeline.recategorise import REPRICED, rebook
from cpaas.pipeline.transitions import Context, finish
from cpaas.pipeline.types import Answer, Receipt

SECOND_US: Final = 1_000_000
#: receipts come for three days; a day more for what was accepted before it was sent.
REACH_MS: Final = 4 * 86_400_000
#: other hosts' clocks may go before ours.
AHEAD_MS: Final = 60_000
FIRST_RETRY_US: Final = SECOND_US
RAW_BYTES_MAX: Final = 4096
_ARRIVED: Final = frozenset({"DELIVERED", "READ"})

#: provider id and route, by which a receipt names its message.
Key = tuple[str, int]
_NOTHING: Final[Mapping[Key, Answer]] = {}


async def commit_receipts(
    connection: Any,
    context: Context,
    receipts: Sequence[Receipt],
    expected: Mapping[Key, Answer] = _NOTHING,
) -> None:
    """Apply receipts within the caller's transaction; keep those whose message is unknown.

    expected: answers to messages of one part that this process committed as SUBMITTED lately.
    """
    unmatched = await apply_receipts(connection, context, receipts, expected)
    await receipt_queries.keep_unmatched(
        connection,
        [
            NewUnmatched(
                receipts[n].route_id, clean(receipts[n].provider_message_id), receipts[n].state,
                clean(receipts[n].error_code), clean(receipts[n].recipient),
                clean(receipts[n].sender), receipts[n].raw[:RAW_BYTES_MAX], receipts[n].done_us,
                context.now_us, context.now_us + FIRST_RETRY_US,
            )
            for n in unmatched
        ],
    )  # fmt: skip


async def apply_receipts(
    connection: Any,
    context: Context,
    receipts: Sequence[Receipt],
    expected: Mapping[Key, Answer] = _NOTHING,
) -> list[int]:
    """Apply receipts; returns the numbers of those that belong to no message yet."""
    now_ms = context.now_us // 1000
    within = lowest_at(now_ms - REACH_MS).bytes, lowest_at(now_ms + AHEAD_MS).bytes
    keys = [(clean(r.provider_message_id), r.route_id) for r in receipts]
    found = {key: held(key[0], expected[key]) for key in keys if key in expected}
    ids = list({key[0] for key in keys if key not in found})
    if ids:
        found |= _newest(await receipt_queries.find(connection, ids, *within))
    asked = {
        key[0]
        for key in keys
        if key not in found or (found[key].segments > 1 and found[key].known is None)
    }
    parts: dict[Key, FoundPart] = {}
    if asked:
        rows = await receipt_queries.find_parts(connection, list(asked), *within)
        rows.sort(key=lambda part: part.message_id)
        parts = {(row.provider_message_id, row.route_id): row for row in rows}
    whole: list[tuple[int, Found]] = []
    partial: list[tuple[int, FoundPart]] = []
    unmatched: list[int] = []
    nameless: list[int] = []
    for number, key in enumerate(keys):
        if key in parts:
            partial.append((number, parts[key]))
        elif key in found:
            whole.append((number, found[key]))
        elif receipts[number].message_id is not None:
            nameless.append(number)
        else:
            unmatched.append(number)
    if nameless:
        named, rest = await own_ids.find(connection, context, receipts, nameless)
        whole += named
        unmatched += rest
    if partial:
        whole += await _join_parts(connection, context, receipts, partial)
    # First, so that what ends now is told, and given back, at the price that holds.
    if priced := [(receipts[n], message) for n, message in whole if receipts[n].category]:
        await rebook(connection, context, priced)
    return unmatched + await _finish(connection, context, receipts, whole)


def held(provider_id: str, answer: Answer) -> Found:
    """The message of an answer that this process holds."""
    envelope, message = answer.envelope, answer.message
    # What is held knows no price but the one at acceptance.
    known = None if envelope.channel in REPRICED else (envelope, message)
    return Found(
        message.id, envelope.account_id, answer.route_id, provider_id, "SUBMITTED",
        message.attempt, message.segments, answer.at_us, known,
    )  # fmt: skip


def _newest(rows: Sequence[Found]) -> dict[Key, Found]:
    """Carriers use ids again after a while: the newest message has it."""
    return {(str(r.provider_message_id), r.route_id): r for r in sorted(rows, key=lambda r: r.id)}


async def _finish(
    connection: Any,
    context: Context,
    receipts: Sequence[Receipt],
    whole: Sequence[tuple[int, Found]],
) -> list[int]:
    """Apply receipts to whole messages; returns those that wait for the message's next step."""
    notes: list[Note] = []
    asked: dict[int, tuple[int, Found]] = {}
    finishes: list[Finish] = []
    for number, message in whole:
        receipt = receipts[number]
        if receipt.state == "ENROUTE":
            # One that repeats our id comes for every message, and has done its work by now.
            if receipt.message_id is None:
                notes.append(_note(receipt, message, context, "enroute", "The carrier is trying."))
            continue
        one = wanted(receipt, message, context)
        asked[id(one)] = (number, message)
        finishes.append(one)
    if finishes:
        for done in await finish(connection, context, finishes):
            del asked[id(done.finish)]
    waiting: list[int] = []
    if asked:
        now = await receipt_queries.states(connection, [m.id for _, m in asked.values()])
        for number, message in asked.values():
            receipt, state = receipts[number], now.get(message.id)
            if state is not None and state.status not in FINAL:
                waiting.append(number)
            elif state is not None and state.status not in {receipt.state, "READ"}:
                text = f"A receipt came after the final state: {receipt.state}."
                notes.append(_note(receipt, message, context, "late_receipt", text))
    await queries.note(connection, notes)
    return waiting


def wanted(receipt: Receipt, message: Found, context: Context) -> Finish:
    """The transition that a receipt asks for."""
    # The carrier's clock counts only where it can be true; many tell no seconds.
    plausible = (message.submitted_us or context.now_us) <= receipt.done_us <= context.now_us
    at_us = receipt.done_us if plausible else context.now_us
    attempt = 0 if message.known is None else message.attempt
    if receipt.seconds is not None and receipt.state == "DELIVERED":
        return _ended_call(receipt, message, context, at_us)
    if receipt.state in _ARRIVED:
        return Finish(
            message.id, receipt.state, at_us, attempt, message.route_id if attempt else 0,  # type: ignore[arg-type]
            message.provider_message_id if attempt else None, handed_over=True,
            known=message.known,
        )  # fmt: skip
    return Finish(
        message.id, receipt.state, at_us, attempt,  # type: ignore[arg-type]
        error_code=clean(receipt.error_code) or receipt.state.lower(), error=clean(receipt.error),
        refund="policy", handed_over=True,
    )  # fmt: skip


def _ended_call(receipt: Receipt, message: Found, context: Context, at_us: int) -> Finish:
    """An answered call is over: it costs what it used, here and at its carrier."""
    seconds = receipt.seconds or 0
    each = context.snapshot.carrier_cost(message.route_id, receipt.recipient.removeprefix("+"))
    return Finish(
        message.id, "DELIVERED", at_us, message.attempt,
        carrier_cost_micro=(each or 0) * used_units(seconds, message.segments), handed_over=True,
        seconds=seconds,
    )  # fmt: skip


async def _join_parts(
    connection: Any,
    context: Context,
    receipts: Sequence[Receipt],
    partial: Sequence[tuple[int, FoundPart]],
) -> list[tuple[int, Found]]:
    """Record parts' receipts; returns those that decide about their whole message."""
    ends = {
        (part.message_id, part.attempt, part.part_no): PartEnd(
            part.message_id, part.attempt, part.part_no, receipts[number].state,
            clean(receipts[number].error_code), context.now_us,
        )
        for number, part in reversed(partial)
        if receipts[number].state != "ENROUTE"
    }  # fmt: skip
    if not ends:
        return []
    await receipt_queries.end_parts(connection, list(ends.values()))
    ids = list({part.message_id for _, part in partial})
    messages = await receipt_queries.states(connection, ids)
    missing = await receipt_queries.parts_missing(connection, ids)
    deciding: list[tuple[int, Found]] = []
    notes: list[Note] = []
    told: set[bytes] = set()
    for number, part in partial:
        receipt, message = receipts[number], messages.get(part.message_id)
        if message is None or receipt.state == "ENROUTE":
            continue
        if receipt.state in _ARRIVED:
            # Until it is SUBMITTED some parts are not even accepted.
            whole = message.status not in {"QUEUED", "SENDING"} and not missing.get(message.id)
            complete = part.part_no == 0 or whole
            if complete and message.id not in told:
                told.add(message.id)
                deciding.append((number, message))
        elif part.part_no > 0:
            deciding.append((number, message))
        else:
            # An earlier attempt that failed says nothing about the present one.
            text = f"A receipt for attempt {part.attempt} came: {receipt.state}."
            notes.append(_note(receipt, message, context, "late_receipt", text))
    await queries.note(connection, notes)
    return deciding


def _note(receipt: Receipt, message: Found, context: Context, kind: str, text: str) -> Note:
    details = {
        "state": receipt.state,
        "error_code": clean(receipt.error_code),
        "provider_message_id": clean(receipt.provider_message_id),
    }
    return Note(
        message.id, message.account_id, context.now_us, kind, text, message.attempt,
        receipt.route_id, details=details,
    )  # fmt: skip
