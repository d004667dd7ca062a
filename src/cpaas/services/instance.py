"""Makes a running process known to all others by a row with a heartbeat.

Recovery may only touch what a dead instance left, so every claim names an instance, and an
instance whose heart stopped is dead for everybody.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from typing import NewType

import asyncpg

from cpaas import __version__
from cpaas.db.trouble import AWAY
from cpaas.kit.log import get_logger
from cpaas.services import queries

InstanceId = NewType("InstanceId", int)

HEARTBEAT_SECONDS = 2.0
# Several beats and one reconnect may be missed before others may call an instance dead.
DEAD_AFTER_SECONDS = 15.0
STOP_SECONDS_MAX = 2.0

log = get_logger("instance")


async def register(pool: asyncpg.Pool, service: str, port: int) -> InstanceId:
    """Makes the row of this process; `registered` does this with all that belongs to it."""
    host, pid = socket.gethostname(), os.getpid()
    return InstanceId(await queries.insert_instance(pool, service, host, pid, port, __version__))


@contextlib.asynccontextmanager
async def registered(
    pool: asyncpg.Pool,
    service: str,
    port: int,
    details: Callable[[], dict[str, object]] = dict,
) -> AsyncIterator[InstanceId]:
    """Known from here to the end of the block: row, heartbeat every 2 s, marked stopped."""
    instance_id = await register(pool, service, port)
    beating = asyncio.create_task(_heartbeat(pool, instance_id, details))
    try:
        yield instance_id
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        # A database that is gone must not hold up the end; the row then dies by its heartbeat.
        with contextlib.suppress(*AWAY):
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await queries.mark_stopped(pool, instance_id)


async def _heartbeat(
    pool: asyncpg.Pool, instance_id: InstanceId, details: Callable[[], dict[str, object]]
) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        try:
            await queries.beat(pool, instance_id, details())
        except Exception as error:  # noqa: BLE001 - silence would mean that we are dead
            log.warning("heartbeat not written", instance=instance_id, reason=str(error))
