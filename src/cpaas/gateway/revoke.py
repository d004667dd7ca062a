"""Asks carriers not to deliver what another attempt has taken the place of.

Best effort: a carrier that is asked too late delivers, and a receipt tells so. Whether it was asked
stands in the message's timeline.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from cpaas.broker.base import Consumer, Item
from cpaas.channels.base import Link
from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger
from cpaas.messages import queries as message_queries
from cpaas.messages.types import Note
from cpaas.pipeline import fallback_queries as queries
from cpaas.pipeline.fallback import Revoke, read_revoke

TAKEN_MAX: Final = 50
IDLE_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.5
#: a route that is reconnecting, or runs in another process, is waited for so often.
TRIES_MAX: Final = 5
RETRY_MS: Final = 1_000
_log = get_logger(__name__)


class Revoker:
    """Takes what shall be revoked off its channel's queue, for ever."""

    def __init__(
        self,
        pool: Any,
        consumer: Consumer,
        link: Callable[[int], Link | None],
        clock_us: Callable[[], int],
    ) -> None:
        """link: a route's link, if it runs in this process."""
        self._pool = pool
        self._consumer = consumer
        self._link = link
        self._clock_us = clock_us

    async def run(self) -> None:
        """Works until cancelled; what it held comes back by itself."""
        while True:
            try:
                items = await self._consumer.take(TAKEN_MAX)
                for item in items:
                    await self._work(item)
                if not items:
                    await self._consumer.wait(IDLE_SECONDS)
            except Exception as error:  # noqa: BLE001 - it must never end; the log has it
                if is_passing(error):
                    _log.warning("revoking_waits_for_the_database", error=repr(error))
                else:
                    _log.exception("revoking_failed")
                await asyncio.sleep(PAUSE_SECONDS)

    async def _work(self, item: Item) -> None:
        try:
            wanted = read_revoke(item.payload)
        except msgspec.MsgspecError as error:
            await self._consumer.bury([item], f"unreadable: {error}")
            return
        async with self._pool.acquire() as connection:
            held = await queries.revocable(connection, wanted.account_id, wanted.message_id)
        asked = [
            link is not None and link.revoke(provider_id, sender, recipient)
            for route_id, provider_id, sender, recipient in held
            for link in [self._link(route_id)]
        ]
        if held and not any(asked) and item.tries < TRIES_MAX:
            await self._consumer.release([item.id], delay_ms=RETRY_MS)
            return
        async with self._pool.acquire() as connection, connection.transaction():
            if held:
                await message_queries.note(connection, [self._note(wanted, held, any(asked))])
            await self._consumer.complete(connection, [item.id])

    def _note(self, wanted: Revoke, held: list[Any], asked: bool) -> Note:
        text = (
            "The carrier was asked not to deliver it."
            if asked
            else ("The carrier could not be asked to take it back: its route is down.")
        )
        return Note(
            wanted.message_id, wanted.account_id, self._clock_us(), "revoke", text,
            route_id=held[0][0],
        )  # fmt: skip
