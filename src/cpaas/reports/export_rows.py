"""The rows of an export: messages page by page, or the lines of a summary."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from cpaas.kit.ids import milliseconds
from cpaas.kit.money import MICRO
from cpaas.reports import log
from cpaas.reports.check import read_filter, read_summary
from cpaas.reports.export_types import Batch, Job
from cpaas.reports.statement import ask, micros
from cpaas.reports.summary import summarise
from cpaas.reports.types import Figures, MessageRow

PAGE_ROWS: Final = 2_000
_COMMON: Final = (
    "Message ID", "Recipient", "Channel", "Sender", "Status", "Provider Message ID", "Cost",
    "Segments", "Accepted At", "Sent At", "Delivered At", "Error Code", "Error", "Campaign",
    "Reference",
)  # fmt: skip
_FIGURES: Final = (
    "Messages", "Segments", "Sent", "Delivered", "Read", "Failed", "Rejected", "Expired",
    "Blocked", "Cancelled", "Success Rate", "Cost",
)  # fmt: skip


class Connect(Protocol):
    """Lends a connection of the data plane."""

    def __call__(self) -> AbstractAsyncContextManager[Any]:
        """A connection for as long as the block lasts."""


class Names:
    """What ids are called."""

    def __init__(self, accounts: dict[int, str], routes: dict[int, str]) -> None:
        self.accounts = accounts
        self.routes = routes


class MessageRows:
    """Messages of the log, newest first, each page in a transaction of its own.

    The operator's file names account, route and carrier's cost; a customer's its own texts.
    """

    def __init__(self, job: Job, zone: str, names: Names) -> None:
        self._own = job.account_id or None
        # The operator may ask for one account's; a customer only ever gets its own.
        asked = job.filters.get("account", "")
        self._whose = self._own or (int(asked) if asked.isdigit() else None)
        self._wanted = read_filter(job.filters, job.created_at, zone)
        self._zone = ZoneInfo(zone)
        self._names = names
        # What is accepted after the asking is not in it.
        self._last = min(self._wanted.until, job.created_at + timedelta(seconds=1))
        more = ("Text",) if self._own else ("Account", "Route", "Carrier cost")
        self.heading = [
            f"{name} ({zone})" if name.endswith(" At") else name for name in (*_COMMON, *more)
        ]
        self.title = "Messages"

    async def batches(self, connect: Connect, before: UUID | None) -> AsyncIterator[Batch]:
        """Pages from behind `before` on."""
        while True:
            async with connect() as connection:
                question = log.messages(self._whose, self._wanted, before=before, limit=PAGE_ROWS)
                page = await ask(connection, question)
            before = page.before
            yield Batch([self._row(one) for one in page.rows], before, self._percent(before))
            if before is None:
                return

    def _percent(self, before: UUID | None) -> int:
        if before is None:
            return 100
        first, last = micros(self._wanted.since), micros(self._last)
        done = last - milliseconds(before) * 1000
        return max(0, min(99, 100 * done // max(1, last - first)))

    def _time(self, moment: datetime | None) -> datetime | None:
        return None if moment is None else moment.astimezone(self._zone)

    def _row(self, one: MessageRow) -> list[Any]:
        cells = [
            str(one.id), one.recipient, one.channel, one.sender, one.status,
            one.provider_message_id, money(one.cost_micro), one.segments,
            self._time(one.created_at), self._time(one.submitted_at), self._time(one.delivered_at),
            one.error_code, one.error, one.campaign_id or None, one.reference,
        ]  # fmt: skip
        if self._own:
            return [*cells, one.body]
        account = self._names.accounts.get(one.account_id, str(one.account_id))
        route = self._names.routes.get(one.route_id, "")
        return [*cells, account, route, money(one.carrier_cost_micro)]


class SummaryRows:
    """The lines of a summary, each beside the same line of the period before."""

    def __init__(self, job: Job, zone: str, names: Names) -> None:
        self._own = job.account_id or None
        self._asked = read_summary(job.filters, job.created_at, zone)
        self._zone = zone
        self._names = names
        before = [f"{name} (before)" for name in _FIGURES]
        self.heading = [self._asked[2].capitalize(), *_FIGURES, *before]
        self.title = "Summary"

    async def batches(self, connect: Connect, before: UUID | None) -> AsyncIterator[Batch]:
        """All lines at once: they are few."""
        since, until, by = self._asked
        async with connect() as connection:
            summary = await ask(connection, summarise(self._own, since, until, by, self._zone))
        rows = [
            [self._name(by, row.key), *_cells(row.figures), *_cells(row.before)]
            for row in summary.rows
        ]
        rows.append(["Total", *_cells(summary.total), *_cells(summary.total_before)])
        yield Batch(rows, None, 100)

    def _name(self, by: str, key: str) -> str:
        if by in {"account", "route"}:
            known = self._names.accounts if by == "account" else self._names.routes
            return known.get(int(key), "none yet" if key == "0" else key)
        return key


def _cells(sums: Figures) -> list[Any]:
    rate = sums.success_rate
    return [
        sums.accepted, sums.segments, sums.submitted, sums.delivered, sums.read, sums.failed,
        sums.rejected, sums.expired, sums.blocked, sums.cancelled,
        None if rate is None else f"{rate:.1%}", money(sums.net_micro),
    ]  # fmt: skip


def money(micro: int) -> Decimal:
    """An amount as a number with four decimals, more where they are not zero."""
    exact = Decimal(micro) / MICRO
    return exact.quantize(Decimal("0.0001")) if micro % 100 == 0 else exact
