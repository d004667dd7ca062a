"""Dead letters: what could not be worked, kept with its reason until a person decides about it.

Replayed, it goes through its queue once more. Discarded, its messages end as REJECTED with their
price given back, so that nothing disappears without a word.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas.audit.queries import record
from cpaas.broker import embedded
from cpaas.broker.topology import SMPP_RECEIPT, WEBHOOK
from cpaas.messages.envelopes import UnreadableEnvelopeError, unpack, unpack_events
from cpaas.messages.types import Finish
from cpaas.pipeline import dead_letter_queries as queries
from cpaas.pipeline.dead_letter_queries import DeadLetter
from cpaas.pipeline.route import end_waiting
from cpaas.pipeline.transitions import Context

DISCARDED: Final = "discarded"
_TEXT: Final = "It could not be processed, and the operator discarded it."
_TABLE: Final = "dead_letter"


class Content(msgspec.Struct, frozen=True):
    """What is in a dead letter; unreadable says why nothing can be told.

    messages: (id, recipient, attempt). events: (id, type, message id), all ids 16 bytes.
    """

    unreadable: str = ""
    messages: list[tuple[bytes, str, int]] = []
    events: list[tuple[bytes, str, bytes]] = []


class Discarded(msgspec.Struct, frozen=True):
    """letters: ids of what was thrown away. ended: messages that ended by it."""

    letters: list[int]
    ended: int


def content(letter: DeadLetter) -> Content:
    """What a dead letter with its payload holds."""
    try:
        if letter.queue in (WEBHOOK, SMPP_RECEIPT):
            events = unpack_events(letter.payload).events
            return Content(events=[(one.id, one.type, one.message_id) for one in events])
        messages = unpack(letter.payload).messages
    except UnreadableEnvelopeError as error:
        return Content(str(error))
    return Content(messages=[(one.id, one.to, one.attempt) for one in messages])


async def replay(connection: Any, ids: Sequence[int]) -> list[int]:
    """Give dead letters back to their queues in the caller's transaction; returns which."""
    letters = await queries.locked(connection, ids)
    found = [letter.id for letter in letters]
    if found:
        await embedded.replay(connection, found)
    for letter in letters:
        await _record(connection, "replay", letter)
    return found


async def discard(connection: Any, context: Context, ids: Sequence[int], actor: str) -> Discarded:
    """Throw dead letters away in the caller's transaction; what waits of their messages ends.

    The connection speaks as the data plane does (`db.codecs`).
    """
    letters = await queries.locked(connection, ids)
    finishes = [
        Finish(
            message_id, "REJECTED", context.now_us, attempt, error_code=DISCARDED, error=_TEXT,
            refund="always", actor=actor,
        )
        for letter in letters
        for message_id, _, attempt in content(letter).messages
    ]  # fmt: skip
    ended = await end_waiting(connection, context, finishes)
    found = [letter.id for letter in letters]
    await queries.delete(connection, found)
    for letter in letters:
        await _record(connection, "discard", letter)
    return Discarded(found, len(ended))


async def _record(connection: Any, action: str, letter: DeadLetter) -> None:
    facts = {"queue": letter.queue, "messages": letter.messages, "reason": letter.reason}
    await record(
        connection, action, _TABLE, str(letter.id), account_id=letter.account_id, before=facts
    )
