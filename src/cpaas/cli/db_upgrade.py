"""Brings a stopped platform's database to this version, after a backup that the way back needs."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg

from cpaas.cli import output
from cpaas.cli.db_backup import backup, named
from cpaas.cli.db_server import alone
from cpaas.cli.queries import has_accounts, live_instances
from cpaas.config import Settings
from cpaas.db import migrate, schema_version
from cpaas.supervisor import lock

FOLDER = "backups"


async def upgrade(settings: Settings, path: Path | None) -> dict[str, Any]:
    """Saves, then applies what is missing; returns both. Errors: DatabaseError, CliError."""
    if pid := lock.holder_pid(settings.run):
        raise output.CliError(
            f"the platform runs in this home (pid {pid}), with the code from before",
            "stop it first: cpaas down",
        )
    async with alone(settings):
        dsn = settings.dsn()
        if not settings.embedded:
            await _refuse_running(dsn)
        before = await schema_version.applied(dsn)
        schema_version.refuse_newer("the database", before)
        missing = _missing(before)
        if not missing:
            return {"applied": [], "backup": None}
        saved = await _save(settings, path)
        output.step(f"saved in {saved}")
        try:
            await migrate.migrate(dsn, output.step)
        except Exception:
            output.step(way_back(saved))
            raise
    return {"applied": missing, "backup": str(saved)}


async def save_before_start(settings: Settings) -> Path | None:
    """Before `up` migrates what somebody has worked with: a backup, as `upgrade` makes it.

    None if there is nothing to apply, or nothing to lose. Errors: DatabaseError, CliError.
    """
    dsn = settings.dsn()
    before = await schema_version.applied(dsn)
    schema_version.refuse_newer("the database", before)
    if not before or not _missing(before) or not await _holds_something(dsn):
        return None
    if not settings.embedded:
        await _refuse_running(dsn)
    return await _save(settings, None)


def way_back(saved: Path) -> str:
    """What a person does whose migration failed."""
    return f"the way back: `cpaas db restore {saved} --force` with the old version"


def _missing(before: Sequence[str]) -> list[str]:
    return [name for name in schema_version.known() if name not in before]


async def _save(settings: Settings, path: Path | None) -> Path:
    place = path
    if place is None:
        place = settings.home / FOLDER
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    saved = named(place, dt.datetime.now(dt.UTC))
    await backup(settings, saved)
    return saved


async def _holds_something(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await has_accounts(connection)
    finally:
        await connection.close()


async def _refuse_running(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        alive = await live_instances(connection)
    finally:
        await connection.close()
    if alive:
        raise output.CliError(
            f"services still use this database: {', '.join(alive)}",
            "stop them on every machine first; a dead one counts for a few seconds more",
        )
