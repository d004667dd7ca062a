"""Ends messages whose validity is over while they wait behind others, and gives their price back.

The route step and the gateway end what they meet; behind a route that is full, down or switched off
nothing is met for hours. What waits is walked through in the order in which it came.
"""

from typing import Any, Final

from cpaas.kit.log import get_logger
from cpaas.messages.envelopes import UnreadableEnvelopeError, unpack
from cpaas.messages.types import Finish
from cpaas.pipeline import recover_queries
from cpaas.pipeline.route import end_waiting
from cpaas.pipeline.transitions import Context

#: more at once would hold up the process; a great backlog of lists costs no more than singles.
ITEMS_MAX: Final = 1_000
MESSAGES_MAX: Final = 2_000
TEXT: Final = "Its validity ended while it waited for its route."
_log = get_logger(__name__)


class ExpiredWaiting:
    """The sweep, with its place in the queue."""

    def __init__(self) -> None:
        self._after = 0

    async def sweep(self, connection: Any, context: Context) -> int:
        """Look at the next items that waited for a while; returns how many they were.

        The items stay: whoever takes one finds its ended messages ended.
        """
        rows = await self._next(connection)
        if not rows and self._after:
            self._after = 0
            rows = await self._next(connection)
        self._after = rows[-1][0] if rows else 0
        await end_waiting(connection, context, _finishes(rows, context.now_us))
        return len(rows)

    async def _next(self, connection: Any) -> list[Any]:
        return await recover_queries.waiting_items(connection, self._after, ITEMS_MAX, MESSAGES_MAX)


def _finishes(rows: list[Any], now_us: int) -> list[Finish]:
    finishes = []
    for _, payload in rows:
        try:
            messages = unpack(payload).messages
        except UnreadableEnvelopeError:
            # Its consumer buries it, with the reason.
            continue
        finishes += [
            Finish(
                one.id, "EXPIRED", now_us, one.attempt, error_code="expired", error=TEXT,
                refund="policy" if one.with_carrier else "always",
            )
            for one in messages
            if one.valid_until_us <= now_us
        ]  # fmt: skip
    return finishes
