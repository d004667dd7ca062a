"""Recovery of messages whose outcome nobody knows: found, sent again or ended, never blindly.

A message stays SENDING while its process is dead or its answer lost. First a receipt that fits it
alone is looked for; only after a set time the account's policy, else the lane, decides.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from cpaas.broker import embedded
from cpaas.broker.base import NewItem
from cpaas.broker.topology import gateway_queue, submit_queue
from cpaas.kit.ids import lowest_at
from cpaas.messages import queries
from cpaas.messages.envelopes import LANE_NUMBER, VERSION, Channel, Envelope, Lane, Outgoing, pack
from cpaas.messages.types import Finish, Note
from cpaas.pipeline import adopt, lost_calls, recover_queries
from cpaas.pipeline.adopt import DAY_MS, REACH_DAYS
from cpaas.pipeline.recover_queries import Left, Unknown, Unmatched
from cpaas.pipeline.templated import name_of
from cpaas.pipeline.transitions import Context, finish
from cpaas.pipeline.waits import Heartbeats, Waits

SECOND_US: Final = 1_000_000
DEAD_AFTER_SECONDS: Final = 15.0
WAIT_US: Final = 120 * SECOND_US
BATCH_MAX: Final = 500
#: pages of events looked through in one sweep.
PAGES_MAX: Final = 40
#: a message that would be ended waits so long at most for its carrier to come back.
PATIENCE_US: Final = 3_600 * SECOND_US
#: messages of one day noted in one sweep; the next one goes on.
LEFT_MAX: Final = 5_000
#: ended instances swept at once.
DEAD_MAX: Final = 100
#: channels whose carriers refuse a second message of one id: asking again cannot make two.
REPEATABLE: Final = frozenset({"rcs"})


async def sweep_dead(
    connection: Any,
    context: Context,
    hearts: Heartbeats,
    *,
    dead_after_seconds: float = DEAD_AFTER_SECONDS,
) -> int:
    """Note an unknown outcome for what dead instances left SENDING; returns how many.

    hearts: what this process has seen of the others' heartbeats.
    """
    unswept = await recover_queries.unswept_instances(connection, context.instance_id)
    beats = [(one, beat) for one, beat, ended in unswept if not ended]
    dead = [one for one, _, ended in unswept if ended][:DEAD_MAX]
    dead += hearts.stopped(beats, dead_after_seconds)
    if not dead:
        return 0
    now_ms = context.now_us // 1000
    found: list[tuple[bytes, int, int, int]] = []
    whole = True
    # A day at a time, the latest first: so no statement reads more than two partitions.
    for days in range(REACH_DAYS):
        highest = lowest_at(now_ms + DAY_MS - days * DAY_MS).bytes
        lowest = lowest_at(now_ms - days * DAY_MS).bytes
        some = await recover_queries.claimed_by(connection, dead, lowest, highest, LEFT_MAX)
        found += some
        whole = whole and len(some) < LEFT_MAX
    text = "The process that was sending it ended before the carrier's answer came."
    await queries.note(
        connection,
        [
            Note(one, account, context.now_us, "unknown_outcome", text, attempt, route)
            for one, account, attempt, route in found
        ],
    )
    if whole:
        whole = await lost_calls.end(connection, context, dead, LEFT_MAX)
    if whole:
        await recover_queries.mark_recovered(connection, dead)
    return len(found)


class _Page(NamedTuple):
    """One page of events: all up to `settled` are settled, `last` is the last one."""

    settled: bytes
    last: bytes
    full: bool


async def sweep_unknown(
    connection: Any, context: Context, after: bytes, waits: Waits, *, wait_us: int = WAIT_US
) -> bytes:
    """Decide about unknown outcomes; returns where the next sweep begins.

    after: id of an event; all events up to it are settled. waits: for how long this process has
    seen each.
    """
    settled = place = after
    # What waits in the first page must not hide what could be settled at once in the next ones.
    for _ in range(PAGES_MAX):
        page = await _sweep_page(connection, context, place, waits, wait_us / SECOND_US)
        if settled == place:
            settled = page.settled
        if not page.full:
            break
        place = page.last
    return settled


async def _sweep_page(
    connection: Any, context: Context, after: bytes, waits: Waits, seconds: float
) -> _Page:
    events = await recover_queries.unknown_events(connection, after, BATCH_MAX)
    if not events:
        return _Page(after, after, full=False)
    # By attempt, too: a message that was sent again may have an unknown outcome once more.
    noted = {(event.message_id, event.attempt) for event in events}
    left = await recover_queries.left(connection, sorted({event.message_id for event in events}))
    rows = [row for row in left if {(row.id, 0), (row.id, row.attempt)} & noted]
    known = await recover_queries.parts_known(connection, [row.id for row in rows])
    fitting = await adopt.fitting(connection, context, rows, known)
    adopted = [row for row in rows if row.id in fitting]
    again: list[Left] = []
    ended: list[Left] = []
    repeated: list[Left] = []
    up = await recover_queries.routes_up(connection) if len(adopted) < len(rows) else set()
    for row in rows:
        if row.id in fitting:
            continue
        if _repeatable(context, row):
            repeated.append(row)
            continue
        resend = _goes_again(context, row, partly=row.id in known)
        if not resend and not _could_be_told(context, row, up):
            continue
        if waits.over((row.id, row.attempt), seconds):
            (again if resend else ended).append(row)
    await adopt.keep_parts(connection, context, adopted, fitting, known)
    await adopt_all(connection, context, adopted, fitting)
    await _apply(connection, context, again=again, ended=ended)
    await _repeat(connection, context, repeated)
    done = (*adopted, *again, *ended, *repeated)
    decided = {row.id for row in done}
    waits.forget((row.id, row.attempt) for row in done)
    settled = _next(after, events, waiting={row.id for row in rows} - decided)
    return _Page(settled, events[-1].id, full=len(events) >= BATCH_MAX)


def _repeatable(context: Context, row: Left) -> bool:
    """Whether the very carrier that may have it can be asked by sending the same id again."""
    route = context.snapshot.routes.get(row.route_id)
    good = route is not None and route.active and row.valid_until_us > context.now_us
    return good and row.channel in REPEATABLE


def _could_be_told(context: Context, row: Left, up: set[int]) -> bool:
    """Whether its receipt could come: ending it while its carrier is away would often be false."""
    route = context.snapshot.routes.get(row.route_id)
    since_us = row.claimed_us or row.created_us
    patient = route is not None and route.active and context.now_us - since_us < PATIENCE_US
    return row.route_id in up or not patient


def _next(after: bytes, events: Sequence[Unknown], *, waiting: set[bytes]) -> bytes:
    """The last event before the first one that still waits."""
    for event in events:
        if event.message_id in waiting:
            return after
        after = event.id
    return after


def _goes_again(context: Context, row: Left, *, partly: bool) -> bool:
    account = context.snapshot.accounts.get(row.account_id)
    policy = account.unknown_outcome if account is not None else ""
    # What a carrier has accepted in part must not go again whole, and its reference is lost.
    if partly or row.valid_until_us <= context.now_us or policy == "fail":
        return False
    # A phone that rings a second time is worse than one that may not have rung.
    return row.lane == "otp" or (policy == "resend" and row.channel != "voice")


async def adopt_all(
    connection: Any,
    context: Context,
    adopted: Sequence[Left],
    fitting: dict[bytes, list[Unmatched]],
) -> None:
    """The carrier has these: their receipts, which are tried at once, fit nothing else."""
    if not adopted:
        return
    wanted = [
        Finish(
            row.id, "SUBMITTED", context.now_us, row.attempt, row.route_id,
            fitting[row.id][0].provider_message_id, _cost(context, row),
        )
        for row in adopted
    ]  # fmt: skip
    applied = {one.finish.id for one in await finish(connection, context, wanted)}
    taken = [row for row in adopted if row.id in applied]
    notes = [_note(context, row, "adopted", "A receipt fits this message alone.") for row in taken]
    await queries.note(connection, notes)
    receipts = [one.id for row in taken for one in fitting[row.id]]
    await recover_queries.try_now(connection, receipts, context.now_us)


async def _apply(
    connection: Any, context: Context, *, again: Sequence[Left], ended: Sequence[Left]
) -> None:
    wanted = [Finish(row.id, "QUEUED", context.now_us, row.attempt) for row in again]
    text = "The carrier's answer never came, and whether it was sent cannot be known."
    wanted += [
        Finish(
            row.id, "FAILED", context.now_us, row.attempt,
            error_code="unknown_outcome", error=text, refund="policy",
        )
        for row in ended
    ]  # fmt: skip
    if not wanted:
        return
    applied = {one.finish.id for one in await finish(connection, context, wanted)}
    resent = [row for row in again if row.id in applied]
    notes = [_note(context, row, "resent", "Sent again, outcome unknown.") for row in resent]
    notes += [_note(context, row, "given_up", text) for row in ended if row.id in applied]
    await queries.note(connection, notes)
    await embedded.publish(connection, [item_again(context, row) for row in resent])


async def _repeat(connection: Any, context: Context, rows: Sequence[Left]) -> None:
    """Each goes once more to the carrier that may have it, by the same route and under one id."""
    if not rows:
        return
    wanted = [Finish(row.id, "QUEUED", context.now_us, row.attempt) for row in rows]
    applied = {one.finish.id for one in await finish(connection, context, wanted)}
    taken = [row for row in rows if row.id in applied]
    text = "Sent again under the same id: the carrier refuses it if it has the first."
    await queries.note(connection, [_note(context, row, "repeated", text) for row in taken])
    items = []
    for row in taken:
        item = item_again(context, row, plan=[row.route_id])
        queue = gateway_queue(context.snapshot.routes[row.route_id].name)
        items.append(msgspec.structs.replace(item, queue=queue))
    await embedded.publish(connection, items)


def _cost(context: Context, row: Left) -> int:
    if row.channel == "voice":
        return 0  # known when the call is over
    each = context.snapshot.carrier_cost(row.route_id, row.recipient.removeprefix("+"))
    return 0 if row.is_test else (each or 0) * row.segments


def _note(context: Context, row: Left, kind: str, text: str) -> Note:
    return Note(row.id, row.account_id, context.now_us, kind, text, row.attempt, row.route_id)


def item_again(context: Context, row: Left, plan: Sequence[int] = ()) -> NewItem:
    """The message as it was accepted, back at the beginning of its channel's way."""
    lane = msgspec.convert(row.lane, Lane)
    content = msgspec.json.decode(row.content) if row.content else None
    outgoing = Outgoing(
        row.id, row.recipient, row.sender, row.body, row.encoding, row.segments, row.attempt + 1,
        row.created_us, row.valid_until_us, row.price_micro, row.country, row.reference,
        row.webhook_url, dlt=msgspec.json.decode(row.dlt) if row.dlt else None,
        content=content, template=name_of(content),
    )  # fmt: skip
    envelope = Envelope(
        VERSION, context.snapshot.version, row.account_id, msgspec.convert(row.channel, Channel),
        lane, row.is_test, row.campaign_id, list(plan), 0, "", 0, [outgoing],
        in_fallback=row.in_fallback,
    )  # fmt: skip
    queue = submit_queue(row.channel)
    return NewItem(queue, LANE_NUMBER[lane], row.account_id, 1, pack(envelope))
