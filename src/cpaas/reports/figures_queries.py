"""SQL of figures: sums over days or hours already folded, plus the minutes not folded yet.

Both are read by one statement, so that a fold between them can neither lose nor double anything.
"""

from datetime import datetime
from typing import Any, Final

from cpaas.reports.days import Span
from cpaas.reports.statement import Statement

FIGURES: Final = (
    "accepted", "segments", "submitted", "delivered", "read", "failed", "rejected", "expired",
    "blocked", "cancelled", "charged_micro", "refunded_micro", "carrier_cost_micro",
)  # fmt: skip
_COLUMNS: Final = ", ".join(FIGURES)
SUMS: Final = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in FIGURES)
_KEYS: Final = "account_id, channel, route_id, country"


def _own(account_id: int | None) -> tuple[str, tuple[Any, ...]]:
    """Of the minutes, whose rows are accounts' only."""
    return ("", ()) if account_id is None else (" AND account_id = %s", (account_id,))


def days(account_id: int | None, span: Span) -> tuple[str, tuple[Any, ...]]:
    """A sub-select of the days of a span; account_id None: the sums of all accounts."""
    own, args = _own(account_id)
    text = (
        f"(SELECT {_KEYS}, {_COLUMNS} FROM counter_day"
        " WHERE account_id = %s AND day >= %s AND day < %s"
        f" UNION ALL SELECT {_KEYS}, {_COLUMNS} FROM counter_minute"
        f" WHERE minute >= %s AND minute < %s{own})"
    )
    return text, (account_id or 0, span.since, span.until, span.begin, span.end, *args)


def accounts(span: Span) -> tuple[str, tuple[Any, ...]]:
    """A sub-select of each account's sums of the days of a span."""
    text = (
        f"(SELECT account_id, {_COLUMNS} FROM counter_account_day WHERE day >= %s AND day < %s"
        f" UNION ALL SELECT account_id, {_COLUMNS} FROM counter_minute"
        " WHERE minute >= %s AND minute < %s)"
    )
    return text, (span.since, span.until, span.begin, span.end)


def hours(
    account_id: int | None, begin: datetime, end: datetime, zone: str
) -> tuple[str, tuple[Any, ...]]:
    """A sub-select of the hours of a span that begins and ends with an hour of the zone."""
    own, args = _own(account_id)
    text = (
        f"(SELECT hour, {_KEYS}, {_COLUMNS} FROM counter_hour"
        " WHERE account_id = %s AND hour >= %s AND hour < %s"
        f" UNION ALL SELECT date_trunc('hour', minute, %s::text), {_KEYS}, {_COLUMNS}"
        f" FROM counter_minute WHERE minute >= %s AND minute < %s{own})"
    )
    return text, (account_id or 0, begin, end, zone, begin, end, *args)


def total(source: tuple[str, tuple[Any, ...]]) -> Statement:
    """One row of sums."""
    return Statement(f"SELECT {SUMS} FROM {source[0]} c", source[1])


def by(source: tuple[str, tuple[Any, ...]], key: str, limit: int) -> Statement:
    """Rows of key and sums, the key as text, most accepted first (then most submitted)."""
    return Statement(
        f"SELECT {key} AS key, {SUMS} FROM {source[0]} c GROUP BY 1"
        f" ORDER BY sum(accepted) DESC, sum(submitted) DESC, 1 LIMIT {int(limit)}",
        source[1],
    )


def by_hour(
    account_id: int | None, begin: datetime, end: datetime, zone: str, limit: int
) -> Statement:
    """Rows of "2026-11-26 14:00" in the zone and sums, oldest first."""
    text, args = hours(account_id, begin, end, zone)
    return Statement(
        f"SELECT to_char(hour AT TIME ZONE %s::text, 'YYYY-MM-DD HH24:MI'), {SUMS}"
        f" FROM {text} c GROUP BY 1 ORDER BY 1 LIMIT {int(limit)}",
        (zone, *args),
    )


def by_day(account_id: int | None, span: Span, limit: int) -> Statement:
    """Rows of "2026-11-26" and sums, oldest first."""
    own, args = _own(account_id)
    return Statement(
        f"SELECT day::text, {SUMS} FROM (SELECT day, {_COLUMNS} FROM counter_day"
        " WHERE account_id = %s AND day >= %s AND day < %s UNION ALL"
        f" SELECT (minute AT TIME ZONE %s::text)::date, {_COLUMNS} FROM counter_minute"
        f" WHERE minute >= %s AND minute < %s{own}) c"
        f" GROUP BY day ORDER BY day LIMIT {int(limit)}",
        (account_id or 0, span.since, span.until, span.zone, span.begin, span.end, *args),
    )


_MINUTES: Final = (
    f"(SELECT minute, route_id, {_COLUMNS} FROM counter_platform_minute"
    " WHERE minute >= %s AND minute < %s"
    f" UNION ALL SELECT minute, route_id, {_COLUMNS} FROM counter_minute"
    " WHERE minute >= %s AND minute < %s)"
)


def minutes(begin: datetime, end: datetime) -> Statement:
    """Rows of minute and sums of all accounts; minutes without traffic are missing."""
    return Statement(
        f"SELECT minute, {SUMS} FROM {_MINUTES} c GROUP BY minute ORDER BY minute",
        (begin, end, begin, end),
    )


def routes(begin: datetime, end: datetime) -> Statement:
    """Every route with its state and its sums of a span of minutes."""
    sums = ", ".join(f"coalesce(c.{name}, 0)" for name in FIGURES)
    each = ", ".join(f"sum({name})::bigint AS {name}" for name in FIGURES)
    return Statement(
        f"""
        WITH c AS MATERIALIZED (SELECT route_id, {each} FROM {_MINUTES} m GROUP BY route_id)
        SELECT r.id, r.name, r.channel, r.active, coalesce(s.state, ''), coalesce(s.binds_up, 0),
            coalesce(s.binds_wanted, 0), coalesce(s.tps_now, 0), r.tps,
            coalesce(s.last_error, ''), s.updated_at, {sums}
        FROM route r LEFT JOIN route_state s ON s.route_id = r.id
        LEFT JOIN c ON c.route_id = r.id ORDER BY r.name
        """,
        (begin, end, begin, end),
    )


def users(day: Span) -> Statement:
    """(accounts that logged in or sent on a day, active accounts)."""
    return Statement(
        """
        SELECT (SELECT count(*) FROM (
                SELECT account_id FROM app_user
                 WHERE role = 'USER' AND last_login >= %s AND last_login < %s
                UNION SELECT account_id FROM counter_account_day WHERE day = %s AND accepted > 0
                UNION SELECT account_id FROM counter_minute
                 WHERE minute >= %s AND minute < %s AND accepted > 0) active),
            (SELECT count(*) FROM account WHERE active)
        """,
        (day.begin, day.end, day.since, day.begin, day.end),
    )


def wallet(account_id: int) -> Statement:
    """(balance, credit limit) of an account."""
    return Statement(
        "SELECT balance_micro, credit_limit_micro FROM wallet WHERE account_id = %s", (account_id,)
    )


def errors(account_id: int | None, day: Span, full: datetime, limit: int) -> Statement:
    """Rows of error code, the day's messages and those before the full hour, most first."""
    own, args = _own(account_id)
    return Statement(
        f"""
        SELECT error_code, sum(messages)::bigint,
            coalesce(sum(messages) FILTER (WHERE hour < %s), 0)::bigint
        FROM (SELECT hour, error_code, messages FROM counter_error_hour
               WHERE account_id = %s AND hour >= %s AND hour < %s
              UNION ALL
              SELECT date_trunc('hour', minute, %s::text), error_code, messages FROM counter_error
               WHERE minute >= %s AND minute < %s{own}) c
        GROUP BY error_code ORDER BY sum(messages) DESC, error_code LIMIT {int(limit)}
        """,
        (full, account_id or 0, day.begin, day.end, day.zone, day.begin, day.end, *args),
    )


def errors_of(
    account_id: int | None, codes: list[str], begin: datetime, end: datetime
) -> Statement:
    """Rows of error code and messages of a span, for these codes."""
    own, args = _own(account_id)
    return Statement(
        f"""
        SELECT error_code, sum(messages)::bigint
        FROM (SELECT error_code, messages FROM counter_error_hour
               WHERE account_id = %s AND hour >= %s AND hour < %s
              UNION ALL
              SELECT error_code, messages FROM counter_error
               WHERE minute >= %s AND minute < %s{own}) c
        WHERE error_code = ANY (%s::text[]) GROUP BY error_code
        """,
        (account_id or 0, begin, end, begin, end, *args, codes),
    )


def handed_by_hour(begin: datetime, end: datetime, zone: str, route_ids: list[int]) -> Statement:
    """Rows of "2026-11-26 14:00" in the zone, route and what was handed to it, oldest first."""
    text, args = hours(None, begin, end, zone)
    return Statement(
        "SELECT to_char(hour AT TIME ZONE %s::text, 'YYYY-MM-DD HH24:MI'), route_id,"
        f" sum(submitted)::bigint FROM {text} c WHERE route_id = ANY(%s::bigint[])"
        " GROUP BY 1, 2 ORDER BY 1",
        (zone, *args, route_ids),
    )
