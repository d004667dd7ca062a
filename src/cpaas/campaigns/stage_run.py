"""Has campaigns' files read, one after the other; other processes have others read."""

import asyncio
from typing import Any, Final

from cpaas.campaigns import queries
from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger
from cpaas.kit.worker import run_module

EVERY_SECONDS: Final = 0.5
HOLD_SECONDS: Final = 15.0
_log = get_logger(__name__)


async def run_reading(pool: Any, environ: dict[str, str]) -> None:
    """Work for ever. environ: settings by which the reading process finds the database."""
    while True:
        try:
            async with pool.acquire() as connection:
                await queries.close_abandoned(connection)
                found = await queries.claim_reading(connection)
            if found is not None:
                await _read(pool, *found, environ)
                continue
        except Exception as error:  # noqa: BLE001 - the next turn tries again
            if is_passing(error):
                _log.warning("campaign_files_wait_for_the_database", error=repr(error))
            else:
                _log.exception("campaign_files_failed")
        await asyncio.sleep(EVERY_SECONDS)


async def _read(pool: Any, account_id: int, campaign_id: int, environ: dict[str, str]) -> None:
    async def alive() -> None:
        async with pool.acquire() as connection:
            await queries.hold(connection, campaign_id)

    code, said = await run_module(
        "cpaas.campaigns.stage_process", [str(account_id), str(campaign_id)], environ,
        every_seconds=HOLD_SECONDS, alive=alive,
    )  # fmt: skip
    if code:
        _log.warning("campaign_file_ended", campaign=campaign_id, code=code, said=said)
    async with pool.acquire() as connection:
        await queries.release(connection, campaign_id)
