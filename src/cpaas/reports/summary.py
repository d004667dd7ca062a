"""Report Summary: a period by account, channel, country, route or time, against the one before."""

from datetime import date, timedelta
from typing import Final

from cpaas.kit.errors import InputError
from cpaas.reports import figures_queries as queries
from cpaas.reports.days import Span, span
from cpaas.reports.figures import figures
from cpaas.reports.statement import Question
from cpaas.reports.types import By, Figures, Summary, SummaryRow

ROWS_MAX: Final = 500
DAYS_MAX: Final = 400
#: two weeks of hours fit into one answer; they are kept for five.
HOUR_DAYS_MAX: Final = 14
TIMES: Final = frozenset({"hour", "day"})
#: by -> the column or expression of its key, as text.
_KEYS: Final[dict[str, str]] = {
    "account": "account_id::text", "channel": "channel", "country": "country",
    "route": "route_id::text",
}  # fmt: skip


def check_period(since: date, until: date, by: By) -> None:
    """Whether a summary may be asked for. Errors: InputError."""
    days = (until - since).days
    if days < 1:
        raise InputError("the period ends before it begins", "swap the two days", "until")
    most = HOUR_DAYS_MAX if by == "hour" else DAYS_MAX
    if days > most:
        raise InputError(
            f"{days} days by {by} are too many", f"ask for at most {most} days", "since"
        )


def summarise(
    account_id: int | None, since: date, until: date, by: By, zone: str, limit: int = ROWS_MAX
) -> Question[Summary]:
    """The days since <= day < until, and as many days before; account_id None: all accounts.

    By route, only what was handed to it counts: a message is accepted before it has a route.
    """
    check_period(since, until, by)
    length = until - since
    days, days_before = span(since, until, zone), span(since - length, since, zone)
    now = yield from _lines(account_id, days, by, limit + 1)
    before = yield from _lines(account_id, days_before, by, ROWS_MAX * 10)
    rows = yield queries.total(queries.days(account_id, days))
    total = figures(rows[0])
    rows = yield queries.total(queries.days(account_id, days_before))
    total_before = figures(rows[0])
    pairs = _by_place(now, before, length) if by in TIMES else before
    lines = [SummaryRow(key, sums, pairs.get(key, Figures())) for key, sums in now.items()]
    return Summary(since, until, by, total, total_before, lines[:limit], len(lines) > limit)


def _lines(account_id: int | None, days: Span, by: By, limit: int) -> Question[dict[str, Figures]]:
    if by == "hour":
        rows = yield queries.by_hour(account_id, days.begin, days.end, days.zone, limit)
    elif by == "day":
        rows = yield queries.by_day(account_id, days, limit)
    else:
        by_account = by == "account" and account_id is None
        source = queries.accounts(days) if by_account else queries.days(account_id, days)
        rows = yield queries.by(source, _KEYS[by], limit)
    return {row[0]: figures(row[1:]) for row in rows}


def _by_place(
    now: dict[str, Figures], before: dict[str, Figures], length: timedelta
) -> dict[str, Figures]:
    found = {}
    for key in now:
        day = date.fromisoformat(key[:10]) - length
        found[key] = before.get(f"{day.isoformat()}{key[10:]}", Figures())
    return found
