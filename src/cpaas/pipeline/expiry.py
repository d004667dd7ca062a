"""Ends messages whose validity is over and that no queue holds: in dead letters, or stranded."""

from collections.abc import Sequence
from typing import Any, Final

from cpaas.kit.ids import lowest_at
from cpaas.kit.log import get_logger
from cpaas.messages.envelopes import Envelope, Outgoing, UnreadableEnvelopeError, unpack
from cpaas.messages.types import Finish
from cpaas.pipeline import expiry_queries as queries
from cpaas.pipeline.route import end_waiting
from cpaas.pipeline.transitions import Context

HOUR_US: Final = 3_600_000_000
#: scheduled up to 30 days ahead, valid for 3 days.
REACH_US: Final = 34 * 24 * HOUR_US
LETTERS_MAX: Final = 200
#: messages that one turn of the walk looks at: some ten milliseconds of reading.
WALK_ROWS: Final = 20_000
_TEXT: Final = "Its validity ended before it could be sent."
_log = get_logger(__name__)


class LettersWalk:
    """The sweep over the dead letters: their messages' validity ends as anybody's."""

    def __init__(self) -> None:
        self._after = 0

    async def sweep(self, connection: Any, context: Context) -> int:
        """Look at the next letters, from the first again after the last; returns how many ended."""
        found = await queries.next_letters(connection, self._after, LETTERS_MAX)
        self._after = found[-1][0] if len(found) == LETTERS_MAX else 0
        return len(await end_waiting(connection, context, _late(found, context)))


def _late(found: Sequence[tuple[int, bytes]], context: Context) -> list[Finish]:
    """The ends of messages whose validity is over."""
    return [
        Finish(
            one.id, "EXPIRED", context.now_us, one.attempt, error_code="expired", error=_TEXT,
            refund="policy" if one.with_carrier else "always",
        )
        for _, payload in found
        for one in _messages(payload)
        if one.valid_until_us <= context.now_us
    ]  # fmt: skip


def _messages(payload: bytes) -> list[Outgoing]:
    try:
        envelope: Envelope = unpack(payload)
    except UnreadableEnvelopeError:
        return []  # Its consumer buries it.
    return envelope.messages


class OverdueWalk:
    """The sweep over QUEUED messages an hour beyond their validity that no queue has met.

    A safety net: it walks all messages that may still wait, some at a time, and never ends.
    """

    def __init__(self, rows: int = WALK_ROWS) -> None:
        self._rows = rows
        self._after = b""

    async def sweep(self, connection: Any, context: Context) -> int:
        """Look at the next messages, from the oldest again after the last; how many ended."""
        begin = lowest_at((context.now_us - REACH_US) // 1000).bytes
        end = lowest_at((context.now_us - HOUR_US) // 1000).bytes
        ids, reached = await queries.overdue(
            connection, max(self._after, begin), end, context.now_us - HOUR_US, self._rows
        )
        self._after = reached or b""
        finishes = [
            Finish(
                one, "EXPIRED", context.now_us, error_code="expired", error=_TEXT, refund="always"
            )
            for one in ids
        ]
        ended = await end_waiting(connection, context, finishes)
        if ended:
            _log.error("overdue_messages_ended", messages=len(ended))
        return len(ended)
