"""Keeps the minutes' counters few: what is ten minutes old is folded into hours and days."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger
from cpaas.reports import fold_queries as queries

_log = get_logger(__name__)
MINUTE_US: Final = 60_000_000
#: most messages are at their end by then, so that few rows come back for an old minute.
KEPT_US: Final = 10 * MINUTE_US
#: hours serve comparisons with the weeks before; days stay for ever.
HOURS_KEPT_US: Final = 35 * 24 * 60 * MINUTE_US
EVERY_SECONDS: Final = 60.0
ROWS_MAX: Final = 20_000
ROUNDS_MAX: Final = 500


async def fold(pool: Any, now_us: int, zone: str) -> int:
    """Fold all that is old enough, in short transactions; returns how many rows went.

    One process does it at a time; any other returns 0 at once.
    """
    before_us = now_us - now_us % MINUTE_US - KEPT_US
    done = 0
    for table in ("counter_minute", "counter_error"):
        for _ in range(ROUNDS_MAX):
            async with pool.acquire() as connection, connection.transaction():
                if not await queries.elect(connection):
                    return done
                took = await queries.fold(connection, table, before_us, zone, ROWS_MAX)
            done += took
            if took < ROWS_MAX:
                break
    async with pool.acquire() as connection, connection.transaction():
        await queries.forget(connection, now_us - HOURS_KEPT_US, ROWS_MAX)
    return done


async def run_folding(pool: Any, clock_us: Callable[[], int], zone: Callable[[], str]) -> None:
    """Fold every minute, for ever; a failure is logged and tried again."""
    while True:
        try:
            await fold(pool, clock_us(), zone())
        except Exception as error:  # noqa: BLE001 - figures are behind for a while, no more
            if is_passing(error):
                _log.warning("folding_waits_for_the_database", error=repr(error))
            else:
                _log.exception("folding_failed")
        await asyncio.sleep(EVERY_SECONDS)
