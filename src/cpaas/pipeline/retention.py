"""Drops whole days of messages, oldest first, once they are older than the platform keeps them.

A day goes only when all its messages are final and no webhook of it waits for a retry, and never
before the days before it. Money stays: the ledger is not kept by days.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cpaas.audit.queries import record
from cpaas.db.actor import acting
from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger
from cpaas.messages.statuses import FINAL
from cpaas.pipeline import retention_queries as queries
from cpaas.pipeline.text_retention import take_out_old_texts, text_days
from cpaas.snapshot.types import Snapshot

LOOK_SECONDS: Final = 3600.0
#: receipts come for three days; nothing younger than a week is ever dropped.
DAYS_MIN: Final = 7
SETTING: Final = "retention_days"
_log = get_logger(__name__)


async def run_retention(
    pool: Any, snapshot: Callable[[], Snapshot], clock_us: Callable[[], int]
) -> None:
    """Look for old days every hour, for ever."""
    while True:
        try:
            await drop_old_days(pool, days_kept(snapshot()), clock_us())
            await take_out_old_texts(pool, text_days(snapshot()), clock_us())
        except Exception as error:  # noqa: BLE001 - it is tried again, and the log has it
            if is_passing(error):
                _log.warning("retention_waits_for_the_database", error=repr(error))
            else:
                _log.exception("retention_failed")
        await asyncio.sleep(LOOK_SECONDS)


def days_kept(snapshot: Snapshot) -> int:
    """For how many days messages are kept; 0 = for ever."""
    value = snapshot.settings.get(SETTING, 0)
    days = value if isinstance(value, int) else 0
    return max(DAYS_MIN, days) if days > 0 else 0


async def drop_old_days(pool: Any, days: int, now_us: int) -> list[str]:
    """Drop what is older than so many days (0 = nothing); returns the days (YYYYMMDD)."""
    if not days:
        return []
    oldest_kept = datetime.fromtimestamp(now_us / 1_000_000, UTC) - timedelta(days=days)
    dropped: list[str] = []
    async with pool.acquire() as connection:
        if not await queries.try_lock(connection):
            return []
        try:
            for day in await queries.old_days(connection, f"{oldest_kept:%Y%m%d}"):
                if not await _drop(connection, day):
                    # What comes after it may still be told to what is open here.
                    break
                dropped.append(day)
        finally:
            await queries.unlock(connection)
    return dropped


async def _drop(connection: Any, day: str) -> bool:
    tables = await queries.partitions(connection, day)
    for table in tables:
        if await queries.has_open(connection, table, sorted(FINAL)):
            _log.warning("old_day_is_not_done", day=day, table=table.name)
            return False
    for table in tables:
        await queries.detach(connection, table)
    async with acting(connection, "system", note="retention"):
        for table in tables:
            await queries.drop(connection, table)
        await record(connection, "drop", "message", day)
    _log.info("old_day_dropped", day=day)
    return True
