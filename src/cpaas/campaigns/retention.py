"""Forgets whom a campaign wrote to, and their cells, once messages and texts are kept no longer.

The campaign and its counts stay, as figures do; what names people goes with their messages.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from cpaas.audit.queries import record
from cpaas.campaigns import retention_queries as queries
from cpaas.db.actor import acting
from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger
from cpaas.pipeline.retention import days_kept
from cpaas.pipeline.text_retention import text_days
from cpaas.snapshot.types import Snapshot

LOOK_SECONDS: Final = 3600.0
DAY_US: Final = 86_400_000_000
_log = get_logger(__name__)


async def run_campaign_retention(
    pool: Any, snapshot: Callable[[], Snapshot], clock_us: Callable[[], int]
) -> None:
    """Look for old campaigns every hour, for ever."""
    while True:
        try:
            current, now_us = snapshot(), clock_us()
            await forget_rows(pool, days_kept(current), now_us)
            await forget_cells(pool, text_days(current), now_us)
        except Exception as error:  # noqa: BLE001 - it is tried again, and the log has it
            if is_passing(error):
                _log.warning("campaign_retention_waits_for_the_database", error=repr(error))
            else:
                _log.exception("campaign_retention_failed")
        await asyncio.sleep(LOOK_SECONDS)


async def forget_rows(pool: Any, days: int, now_us: int) -> int:
    """Take the rows out of campaigns older than so many days (0 = none); returns how many."""
    before_us = now_us - days * DAY_US
    found = await queries.with_rows(pool, before_us) if days else []
    for campaign_id in found:
        await _forget(pool, campaign_id, before_us, queries.delete_some, "rows deleted")
    return len(found)


async def forget_cells(pool: Any, days: int, now_us: int) -> int:
    """Empty the cells of campaigns older than so many days (0 = none); returns how many."""
    before_us = now_us - days * DAY_US
    found = await queries.with_cells(pool, before_us) if days else []
    for campaign_id in found:
        await _forget(pool, campaign_id, before_us, queries.empty_some, "texts taken out")
    return len(found)


async def _forget(pool: Any, campaign_id: int, before_us: int, some: Any, what: str) -> None:
    """A portion a transaction, the campaign locked: one that is retried meanwhile is left alone."""
    more = True
    while more:
        async with pool.acquire() as connection, acting(connection, "system", note="retention"):
            if not await queries.lock(connection, campaign_id, before_us):
                return
            more = await some(connection, campaign_id)
            if not more:
                await record(connection, what, "campaign", str(campaign_id))
    _log.info("old_campaign_forgotten", campaign=campaign_id, what=what)
