"""Templates and their carrier: handed over once the operator allowed them, and its verdicts.

A template that cannot be handed over now comes again after ten minutes; nothing is lost with a
process, since what was asked for stands in the database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from cpaas.channels.base import Reviewed, TemplateNotice
from cpaas.db.actor import acting
from cpaas.db.trouble import is_passing
from cpaas.kit.errors import InputError
from cpaas.kit.log import get_logger
from cpaas.snapshot.types import Route
from cpaas.templates import decide, queries
from cpaas.templates.types import CarrierWord, TemplateRow

IDLE_SECONDS: Final = 2.0
AT_ONCE: Final = 5
#: how long a verdict waits for the answer that names its template.
ANSWER_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.2
_log = get_logger(__name__)

#: hands one over; None = it cannot be now.
Submit = Callable[[TemplateRow], Awaitable[Reviewed | None]]


class Reviews:
    """The templates of one channel that its carrier reviews."""

    def __init__(self, pool: Any, channel: str, submit: Submit) -> None:
        self._pool = pool
        self._channel = channel
        self._submit = submit

    async def run(self) -> None:
        """Hands over what was approved, for ever."""
        while True:
            try:
                if await self.turn():
                    continue
            except Exception as error:  # noqa: BLE001 - it must never end; the log has it
                if is_passing(error):
                    _log.warning("reviews_wait_for_the_database", error=repr(error))
                else:
                    _log.exception("template_not_handed_over")
            await asyncio.sleep(IDLE_SECONDS)

    async def turn(self) -> int:
        """Hands over a few; returns how many there were."""
        async with self._pool.acquire() as connection:
            found = await queries.to_submit(connection, self._channel, AT_ONCE)
            rows = [await queries.find(connection, *one) for one in found]
        for row in rows:
            if row is not None:
                await self._one(row)
        return len(found)

    async def _one(self, row: TemplateRow) -> None:
        try:
            said = await self._submit(row)
        except Exception:  # noqa: BLE001 - one template must not hold up the others
            _log.exception("template_not_handed_over", template=row.id, name=row.name)
            return
        if said is not None:
            word = CarrierWord(
                said.status, said.carrier_id, said.reason, said.category, said.account
            )
            await self._told(row.account_id, row.id, row.version.number, word)

    async def notices(self, _route: Route, notices: Sequence[TemplateNotice]) -> None:
        """Takes over what webhooks tell; what is no template of ours is passed over.

        Errors: TimeoutError when it is not known yet whose it is.
        """
        for one in notices:
            found = await self._known(one)
            if found is None:
                _log.info("template_not_ours", name=one.name, carrier_id=one.carrier_id)
                continue
            word = CarrierWord(one.status, one.carrier_id, one.reason, one.category)
            await self._told(*found, word)

    async def _known(self, notice: TemplateNotice) -> tuple[int, int, int] | None:
        """Which version a notice is about; None = none of ours.

        A verdict may be quicker than the answer that names the template. Errors: TimeoutError,
        upon which the carrier tells it again.
        """
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                async with self._pool.acquire() as connection:
                    under_way = await queries.is_under_way(connection, self._channel, notice.name)
                    found = await queries.by_carrier_id(
                        connection, self._channel, notice.carrier_id
                    )
                if found is not None or not under_way:
                    return found
                await asyncio.sleep(LOOK_SECONDS)

    async def _told(
        self, account_id: int, template_id: int, number: int, said: CarrierWord
    ) -> None:
        async with (
            self._pool.acquire() as connection,
            acting(connection, f"system:{self._channel}"),
        ):
            try:
                await decide.told(connection, account_id, template_id, said, number=number)
            except InputError as error:
                _log.warning("template_verdict_not_taken", template=template_id, error=str(error))


def content_of(row: TemplateRow) -> dict[str, Any]:
    """A version's content as plain values."""
    found: dict[str, Any] = msgspec.to_builtins(row.version.content)
    return found
