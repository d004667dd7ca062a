"""The one place where a message changes its status, with all that follows from it.

The transition table decides in the WHERE of one statement; refund, figures and webhook events
come only from what that statement returned, so they can never be made twice or without it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from cpaas.billing.booking_queries import Entry, refund
from cpaas.billing.calls import settle_calls
from cpaas.broker import embedded
from cpaas.broker.base import NewItem
from cpaas.messages import queries, receipt_queries, straight_queries
from cpaas.messages.envelopes import Event
from cpaas.messages.types import Applied, CounterKey, Counts, ErrorKey, Finish, Note
from cpaas.pipeline import campaign_counts, fallback
from cpaas.snapshot.types import Snapshot
from cpaas.webhooks.events import (
    EventMessage,
    event_items,
    event_wanted,
    message_event,
    status_event_type,
)

MINUTE_US: Final = 60_000_000
DEFAULT_CURRENCY: Final = "INR"
_ARRIVED: Final = frozenset({"DELIVERED", "READ"})
_FAILED: Final = frozenset({"FAILED", "REJECTED", "EXPIRED"})


class Context(msgspec.Struct, frozen=True):
    """Who writes, when, and by which configuration.

    counter: the writer of the counters, if one process has several (0 = the instance); two that
    share a row wait for each other's commit.
    """

    snapshot: Snapshot
    instance_id: int
    now_us: int
    counter: int = 0


async def finish(connection: Any, context: Context, finishes: Sequence[Finish]) -> list[Applied]:
    """Apply transitions within the caller's transaction; what the table forbids is left out.

    A message named twice gets its transitions one after the other, in the order given.
    Locks: messages by id, wallets by account, counters last; so call it late, and once.
    """
    applied: list[Applied] = []
    refunding = _refunding(context, finishes)
    for step in _rounds(finishes):
        ahead = [one for one in step if straight_queries.is_straight(one)]
        if ahead:
            applied += await straight_queries.apply(connection, ahead, final_by=context.instance_id)
        if len(ahead) < len(step):
            applied += await _apply(
                connection,
                context,
                [one for one in step if not straight_queries.is_straight(one)],
                refunding,
            )
    family = [one for one in applied if one.in_fallback]
    # What is cancelled for a family's sake was not asked for here, and is not told to the caller.
    also = await _follow(connection, context, family) if family else []
    if applied:
        await _tell(connection, context, [*applied, *also] if also else applied)
    return applied


async def _tell(connection: Any, context: Context, applied: Sequence[Applied]) -> None:
    """Refunds, notes, events and figures of transitions that took place."""
    refunded = await refund(connection, _refunds(applied))
    # Who is refunded as a duplicate has all of the reservation back.
    ended = [one for one in applied if one.finish.seconds is not None and not one.duplicate]
    if ended:
        await settle_calls(connection, ended)
    await queries.note(connection, [_asked(one) for one in applied if one.finish.actor])
    items = events_of(context, applied)
    if items:
        await embedded.publish(connection, items)
    writer = context.counter or context.instance_id
    await queries.count(connection, writer, counts_of(applied, refunded))
    await queries.count_errors(connection, writer, _errors(applied))
    await campaign_counts.count(connection, writer, applied, refunded)


async def _apply(
    connection: Any, context: Context, step: Sequence[Finish], refunding: Sequence[int]
) -> list[Applied]:
    applied = await queries.apply(
        connection, step, final_by=context.instance_id, refunding=refunding
    )
    await receipt_queries.keep_provider_ids(
        connection,
        [
            (one.finish.provider_message_id, one.finish.id, one.account_id)
            for one in applied
            if one.finish.provider_message_id is not None
        ],
    )
    return applied


async def _follow(connection: Any, context: Context, family: Sequence[Applied]) -> list[Applied]:
    """Fallbacks: what is due next, who was delivered twice; returns what was cancelled for it."""
    followed = await fallback.follow(connection, family, context.now_us)
    for one in family:
        if one.finish.id in followed.duplicates:
            one.duplicate, one.refunded_micro = True, one.price_micro
    await queries.note(connection, followed.notes)
    await embedded.publish(connection, followed.items)
    return (
        await queries.apply(
            connection, followed.cancels, final_by=context.instance_id, refunding=[]
        )
        if followed.cancels
        else []
    )


def _rounds(finishes: Sequence[Finish]) -> Iterable[list[Finish]]:
    """An UPDATE changes a row once: a message's second transition goes into a second round."""
    rounds: list[list[Finish]] = []
    seen: dict[bytes, int] = {}
    for one in finishes:
        number = seen.get(one.id, 0)
        seen[one.id] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(one)
    return rounds


def _refunding(context: Context, finishes: Sequence[Finish]) -> list[int]:
    if all(one.refund != "policy" for one in finishes):
        return []
    return [account.id for account in context.snapshot.accounts.values() if account.refund_failed]


def _refunds(applied: Sequence[Applied]) -> list[Entry]:
    return [
        Entry(
            one.finish.id, one.attempt, one.account_id, one.price_micro,
            _code(one) or one.finish.status.lower(), one.finish.actor or "platform",
        )
        for one in applied
        if _refunds_it(one) and one.price_micro and one.refunded_micro
    ]  # fmt: skip


def _refunds_it(one: Applied) -> bool:
    unanswered = one.channel == "voice" and one.finish.status in queries.UNANSWERED
    return one.finish.refund != "never" or one.duplicate or unanswered


def _code(one: Applied) -> str:
    return fallback.DUPLICATE if one.duplicate else one.finish.error_code


def _asked(one: Applied) -> Note:
    wanted = one.finish
    text = wanted.error or wanted.status.capitalize()
    return Note(
        wanted.id, one.account_id, wanted.at_us, wanted.status.lower(), text,
        attempt=one.attempt, route_id=one.route_id, actor=wanted.actor,
    )  # fmt: skip


def events_of(context: Context, applied: Sequence[Applied]) -> list[NewItem]:
    """What webhooks tell of transitions that took place."""
    currency = context.snapshot.settings.get("currency", DEFAULT_CURRENCY)
    accounts: dict[int, list[Event]] = {}
    for one in applied:
        kind = status_event_type(one.finish.status)
        if kind and event_wanted(context.snapshot, one.account_id, one.webhook_url, kind):
            event = message_event(kind, _message(one), one.finish.at_us, str(currency))
            accounts.setdefault(one.account_id, []).append(event)
    return [item for account, events in accounts.items() for item in event_items(account, events)]


def _message(one: Applied) -> EventMessage:
    wanted = one.finish
    read_us = wanted.at_us if wanted.status == "READ" else None
    return EventMessage(
        wanted.id, one.account_id, one.reference, one.channel, one.recipient, one.sender,
        wanted.status, one.provider_message_id, one.price_micro - one.refunded_micro,
        _code(one), fallback.DUPLICATE_TEXT if one.duplicate else wanted.error, one.segments,
        one.submitted_us, one.delivered_us or read_us, one.campaign_id, one.webhook_url,
        seconds=wanted.seconds,
    )  # fmt: skip


def counts_of(applied: Sequence[Applied], refunded: set[bytes]) -> dict[CounterKey, Counts]:
    """The figures of transitions that took place."""
    counts: dict[CounterKey, Counts] = {}
    for one in applied:
        if one.is_test:
            continue
        wanted = one.finish
        accepted_us = int.from_bytes(wanted.id[:6], "big") * 1000
        key = (
            accepted_us - accepted_us % MINUTE_US, one.account_id, one.channel, one.route_id,
            one.country,
        )  # fmt: skip
        to = counts.get(key)
        if to is None:
            to = counts[key] = Counts()
        _count(to, one)
        if wanted.id in refunded and _refunds_it(one):
            to.refunded_micro += one.price_micro
        elif wanted.seconds is not None:
            to.refunded_micro += one.refunded_micro
    return counts


def _errors(applied: Sequence[Applied]) -> dict[ErrorKey, int]:
    """What ended badly, by its error; a message cancelled or blocked did not."""
    counts: dict[ErrorKey, int] = {}
    for one in applied:
        wanted = one.finish
        if wanted.status not in _FAILED or one.is_test:
            continue
        accepted_us = int.from_bytes(wanted.id[:6], "big") * 1000
        key = (
            accepted_us - accepted_us % MINUTE_US, one.account_id, one.channel, one.route_id,
            wanted.error_code or wanted.status.lower(),
        )  # fmt: skip
        counts[key] = counts.get(key, 0) + 1
    return counts


def _count(to: Counts, one: Applied) -> None:
    status = one.finish.status
    to.carrier_cost_micro += one.finish.carrier_cost_micro
    if status == "SUBMITTED":
        to.submitted += 1
        return
    first_word = status != "READ" or one.delivered_us is None
    if one.submitted_us is None and first_word and (one.finish.handed_over or status in _ARRIVED):
        to.submitted += 1
    if status == "DELIVERED":
        # A family shows one delivery, however many of its messages arrive.
        to.delivered += not one.duplicate
    elif status == "READ":
        to.read += 1
        to.delivered += first_word and not one.duplicate
    elif status == "FAILED":
        to.failed += 1
    elif status == "REJECTED":
        to.rejected += 1
    elif status == "EXPIRED":
        to.expired += 1
    elif status == "BLOCKED":
        to.blocked += 1
    elif status == "CANCELLED":
        to.cancelled += 1
