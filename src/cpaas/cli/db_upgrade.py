"""Brings a stopped platform's database to this version, after a backup that the way back needs."""

import datetime as dt
from pathlib import Path
from typing import Any

import asyncpg

from cpaas.cli import output
from cpaas.cli.db_backup import backup, named
from cpaas.cli.db_server import alone
from cpaas.cli.queries import live_instances
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
        missing = [name for name in schema_version.known() if name not in before]
        if not missing:
            return {"applied": [], "backup": None}
        place = path
        if place is None:
            place = settings.home / FOLDER
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        saved = named(place, dt.datetime.now(dt.UTC))
        await backup(settings, saved)
        output.step(f"saved in {saved}")
        try:
            await migrate.migrate(dsn, output.step)
        except Exception:
            output.step(f"the way back: `cpaas db restore {saved} --force` with the old version")
            raise
    return {"applied": missing, "backup": str(saved)}


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
