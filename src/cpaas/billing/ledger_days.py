"""The ledger added up by day, so that a month of millions of entries is told at once.

What was booked is added to its day behind the writers, each entry once; a sum is whole days, what
is not added up yet, and the parts of days at both ends. So it is exact at every moment.
"""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from cpaas.billing import ledger_day_queries as queries
from cpaas.billing.statement_queries import DISORDER_US
from cpaas.billing.types import Line
from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger

_log = get_logger(__name__)
EVERY_SECONDS: Final = 60.0
ENTRIES_MAX: Final = 200_000
ROUNDS_MAX: Final = 500
_SECOND_US: Final = 1_000_000


async def sums(
    connection: Any, account_id: int, *, from_us: int, until_us: int, zone: ZoneInfo
) -> list[Line]:
    """An account's entries of a time by kind. In a transaction that sees one state throughout."""
    lowest = await queries.first_id(connection, from_us)
    folded = await queries.folded(connection, str(zone))
    first, last = whole_days(from_us, until_us, zone)
    if not folded or folded < lowest or first >= last:
        rows = await queries.entries(connection, account_id, from_us, until_us, lowest)
        return _lines(rows)
    begins, ends = day_us(first, zone), day_us(last, zone)
    rows = await queries.days(connection, account_id, first, last)
    rows += await queries.entries(
        connection, account_id, from_us, until_us, max(lowest, folded + 1)
    )  # fmt: skip
    for since_us, before_us in ((from_us, begins), (ends, until_us)):
        if since_us < before_us:
            # Between two ids, an hour wider at both ends than a commit ever takes.
            least = await queries.first_id(connection, since_us)
            most = await queries.first_id(connection, before_us + 2 * DISORDER_US) + 1
            rows += await queries.entries(
                connection, account_id, since_us, before_us, least, min(folded, most)
            )
    return _lines(rows)


def _lines(rows: list[Any]) -> list[Line]:
    found: dict[str, tuple[int, int]] = {}
    for kind, entries, amount in rows:
        before = found.get(kind, (0, 0))
        found[kind] = before[0] + int(entries), before[1] + int(amount)
    return [Line(kind, *found[kind]) for kind in sorted(found)]


def whole_days(from_us: int, until_us: int, zone: ZoneInfo) -> tuple[date, date]:
    """The days that lie wholly within a time, the last one excluded."""
    first = datetime.fromtimestamp(from_us / _SECOND_US, zone).date()
    if day_us(first, zone) < from_us:
        first += timedelta(days=1)
    return first, datetime.fromtimestamp(until_us / _SECOND_US, zone).date()


def day_us(day: date, zone: ZoneInfo) -> int:
    """When a day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * _SECOND_US


async def fold(pool: Any, zone: str) -> int:
    """Add up what can be no longer preceded; returns how many entries. One process at a time.

    A look remembers the highest id; the next one adds up to it if all who wrote then are done.
    """
    done = 0
    for _ in range(ROUNDS_MAX):
        async with pool.acquire() as connection, connection.transaction():
            if not await queries.elect(connection):
                return done
            await queries.begin(connection, zone)
            took = await queries.fold(connection, zone, ENTRIES_MAX)
        done += took
        if not took:
            break
    async with pool.acquire() as connection:
        await queries.look(connection)
    return done


async def run_folding(pool: Any, zone: Callable[[], str]) -> None:
    """Add up every minute, for ever; a failure is logged and tried again."""
    while True:
        try:
            await fold(pool, zone())
        except Exception as error:  # noqa: BLE001 - sums take longer for a while, no more
            if is_passing(error):
                _log.warning("adding_up_waits_for_the_database", error=repr(error))
            else:
                _log.exception("adding_up_failed")
        await asyncio.sleep(EVERY_SECONDS)
