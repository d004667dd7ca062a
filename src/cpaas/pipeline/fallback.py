"""Fallback, as far as it belongs to a status: what is due next, and who was delivered twice.

A message and the attempts made instead of it are a family: the first message is the root, keeps the
steps and how many of them were taken; each attempt is a message of its own that names its root.
Called in the transaction that changes the status. That the next step is due travels as a queue
item, at once after a failure, delayed after SUBMITTED.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas.broker.base import NewItem
from cpaas.broker.topology import FALLBACK, revoke_queue
from cpaas.messages.envelopes import LANE_NUMBER, VERSION, pack
from cpaas.messages.types import Applied, Finish, Note
from cpaas.pipeline import fallback_queries as queries
from cpaas.pipeline.fallback_queries import Member

DUPLICATE: Final = "duplicate_delivery"
DUPLICATE_TEXT: Final = "Another attempt had been delivered already; this one is refunded."
NOT_NEEDED: Final = "fallback_not_needed"
NOT_NEEDED_TEXT: Final = "Another attempt was delivered before this one was sent."
_ARRIVED: Final = frozenset({"DELIVERED", "READ"})
_FAILED: Final = frozenset({"FAILED", "REJECTED", "EXPIRED"})
_WAITING: Final = frozenset({"SCHEDULED", "QUEUED"})
#: ends after which trying another way would come days too late.
_TOO_LATE: Final = frozenset({"no_receipt"})


class Due(msgspec.Struct, array_like=True):
    """An item of the queue: the step that this message's end, or silence, makes due."""

    version: int
    message_id: bytes
    step: int


class Revoke(msgspec.Struct, array_like=True):
    """An item of a revoke queue: a carrier shall not deliver this any more, if it still can."""

    version: int
    message_id: bytes
    account_id: int


class Followed(msgspec.Struct):
    """What follows from a batch's transitions for its families.

    duplicates: messages that arrived after another of their family. cancels: to be applied, too.
    """

    duplicates: list[bytes]
    cancels: list[Finish]
    items: list[NewItem]
    notes: list[Note]


_due = msgspec.msgpack.Decoder(Due)
_revoke = msgspec.msgpack.Decoder(Revoke)
read_due: Final = _due.decode
read_revoke: Final = _revoke.decode


async def follow(connection: Any, applied: Sequence[Applied], now_us: int) -> Followed:
    """What follows for families from transitions just applied in the caller's transaction."""
    followed = Followed([], [], [], [])
    arrived = [one for one in applied if _arrives(one)]
    if arrived:
        await _arrivals(connection, arrived, followed, now_us)
    going_on = [one for one in applied if _goes_on(one)]
    if going_on:
        members = await queries.members(connection, [one.finish.id for one in going_on])
        for one in going_on:
            member = members[one.finish.id]
            delay_ms = _due_in(one, member)
            if delay_ms is not None:
                followed.items.append(due_item(member, delay_ms))
    return followed


def due_item(member: Member, delay_ms: int) -> NewItem:
    """The item that makes the step after this message due."""
    payload = pack(Due(VERSION, member.id, member.own_step))
    return NewItem(FALLBACK, LANE_NUMBER[member.lane], member.account_id, 1, payload, delay_ms)


def revoke_item(member: Member) -> NewItem:
    """The item that asks a message's carrier not to deliver it."""
    payload = pack(Revoke(VERSION, member.id, member.account_id))
    return NewItem(
        revoke_queue(member.channel), LANE_NUMBER[member.lane], member.account_id, 1, payload
    )


def _arrives(one: Applied) -> bool:
    """Whether the recipient has it now for the first time."""
    status = one.finish.status
    return status == "DELIVERED" or (status == "READ" and one.delivered_us is None)


def _goes_on(one: Applied) -> bool:
    status = one.finish.status
    return status == "SUBMITTED" or (status in _FAILED and one.finish.error_code not in _TOO_LATE)


def _due_in(one: Applied, member: Member) -> int | None:
    """Milliseconds until the next step is due; None when there is none, or no timer for it."""
    if member.own_step >= len(member.steps):
        return None
    if one.finish.status != "SUBMITTED":
        return 0
    seconds = member.steps[member.own_step].get("after_seconds")
    return None if seconds is None else int(seconds) * 1000


async def _arrivals(
    connection: Any, arrived: Sequence[Applied], followed: Followed, now_us: int
) -> None:
    """The first to arrive is the family's delivery: others are duplicates, or need not go."""
    members = await queries.members(connection, [one.finish.id for one in arrived])
    # Locked, so that of two that arrive at once the second sees the first.
    families = await queries.lock_families(connection, sorted({m.root for m in members.values()}))
    new = {one.finish.id for one in arrived}
    told: set[bytes] = set()
    for one in sorted(arrived, key=lambda one: one.finish.at_us):
        member = members[one.finish.id]
        others = [m for m in families.get(member.root, []) if m.id != member.id]
        before = [m for m in others if m.status in _ARRIVED and (m.id not in new or m.id in told)]
        told.add(member.id)
        if before:
            followed.duplicates.append(member.id)
            followed.notes += _duplicate_notes(member, now_us)
            continue
        for other in others:
            if other.status in _WAITING:
                followed.cancels.append(
                    Finish(
                        other.id, "CANCELLED", now_us, error_code=NOT_NEEDED,
                        error=NOT_NEEDED_TEXT, refund="always", actor="platform",
                    )
                )  # fmt: skip
            elif other.status == "SUBMITTED":
                followed.items.append(revoke_item(other))
    await queries.mark_duplicates(connection, followed.duplicates, DUPLICATE, DUPLICATE_TEXT)


def _duplicate_notes(member: Member, now_us: int) -> list[Note]:
    notes = [Note(member.id, member.account_id, now_us, DUPLICATE, DUPLICATE_TEXT)]
    if member.root != member.id:
        text = "An attempt arrived after another one had been delivered; it is refunded."
        notes.append(Note(member.root, member.account_id, now_us, DUPLICATE, text))
    return notes
