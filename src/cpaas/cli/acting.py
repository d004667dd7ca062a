"""Runs a command's work on the database, in a transaction that the audit log names.

Commands talk to the database directly, so that they work while no service runs.
"""

import asyncio
import getpass
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import asyncpg

from cpaas.accounts import queries as account_queries
from cpaas.accounts.types import AccountRow
from cpaas.cli import output
from cpaas.cli.database import connected
from cpaas.db.actor import acting
from cpaas.kit.errors import InputError

if TYPE_CHECKING:
    from cpaas.pipeline.transitions import Context

T = TypeVar("T")
Work = Callable[[asyncpg.Connection], Awaitable[T]]


def actor() -> str:
    """Who runs the command, as the audit log and the ledger name them."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:unknown"


def change(work: Work[T]) -> T:
    """Runs work that changes something, all or nothing."""

    async def run() -> T:
        async with connected(output.settings()) as connection, acting(connection, actor()):
            return await work(connection)

    return asyncio.run(run())


def look(work: Work[T]) -> T:
    """Runs work that only reads, or opens its own transactions."""

    async def run() -> T:
        async with connected(output.settings()) as connection:
            return await work(connection)

    return asyncio.run(run())


async def account_named(connection: asyncpg.Connection, name: str) -> AccountRow:
    """The account of that name."""
    found = await account_queries.account_by_name(connection, name)
    if found is None:
        raise InputError(
            f"there is no account {name!r}", "list them: cpaas account list", "account"
        )
    return found


async def account_id(connection: asyncpg.Connection, name: str) -> int | None:
    """The id of the account of that name; None for "" and ALL."""
    return None if name in ("", "ALL") else (await account_named(connection, name)).id


async def context(connection: asyncpg.Connection) -> "Context":
    """What a command needs to change messages as a service would.

    From here on the connection speaks as the data plane does: ids as bytes, times as integers.
    """
    from cpaas.db.codecs import set_codecs
    from cpaas.pipeline.transitions import Context
    from cpaas.snapshot.load import EMPTY, LOADERS, load

    settings = output.settings()
    defaults: dict[str, object] = {"currency": settings.currency, "timezone": settings.timezone}
    snapshot = await load(connection, EMPTY, LOADERS, defaults)
    await set_codecs(connection)
    return Context(snapshot, 0, time.time_ns() // 1000)
