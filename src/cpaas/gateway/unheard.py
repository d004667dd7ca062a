"""Calls whose end a provider should have told by now: it is asked, since callbacks get lost.

Only links that run here are asked: a route's holder asks for its calls.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import msgspec

from cpaas.channels.base import Link
from cpaas.db.trouble import is_passing
from cpaas.gateway import queries
from cpaas.kit.log import get_logger

EVERY_SECONDS: Final = 20.0
#: a call that was submitted so long ago and has not ended is asked for.
AFTER_SECONDS: Final = 120.0
AT_ONCE_MAX: Final = 100
#: what was accepted before is left to the sweep of messages without a receipt.
DAYS: Final = 2
_log = get_logger(__name__)


class Unheard(msgspec.Struct, frozen=True):
    """A call that is under way, as far as we know."""

    id: bytes
    route_id: int
    provider_message_id: str
    recipient: str
    sender: str


@runtime_checkable
class Asking(Protocol):
    """A link whose carrier can be asked what became of a message."""

    def ask(self, unheard: Sequence[Unheard]) -> None:
        """Asks; what it learns comes as receipts."""


async def ask_for_ever(
    pool: Any, link: Callable[[int], Link | None], *, every_seconds: float, after_seconds: float
) -> None:
    """Asks again and again; cancel it to end."""
    after = b""
    while True:
        await asyncio.sleep(every_seconds)
        try:
            async with pool.acquire() as connection:
                rows = await queries.open_calls(connection, after, after_seconds, DAYS, AT_ONCE_MAX)
        except Exception as error:  # noqa: BLE001 - asking must never end; the log has it
            if is_passing(error):
                _log.warning("unheard_waits", error=repr(error))
            else:
                _log.exception("unheard_failed")
            continue
        found = [Unheard(*row) for row in rows]
        # With more than can be asked at once, the next turn goes on behind these.
        after = found[-1].id if len(found) == AT_ONCE_MAX else b""
        by_route: dict[int, list[Unheard]] = {}
        for one in found:
            by_route.setdefault(one.route_id, []).append(one)
        for route_id, some in by_route.items():
            asked: Any = link(route_id)
            if isinstance(asked, Asking):
                asked.ask(some)
