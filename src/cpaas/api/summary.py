"""Figures of a period: what was sent, delivered, failed and paid, against the period before."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from litestar import get
from litestar.params import Parameter

from cpaas.api.auth import Caller
from cpaas.api.context import Api
from cpaas.api.problem import refused
from cpaas.kit.money import show
from cpaas.reports.days import today
from cpaas.reports.statement import ask
from cpaas.reports.summary import summarise
from cpaas.reports.types import Figures


class SummaryFigures(msgspec.Struct, frozen=True):
    """Sums by time of acceptance, without test messages. `cost` is charges less refunds."""

    messages: int
    segments: int
    sent: int
    delivered: int
    read: int
    failed: int
    rejected: int
    expired: int
    blocked: int
    cancelled: int
    success_rate: float | None
    cost: str


class SummaryLine(msgspec.Struct, frozen=True):
    """One channel, country, day or hour; `before` is the same of the period before."""

    key: str
    figures: SummaryFigures
    before: SummaryFigures


class SummaryView(msgspec.Struct, frozen=True):
    """Whole days in the platform's time zone, both named days within."""

    since: str
    until: str
    timezone: str
    currency: str
    by: str
    total: SummaryFigures
    before: SummaryFigures
    data: list[SummaryLine]


def _figures(sums: Figures) -> SummaryFigures:
    rate = sums.success_rate
    return SummaryFigures(
        sums.accepted, sums.segments, sums.submitted, sums.delivered, sums.read, sums.failed,
        sums.rejected, sums.expired, sums.blocked, sums.cancelled,
        None if rate is None else round(rate, 4), show(sums.net_micro),
    )  # fmt: skip


def _day(text: str | None, default: date, field: str) -> date:
    if not text:
        return default
    try:
        found = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        found = None
    if found is None or not 2000 <= found.year < 3000:
        raise refused("validation_error", f"{field} is no day; write it like 2026-12-01.", field)
    return found


@get("/v1/summary", summary="Read figures", tags=["Reports"])
async def get_summary(
    api: Api,
    caller: Caller,
    since: Annotated[str | None, Parameter(description="First day; default: today")] = None,
    until: Annotated[str | None, Parameter(description="Last day; default: today")] = None,
    by: Annotated[
        Literal["channel", "country", "day", "hour"],
        Parameter(description="What a line stands for"),
    ] = "channel",
) -> SummaryView:
    """Figures of whole days (platform's time zone), line by line, and of as many days before."""
    zone = str(api.snapshots.current.settings.get("timezone") or "UTC")
    now = today(datetime.now(UTC), zone)
    last = _day(until, now, "until")
    first = _day(since, last, "since")
    summary = await ask(
        api.pool, summarise(caller.account.id, first, last + timedelta(days=1), by, zone)
    )
    return SummaryView(
        first.isoformat(), last.isoformat(), zone, api.currency, by,
        _figures(summary.total), _figures(summary.total_before),
        [
            SummaryLine(row.key, _figures(row.figures), _figures(row.before))
            for row in summary.rows
        ],
    )  # fmt: skip


HANDLERS: Final = [get_summary]
