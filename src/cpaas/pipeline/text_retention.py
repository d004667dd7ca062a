"""Takes texts out of messages that are older than the operator keeps them; all else stays.

Day by day, oldest first, in batches; how far it came is remembered, so that no day is read twice.
A day with a message that is still going on waits, and so do the days after it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cpaas.audit.queries import record
from cpaas.db.actor import acting
from cpaas.kit.log import get_logger
from cpaas.messages.statuses import FINAL
from cpaas.pipeline import retention_queries as queries
from cpaas.snapshot.types import Snapshot

DAYS_MIN: Final = 7
SETTING: Final = "text_days"
_log = get_logger(__name__)


def text_days(snapshot: Snapshot) -> int:
    """For how many days texts are kept; 0 = as long as their messages."""
    value = snapshot.settings.get(SETTING, 0)
    days = value if isinstance(value, int) else 0
    return max(DAYS_MIN, days) if days > 0 else 0


async def take_out_old_texts(pool: Any, days: int, now_us: int) -> list[str]:
    """Empties what is older than so many days (0 = nothing); returns the days (YYYYMMDD)."""
    if not days:
        return []
    oldest_kept = datetime.fromtimestamp(now_us / 1_000_000, UTC) - timedelta(days=days)
    done: list[str] = []
    async with pool.acquire() as connection:
        if not await queries.try_lock(connection):
            return []
        try:
            until = await queries.texts_out_until(connection)
            for day in await queries.old_days(connection, f"{oldest_kept:%Y%m%d}"):
                if day > until and not await _empty(connection, day):
                    break
                if day > until:
                    done.append(day)
        finally:
            await queries.unlock(connection)
    return done


async def _empty(connection: Any, day: str) -> bool:
    final: list[str] = sorted(FINAL)
    table = next(
        (one for one in await queries.partitions(connection, day) if one.parent == "message"), None
    )
    if table is not None:
        if await queries.has_open(connection, table, final):
            _log.warning("old_texts_are_not_done", day=day)
            return False
        while await queries.empty_texts(connection, table):
            pass
    async with acting(connection, "system", note="retention"):
        await queries.empty_replies(connection, day)
        await queries.note_texts_out(connection, day)
        await record(connection, "texts taken out", "message", day)
    _log.info("old_texts_taken_out", day=day)
    return True
