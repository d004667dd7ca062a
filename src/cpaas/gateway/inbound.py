"""Keeps replies from handsets and answers their carrier once they are stored.

A reply whose account is not known yet is kept all the same (account 0).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from cpaas.channels.base import Inbound
from cpaas.gateway import queries
from cpaas.gateway.queries import NewInbound
from cpaas.kit.ids import new_id
from cpaas.kit.log import get_logger
from cpaas.pipeline.gather import Gatherer

WAITING_MAX: Final = 5_000
#: a carrier that reconnects while the database is away sends again what we hold unanswered.
HELD_MAX: Final = 20_000
_log = get_logger(__name__)


class _Reply(msgspec.Struct):
    row: NewInbound
    stored: Callable[[], None]


class InboundKeeper:
    """Stores replies of all routes of this process in batches."""

    def __init__(self, pool: Any, *, clock_us: Callable[[], int]) -> None:
        self._clock_us = clock_us
        self._box: Gatherer[_Reply] = Gatherer(
            pool, self._commit, self._spoiled, name="inbound", capacity=WAITING_MAX,
            committed=self._committed,
        )  # fmt: skip

    def put(
        self, route_id: int, channel: str, messages: list[Inbound],
        stored: Callable[[Inbound], None],
    ) -> None:  # fmt: skip
        """Takes replies; `stored` is called with each once it is kept."""
        now_us = self._clock_us()
        replies = []
        for one in messages:
            row = NewInbound(
                new_id().bytes, 0, route_id, channel, one.sender, one.recipient, one.body,
                one.raw, now_us,
            )  # fmt: skip
            replies.append(_Reply(row, partial(stored, one)))
        self._box.put(replies)

    @property
    def full(self) -> bool:
        """Whether replies must be refused, for their carriers to send them again later."""
        return self._box.waiting >= HELD_MAX

    async def run(self) -> None:
        """Stores for ever; cancel it after `drain`."""
        await self._box.run()

    async def drain(self) -> None:
        """Waits until everything taken is stored."""
        await self._box.drained()

    async def _commit(self, connection: Any, replies: list[_Reply]) -> None:
        await queries.insert_inbound(connection, [one.row for one in replies])

    def _committed(self, replies: list[_Reply]) -> None:
        for one in replies:
            one.stored()

    async def _spoiled(self, reply: _Reply, error: Exception) -> None:
        """It cannot be stored; the log has it, and its carrier must not repeat it."""
        _log.error(
            "reply_not_stored", route=reply.row.route_id, sender=reply.row.sender,
            recipient=reply.row.recipient, error=repr(error),
        )  # fmt: skip
