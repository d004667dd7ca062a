"""Reads one campaign's file, or checks its rows, in a process of its own.

`python -m cpaas.campaigns.stage_process ACCOUNT CAMPAIGN` works on a claimed campaign to its end.
"""

import asyncio
import os
import resource
import sys
from collections.abc import Callable
from typing import Any, Final

from cpaas import config
from cpaas.campaigns import control, queries
from cpaas.campaigns.stage import MovedError, check_rows, read_file
from cpaas.config import Settings
from cpaas.db.pool import create_pool
from cpaas.db.trouble import is_passing
from cpaas.kit import log
from cpaas.kit.clock import now_us
from cpaas.pipeline.refusals import RefusedError
from cpaas.snapshot.holder import SnapshotHolder
from cpaas.snapshot.types import Snapshot

#: a hostile workbook ends its own reading, and takes no other process along.
MEMORY_BYTES_MAX: Final = 640 * 2**20
#: what a restart of the database ends; the file is taken up again.
INTERRUPTED: Final = 75


async def work(
    pool: Any, holder: SnapshotHolder, account_id: int, campaign_id: int, rows_max: int
) -> None:
    """Bring a claimed campaign's file to its end."""
    async with pool.acquire() as connection:
        campaign = await queries.find(connection, account_id, campaign_id)
    if campaign is None:
        return
    try:
        if campaign.file_state == "READING":
            await read_file(pool, campaign, holder.current, now_us(), rows_max=rows_max)
        elif campaign.check_wanted:
            await check_rows(pool, campaign, holder.current, now_us())
        await _start(pool, holder.current, account_id, campaign_id)
    except MovedError:
        return


async def _start(pool: Any, snapshot: Snapshot, account_id: int, campaign_id: int) -> None:
    """Start what shall start by itself; what keeps it from it is its reason."""
    async with pool.acquire() as connection:
        campaign = await queries.find(connection, account_id, campaign_id)
        if campaign is None or not campaign.pace.auto_start or campaign.estimate is None:
            return
        try:
            async with connection.transaction():
                await control.start(connection, snapshot, campaign, now_us())
        except (control.NotPossibleError, RefusedError) as error:
            await queries.note(connection, campaign, error.code, error.detail)


async def _main(settings: Settings, account_id: int, campaign_id: int) -> int:
    pool = await create_pool(
        settings.dsn(), min_size=1, max_size=2, application_name="cpaas campaign file",
        data_plane=True,
    )  # fmt: skip
    holder = SnapshotHolder(settings.dsn(), defaults={"timezone": settings.timezone})
    try:
        await holder.start()
        await work(pool, holder, account_id, campaign_id, settings.campaign_rows_max)
    except Exception as error:  # noqa: BLE001 - the campaign says that it failed
        if is_passing(error):
            return INTERRUPTED
        log.get_logger("campaign").exception("campaign_file_failed", campaign=campaign_id)
        return 1
    finally:
        await holder.stop()
        pool.terminate()
    return 0


def main(arguments: list[str], run: Callable[[Any], int] = asyncio.run) -> int:
    """Entry of the process."""
    settings = config.load(os.environ)
    log.configure(settings.log_level, "campaign")
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    return run(_main(settings, int(arguments[0]), int(arguments[1])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
