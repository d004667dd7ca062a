"""Brings about what `service_state` wishes, within a moment of its change.

The wish lives in the database, so that a button of the dashboard, the command line and a restart
of the whole platform all mean the same.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import asyncpg

from cpaas.db.trouble import AWAY
from cpaas.kit.log import get_logger
from cpaas.supervisor import queries
from cpaas.supervisor.keeper import Keeper
from cpaas.supervisor.queries import Desired

POLL_SECONDS = 2.0
RECONNECT_SECONDS = 1.0

log = get_logger("supervisor")


async def read_once(dsn: str) -> dict[str, Desired]:
    """The wishes as they stand now."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await queries.desired_states(connection)
    finally:
        await connection.close()


async def obey(dsn: str, keepers: Mapping[str, Keeper], known: Mapping[str, Desired]) -> None:
    """Follows the wishes until cancelled; `known` are those the start already obeyed."""
    seen = dict(known)
    while True:
        try:
            await _follow(dsn, keepers, seen)
        except AWAY as error:
            log.warning("desired states cannot be read", reason=str(error))
            await asyncio.sleep(RECONNECT_SECONDS)


async def _follow(dsn: str, keepers: Mapping[str, Keeper], seen: dict[str, Desired]) -> None:
    changed = asyncio.Event()

    def wake(*_arguments: Any) -> None:
        changed.set()

    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=10)
    try:
        await connection.add_listener(queries.CHANNEL, wake)
        connection.add_termination_listener(wake)
        while True:
            changed.clear()
            await apply(keepers, seen, await queries.desired_states(connection))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await changed.wait()
    finally:
        connection.terminate()


async def apply(
    keepers: Mapping[str, Keeper], seen: dict[str, Desired], wished: Mapping[str, Desired]
) -> None:
    """Starts, stops and restarts what the wishes ask for, all at the same time."""
    work = []
    for name, wish in wished.items():
        keeper = keepers.get(name)
        before = seen.get(name)
        seen[name] = wish
        if keeper is None:
            continue
        generation = before.restart_generation if before else 0
        again = wish.restart_generation > generation
        if wish.running != keeper.kept or (again and wish.running):
            log.info("obeying", program=name, running=wish.running, by=wish.changed_by)
            work.append(_bring_about(keeper, running=wish.running))
    await asyncio.gather(*work)


async def _bring_about(keeper: Keeper, *, running: bool) -> None:
    if keeper.kept:
        await keeper.stop()
    if running:
        keeper.keep()
