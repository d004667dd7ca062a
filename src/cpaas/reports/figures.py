"""The figures of both dashboards, from counters only; test messages are in none of them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from cpaas.reports import figures_queries as queries
from cpaas.reports.days import (
    begin_of,
    full_hour,
    read_zone,
    same_hour,
    span,
    span_of_today,
    today,
)
from cpaas.reports.statement import Question, as_moment
from cpaas.reports.types import (
    AdminCards,
    Comparison,
    ErrorCount,
    Figures,
    PortalCards,
    RouteHealth,
    Split,
    TrafficMinute,
)

ROWS_MAX: Final = 1_000
ERRORS_MAX: Final = 8
CHART_MINUTES: Final = 60
HOURS_SHOWN: Final = 24
_MINUTE: Final = timedelta(minutes=1)
_EVER: Final = date(2000, 1, 1)


def figures(values: Sequence[Any]) -> Figures:
    """Sums in the order of `queries.FIGURES`."""
    return Figures(*(int(value) for value in values))


def _today(account_id: int | None, now: datetime, zone: str) -> Question[Figures]:
    rows = yield queries.total(queries.days(account_id, span_of_today(now, zone)))
    return figures(rows[0])


def _compare(account_id: int | None, now: datetime, zone: str) -> Question[Comparison]:
    """Up to the last full hour, for which hours are exact."""
    hour = full_hour(now, zone)
    begin = begin_of(today(now, zone), zone)
    spans = ((begin, hour), (same_hour(begin, 7, zone), same_hour(hour, 7, zone)))
    found = []
    for first, last in spans:
        rows = yield queries.total(queries.hours(account_id, first, last, zone))
        found.append(figures(rows[0]))
    return Comparison(hour, *found)


def admin_cards(now: datetime, zone: str) -> Question[AdminCards]:
    """Total Messages (Today), Success Rate, Active Users, Revenue."""
    sums = yield from _today(None, now, zone)
    rows = yield queries.users(span_of_today(now, zone))
    comparison = yield from _compare(None, now, zone)
    return AdminCards(sums, int(rows[0][0]), int(rows[0][1]), comparison)


def portal_cards(account_id: int, now: datetime, zone: str) -> Question[PortalCards]:
    """Messages Today, Success Rate, Cost Today, Balance."""
    sums = yield from _today(account_id, now, zone)
    rows = yield queries.wallet(account_id)
    balance, limit = rows[0] if rows else (0, 0)
    comparison = yield from _compare(account_id, now, zone)
    return PortalCards(sums, int(balance), int(limit), comparison)


def traffic(now: datetime, minutes: int = CHART_MINUTES) -> Question[list[TrafficMinute]]:
    """The last so many minutes of all accounts, the present one included, none left out."""
    last = now.replace(second=0, microsecond=0)
    first = last - (minutes - 1) * _MINUTE
    rows = yield queries.minutes(first, last + _MINUTE)
    found = {as_moment(row[0]): figures(row[1:]) for row in rows}
    times = (first + number * _MINUTE for number in range(minutes))
    return [TrafficMinute(at, found.get(at, Figures())) for at in times]


def channels(
    account_id: int | None, now: datetime, zone: str, *, ever: bool = False
) -> Question[list[Split]]:
    """Today's figures by channel, or those of all time."""
    days = span_of_today(now, zone, _EVER if ever else None)
    rows = yield queries.by(queries.days(account_id, days), "channel", ROWS_MAX)
    return [Split(row[0], figures(row[1:])) for row in rows]


def top_errors(
    account_id: int | None, now: datetime, zone: str, limit: int = ERRORS_MAX
) -> Question[list[ErrorCount]]:
    """What today's messages failed of, most first, against yesterday up to the same full hour."""
    hour, day = full_hour(now, zone), span_of_today(now, zone)
    rows = yield queries.errors(account_id, day, hour, limit)
    if not rows:
        return []
    first, last = same_hour(day.begin, 1, zone), same_hour(hour, 1, zone)
    codes = [row[0] for row in rows]
    earlier = yield queries.errors_of(account_id, codes, first, last)
    before = {row[0]: int(row[1]) for row in earlier}
    return [ErrorCount(row[0], int(row[1]), int(row[2]), before.get(row[0], 0)) for row in rows]


def route_health(now: datetime) -> Question[list[RouteHealth]]:
    """Every route, its state and its last hour."""
    last = now.replace(second=0, microsecond=0)
    rows = yield queries.routes(last - (CHART_MINUTES - 1) * _MINUTE, last + _MINUTE)
    return [
        RouteHealth(
            row[0],
            row[1],
            row[2],
            bool(row[3]),
            row[4],
            int(row[5]),
            int(row[6]),
            float(row[7]),
            int(row[8]),
            row[9],
            as_moment(row[10]),
            figures(row[11:]),
        )
        for row in rows
    ]


def hourly(
    account_id: int | None, now: datetime, zone: str, days_back: int
) -> Question[dict[str, Figures]]:
    """Figures by hour, such as "2026-11-26 14:00" in the zone, from so many days ago to now."""
    hour = full_hour(now, zone)
    first = same_hour(begin_of(today(now, zone), zone), days_back, zone)
    rows = yield queries.by_hour(
        account_id, first, hour + timedelta(hours=1), zone, 25 * (days_back + 2)
    )
    return {row[0]: figures(row[1:]) for row in rows}


def of_days(
    account_id: int | None, now: datetime, zone: str, days_back: int, key: str
) -> Question[tuple[dict[str, Figures], dict[str, Figures]]]:
    """Today's figures by channel or country, and those of so many days before it together."""
    first = today(now, zone) - timedelta(days=days_back)
    rows = yield queries.by(queries.days(account_id, span_of_today(now, zone)), key, ROWS_MAX)
    earlier = yield queries.by(
        queries.days(account_id, span(first, today(now, zone), zone)), key, ROWS_MAX
    )
    return (
        {row[0]: figures(row[1:]) for row in rows},
        {row[0]: figures(row[1:]) for row in earlier},
    )


def daily(
    account_id: int | None, now: datetime, zone: str, days_back: int
) -> Question[dict[str, Figures]]:
    """Figures by day, such as "2026-11-26", from so many days ago to today."""
    first = today(now, zone) - timedelta(days=days_back)
    rows = yield queries.by_day(account_id, span_of_today(now, zone, first), days_back + 2)
    return {row[0]: figures(row[1:]) for row in rows}


def handed(now: datetime, zone: str, route_ids: list[int]) -> Question[dict[str, dict[int, int]]]:
    """What routes were given in each of the last 24 hours, the present one included.

    Hour ("14:00" in the zone), oldest first -> route id -> messages; none is left out.
    """
    last = full_hour(now, zone)
    first = last - timedelta(hours=HOURS_SHOWN - 1)
    rows = yield queries.handed_by_hour(first, last + timedelta(hours=1), zone, route_ids)
    names = [
        (first + timedelta(hours=number)).astimezone(read_zone(zone)).strftime("%Y-%m-%d %H:%M")
        for number in range(HOURS_SHOWN)
    ]
    found: dict[str, dict[int, int]] = {name: {} for name in names}
    for name, route_id, messages in rows:
        found.setdefault(name, {})[route_id] = int(messages)
    return {name[11:]: found[name] for name in names}
