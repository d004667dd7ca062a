"""Hands approved templates to carriers that review them too, and asks until they have decided.

A carrier without such an interface is left alone: its codes are pasted by the operator. No
connection of the database is held while a carrier is called.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from cpaas.channels.base import TemplateNotice
from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger
from cpaas.snapshot.types import Identity, Route, Snapshot
from cpaas.templates import decide, queries
from cpaas.templates.types import CarrierWord

BATCH_MAX: Final = 20
TICK_SECONDS: Final = 2.0
ASK_SECONDS: Final = 60.0
_log = get_logger(__name__)


class Reviewer(Protocol):
    """A channel's carriers as reviewers of templates; None = nothing is known."""

    async def submit(
        self, identity: Identity, route: Route, name: str, kind: str, number: int,
        content: dict[str, Any],
    ) -> TemplateNotice | None:  # fmt: skip
        """Hands a version in."""

    async def ask(self, identity: Identity, route: Route, code: str) -> TemplateNotice | None:
        """Where the review of a code stands."""

    async def close(self) -> None:
        """Ends its connections."""


class TemplateReviews:
    """The templates of one channel on their way through their carriers' reviews."""

    def __init__(
        self,
        pool: Any,
        channel: str,
        snapshot: Callable[[], Snapshot],
        reviewer: Reviewer,
        *,
        ask_seconds: float = ASK_SECONDS,
    ) -> None:
        self._pool = pool
        self._channel = channel
        self._snapshot = snapshot
        self._reviewer = reviewer
        self._ask_seconds = ask_seconds

    async def run(self) -> None:
        """Works until cancelled; what was not told is done again."""
        try:
            while True:
                try:
                    await self.turn()
                except Exception as error:  # noqa: BLE001 - it must never end; the log has it
                    if not is_passing(error):
                        _log.exception("template_reviews_failed")
                await asyncio.sleep(TICK_SECONDS)
        finally:
            await self._reviewer.close()

    async def turn(self) -> int:
        """Submits what waits and asks about the rest; returns how many decisions came."""
        async with self._pool.acquire() as connection, connection.transaction():
            waiting = await queries.to_submit(connection, self._channel, BATCH_MAX)
        told = 0
        for account_id, template_id, number in waiting:
            told += await self._submit(account_id, template_id, number)
        async with self._pool.acquire() as connection, connection.transaction():
            asked = await queries.to_ask(connection, self._channel, BATCH_MAX, self._ask_seconds)
        for account_id, template_id, number, code, holder in asked:
            found = self._identity(account_id, holder)
            if found is not None:
                notice = await self._reviewer.ask(*found, code)
                told += await self._tell(account_id, template_id, number, notice)
        return told

    async def _submit(self, account_id: int, template_id: int, number: int) -> int:
        found = self._identity(account_id, "")
        if found is None:
            return 0
        async with self._pool.acquire() as connection:
            row = await queries.find(connection, account_id, template_id, number)
        if row is None:
            return 0
        content: dict[str, Any] = msgspec.to_builtins(row.version.content)
        notice = await self._reviewer.submit(
            *found, row.name, row.version.type, number, content
        )  # fmt: skip
        return await self._tell(account_id, template_id, number, notice)

    def _identity(self, account_id: int, holder: str) -> tuple[Identity, Route] | None:
        """The identity that a template was or will be submitted for, and its route."""
        snapshot = self._snapshot()
        own = snapshot.own_identities.get((account_id, self._channel), ())
        named = [one for one in own if one.value == holder] if holder else list(own)
        for one in named:
            route = snapshot.routes.get(one.route_id)
            if route is not None and route.active:
                return one, route
        return None

    async def _tell(
        self, account_id: int, template_id: int, number: int, notice: TemplateNotice | None
    ) -> int:
        if notice is None:
            return 0
        word = CarrierWord(
            notice.status, notice.carrier_id, notice.reason, notice.category, notice.sender
        )
        async with self._pool.acquire() as connection, connection.transaction():
            await decide.told(connection, account_id, template_id, word, number=number)
        return int(notice.status != "pending")
