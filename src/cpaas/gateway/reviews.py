"""Templates and their carriers: handed over once the operator allowed them, and their verdicts.

What has to be done stands in the database, so nothing is lost with a process and any number of them
share the work. What cannot be handed over now comes again after seconds, then ever more seldom, and
at once when routes or identities change; why it waits stands on the template. No connection of the
database is held while a carrier is called.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from cpaas.channels.base import Asked, Reviewed, Reviewer, ReviewLaterError, TemplateNotice
from cpaas.db.actor import acting
from cpaas.db.trouble import is_passing
from cpaas.kit.errors import InputError
from cpaas.kit.log import get_logger
from cpaas.snapshot.types import Identity, Route, Snapshot
from cpaas.templates import decide, review_queries
from cpaas.templates.types import CarrierWord, DueReview, TemplateRow

IDLE_SECONDS: Final = 1.0
AT_ONCE: Final = 5
#: a hand-over is given up after so long; its lease (`review_queries.LEASE_SECONDS`) is longer.
CALL_SECONDS: Final = 90.0
RETRY_SECONDS: Final = 2.0
RETRY_SECONDS_MAX: Final = 600.0
#: the first questions come this much faster than the last ones.
ASK_SHARE: Final = 1 / 30
#: how long a verdict waits for the answer that names its template.
ANSWER_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.2
_log = get_logger(__name__)


class Reviews:
    """The templates of one channel on their way through their carriers' reviews."""

    def __init__(
        self, pool: Any, channel: str, snapshot: Callable[[], Snapshot], reviewer: Reviewer
    ) -> None:
        self._pool = pool
        self._channel = channel
        self._snapshot = snapshot
        self._reviewer = reviewer
        self._seen: tuple[object, object] | None = None

    async def run(self) -> None:
        """Works until cancelled."""
        try:
            while True:
                try:
                    if await self.turn():
                        continue
                except Exception as error:  # noqa: BLE001 - it must never end; the log has it
                    if is_passing(error):
                        _log.warning("reviews_wait_for_the_database", error=repr(error))
                    else:
                        _log.exception("reviews_failed")
                await asyncio.sleep(IDLE_SECONDS)
        finally:
            await self._reviewer.close()

    async def turn(self) -> int:
        """Hands over and asks about what is due; returns how many there were."""
        await self._hurry()
        async with self._pool.acquire() as connection:
            due = await review_queries.due(connection, self._channel, AT_ONCE)
            rows = [
                await review_queries.version(connection, one) for one in due
            ]  # fmt: skip
        await asyncio.gather(
            *(self._one(one, row) for one, row in zip(due, rows, strict=True) if row is not None)
        )
        return len(due)

    async def _hurry(self) -> None:
        """A changed route or identity, or a restart, may be what a template waited for."""
        snapshot = self._snapshot()
        now = (snapshot.routes, snapshot.own_identities)
        before, self._seen = self._seen, now
        if before is None or any(a is not b for a, b in zip(before, now, strict=True)):
            async with self._pool.acquire() as connection:
                await review_queries.hurry(connection, self._channel)

    async def _one(self, due: DueReview, row: TemplateRow) -> None:
        try:
            if due.carrier_id:
                await self._ask(due, row)
            else:
                await self._submit(due, row)
        except Exception as error:  # noqa: BLE001 - it must not hold up others; its lease ends
            if not is_passing(error):
                _log.exception("template_review_failed", template=row.id, name=row.name)

    async def _submit(self, due: DueReview, row: TemplateRow) -> None:
        try:
            found = self._identity(row.account_id, "")
            if found is None:
                raise ReviewLaterError(_nobody(self._channel, row.account))
            async with asyncio.timeout(CALL_SECONDS):
                said = await self._reviewer.submit(*found, asked_of(row))
        except TimeoutError:
            await self._later(due, row, f"its carrier did not answer in {CALL_SECONDS:g} s")
        except ReviewLaterError as error:
            await self._later(due, row, str(error))
        except Exception as error:  # noqa: BLE001 - the operator sees it, and it comes again
            _log.exception("template_not_handed_over", template=row.id, name=row.name)
            await self._later(due, row, f"{type(error).__name__}: {error}")
        else:
            await self._took(row, said)

    async def _later(self, due: DueReview, row: TemplateRow, why: str) -> None:
        seconds = min(RETRY_SECONDS_MAX, RETRY_SECONDS * 2 ** min(due.tries, 16))
        _log.warning("template_later", template=row.id, name=row.name, why=why, seconds=seconds)
        async with self._pool.acquire() as connection:
            await review_queries.later(connection, due, seconds, why)

    async def _took(self, row: TemplateRow, said: Reviewed) -> None:
        word = CarrierWord(said.status, said.carrier_id, said.reason, said.category, said.account)
        await self._told(row.account_id, row.id, row.version.number, word)
        if said.carrier_id and said.status == "pending":
            async with self._pool.acquire() as connection:
                await review_queries.ask_in(
                    connection, row.account_id, row.version.id, self._ask_in(0)
                )

    async def _ask(self, due: DueReview, row: TemplateRow) -> None:
        found = self._identity(row.account_id, row.version.carrier_account)
        said = None
        if found is not None:
            async with asyncio.timeout(CALL_SECONDS):
                said = await self._reviewer.ask(*found, asked_of(row), due.carrier_id)
        if said is not None and said.status != "pending":
            await self._took(row, said)
            return
        async with self._pool.acquire() as connection:
            await review_queries.later(connection, due, self._ask_in(due.tries + 1), "")

    def _ask_in(self, tries: int) -> float:
        slowest = self._reviewer.ask_seconds
        return min(slowest, slowest * ASK_SHARE * 2.0 ** min(tries, 16))

    def _identity(self, account_id: int, holder: str) -> tuple[Identity, Route] | None:
        """The identity that a template was or will be submitted for, and its route.

        holder: the identity, or what it lies in at the carrier, if known already.
        """
        snapshot = self._snapshot()
        own = snapshot.own_identities.get((account_id, self._channel), ())
        named = [one for one in own if holder in (one.value, str(one.settings.get("waba_id", "")))]
        for one in named if holder else own:
            route = snapshot.routes.get(one.route_id)
            if route is not None and route.active:
                return one, route
        return None

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
                    under_way = await review_queries.is_under_way(
                        connection, self._channel, notice.name
                    )
                    found = await review_queries.by_carrier_id(
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


def asked_of(row: TemplateRow) -> Asked:
    """A version as a channel hands it over."""
    version = row.version
    return Asked(
        row.account_id, row.name, row.language, version.type, version.category, version.number,
        msgspec.to_builtins(version.content),
    )  # fmt: skip


def _nobody(channel: str, account: str) -> str:
    what = {"rcs": "RCS bot", "whatsapp": "WhatsApp number"}.get(channel, f"{channel} identity")
    return f"{account} has no active {what} on an active route: give it one on User Channels"
