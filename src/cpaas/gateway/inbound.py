"""Takes replies from the links and answers their carrier once they are stored.

What a reply means is decided where it is stored (`pipeline/inbound.py`), in the same transaction.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from cpaas.channels.base import Inbound
from cpaas.db.trouble import is_passing
from cpaas.kit.ids import id_of, new_id
from cpaas.kit.log import get_logger
from cpaas.pipeline.gather import Gatherer
from cpaas.pipeline.inbound import Reply, assemble, commit_replies
from cpaas.pipeline.transitions import Context
from cpaas.snapshot.types import Snapshot

WAITING_MAX: Final = 5_000
#: a carrier that reconnects while the database is away sends again what we hold unanswered.
HELD_MAX: Final = 20_000
#: how often parts are looked at whose siblings came to another process, or never.
ASSEMBLE_SECONDS: Final = 5.0
_log = get_logger(__name__)


class _Taken(msgspec.Struct):
    reply: Reply
    stored: Callable[[], None]


class InboundKeeper:
    """Stores replies of all routes of this process in batches."""

    def __init__(
        self,
        pool: Any,
        snapshot: Callable[[], Snapshot],
        instance_id: int,
        *,
        clock_us: Callable[[], int],
        assemble_seconds: float = ASSEMBLE_SECONDS,
    ) -> None:
        self._pool = pool
        self._snapshot = snapshot
        self._instance_id = instance_id
        self._clock_us = clock_us
        self._assemble_seconds = assemble_seconds
        self._box: Gatherer[_Taken] = Gatherer(
            pool, self._commit, self._spoiled, name="inbound", capacity=WAITING_MAX,
            committed=self._committed,
        )  # fmt: skip

    def put(
        self, route_id: int, channel: str, messages: list[Inbound],
        stored: Callable[[Inbound], None],
    ) -> None:  # fmt: skip
        """Takes replies; `stored` is called with each once it is kept."""
        now_us = self._clock_us()
        route = self._snapshot().routes.get(route_id)
        is_test = route is not None and route.simulated
        self._box.put(
            _Taken(
                Reply(
                    _id(route_id, one), route_id, channel, one.sender, one.recipient, one.body,
                    one.raw, now_us, is_test, one.part, content=one.content, known=bool(one.key),
                    at_us=one.at_us,
                ),
                partial(stored, one),
            )
            for one in messages
        )  # fmt: skip

    @property
    def full(self) -> bool:
        """Whether replies must be refused, for their carriers to send them again later."""
        return self._box.waiting >= HELD_MAX

    async def run(self) -> None:
        """Stores for ever; cancel it after `drain`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._box.run())
            tasks.create_task(self._assemble())

    async def drain(self) -> None:
        """Waits until everything taken is stored."""
        await self._box.drained()

    async def _assemble(self) -> None:
        while True:
            await asyncio.sleep(self._assemble_seconds)
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    await assemble(connection, self._context())
            except Exception as error:  # noqa: BLE001 - it must never end; the log has it
                if not is_passing(error):
                    _log.exception("parts_not_put_together")

    def _context(self) -> Context:
        return Context(self._snapshot(), self._instance_id, self._clock_us())

    async def _commit(self, connection: Any, taken: list[_Taken]) -> None:
        async with connection.transaction():
            await commit_replies(connection, self._context(), [one.reply for one in taken])

    def _committed(self, taken: list[_Taken]) -> None:
        for one in taken:
            one.stored()

    async def _spoiled(self, taken: _Taken, error: Exception) -> None:
        """It cannot be stored; the log has it, and its carrier must not repeat it."""
        _log.error(
            "reply_not_stored", route=taken.reply.route_id, sender=taken.reply.sender,
            recipient=taken.reply.recipient, error=repr(error),
        )  # fmt: skip


def _id(route_id: int, one: Inbound) -> bytes:
    """What its carrier may tell again gets the same id again."""
    if not one.key:
        return new_id().bytes
    return id_of(one.at_us // 1000, f"{route_id}:{one.key}")
