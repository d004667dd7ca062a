"""Asks what every list page and dashboard asks, many times, and tells the server time of each.

`python bench/pages.py DSN` on a database that bench/fill.py filled.
"""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cpaas.consoles.shared.database import Acting, Database
from cpaas.reports import figures, log
from cpaas.reports.days import today
from cpaas.reports.statement import Question, T, ask
from cpaas.reports.summary import summarise
from cpaas.reports.types import LogFilter

ZONE = "Asia/Kolkata"
ROUNDS = 40
LARGE, SMALL = 1, 900
Asked = Callable[[], Question[Any]]


def measure(dsn: str, rounds: int = ROUNDS) -> dict[str, tuple[float, float]]:
    """Page -> (median, 95th percentile) of its milliseconds, on the consoles' own connections."""
    database = Database(dsn, application_name="pages")
    database.start()
    found = {}
    try:
        for name, asked in _pages(database).items():
            _answer(database, asked())
            times = []
            for _ in range(rounds):
                began = time.perf_counter()
                _answer(database, asked())
                times.append((time.perf_counter() - began) * 1000)
            found[name] = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    finally:
        database.stop()
    return found


def _answer(database: Database, question: Question[T]) -> T:
    return database.look(Acting("bench"), lambda connection: ask(connection, question))


def _pages(database: Database) -> dict[str, Asked]:
    now = datetime.now(UTC)
    week = {"since": now - timedelta(days=3), "until": now + timedelta(hours=1)}
    day = {"since": now - timedelta(hours=20), "until": now + timedelta(hours=1)}
    day_of_now = today(now, ZONE)
    until = day_of_now + timedelta(days=1)
    month = day_of_now - timedelta(days=29)
    deep = _deep(database, LogFilter(**day))  # type: ignore[arg-type]
    one = _answer(database, log.messages(None, LogFilter(**day))).rows[0]  # type: ignore[arg-type]

    def page(account: int | None = None, before: UUID | None = None, **fields: Any) -> Asked:
        wanted = LogFilter(**{**(week if "recipient" in fields else day), **fields})
        return lambda: log.messages(account, wanted, before=before)

    return {
        "log, all accounts": page(),
        "log, a million rows down": page(before=deep),
        "log, status FAILED": page(status="FAILED"),
        "log, no row matches": page(status="CANCELLED"),
        "log, route and channel": page(route_id=103, channel="voice"),
        "log, error": page(error_code="dlt_mismatch"),
        "log, error and no such status": page(error_code="dlt_mismatch", status="BLOCKED"),
        "log, campaign": page(campaign_id=11),
        "log, number": page(recipient=one.recipient),
        "log, beginning of a number": page(recipient_prefix=one.recipient[:10]),
        "log, short beginning": page(recipient_prefix="+97155"),
        "log, provider id": page(provider_message_id=one.provider_message_id or "x"),
        "log, message id": lambda: log.message(None, one.id),
        "log, large account": page(LARGE),
        "log, small account": page(SMALL),
        "log, small account, no row matches": page(SMALL, status="CANCELLED"),
        "log, large account, campaign of another": page(LARGE, campaign_id=9000),
        "admin cards": lambda: figures.admin_cards(now, ZONE),
        "portal cards": lambda: figures.portal_cards(LARGE, now, ZONE),
        "traffic per minute": lambda: figures.traffic(now),
        "channels today": lambda: figures.channels(None, now, ZONE),
        "channels of all time, account": lambda: figures.channels(LARGE, now, ZONE, ever=True),
        "top errors": lambda: figures.top_errors(None, now, ZONE),
        "route health": lambda: figures.route_health(now),
        "summary of 30 days by account": lambda: summarise(None, month, until, "account", ZONE),
        "summary of 30 days by day": lambda: summarise(None, month, until, "day", ZONE),
        "summary of 3 days by hour": lambda: summarise(
            None, day_of_now - timedelta(days=2), until, "hour", ZONE
        ),
        "summary of an account by country": lambda: summarise(LARGE, month, until, "country", ZONE),
    }


def _deep(database: Database, wanted: LogFilter) -> UUID:
    """An id with about a third of the day's messages above it."""
    middle = wanted.until - (wanted.until - wanted.since) / 3
    wanted = LogFilter(since=wanted.since, until=middle)
    rows = _answer(database, log.messages(None, wanted)).rows
    return rows[0].id


def main() -> None:
    """Entry of the command."""
    for name, (median, p95) in measure(sys.argv[1]).items():
        print(f"{name:45} {median:8.1f} {p95:8.1f} ms")


if __name__ == "__main__":
    main()
