"""Brings the database to the newest schema and makes the partitions of the coming days.

Migrations run in a process of their own: the data plane never imports the framework that
defines them, and a failed migration cannot take its caller along.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable

import asyncpg

from cpaas.db import queries, schema_version
from cpaas.db.binaries import DatabaseError
from cpaas.kit.child import dies_with_parent

SETTINGS_MODULE = "cpaas.schema.settings"
PARTITION_DAYS_AHEAD = 14


def silent(_line: str) -> None:
    """Tells nobody."""
    return


async def migrate(
    dsn: str,
    report: Callable[[str], None] = silent,
    *,
    said: Callable[[str], None] = silent,
) -> None:
    """Applies what is missing, telling each step and, to `said`, every line of the output.

    Errors: DatabaseError, also when the database is newer than this code.
    """
    schema_version.refuse_newer("the database", await schema_version.applied(dsn))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "django", "migrate", "--settings", SETTINGS_MODULE),
        *("--no-input", "--no-color"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "CPAAS_DSN": dsn, "PYTHONUNBUFFERED": "1"},
        preexec_fn=dies_with_parent(signal.SIGTERM),
    )
    if process.stdout is None:
        raise AssertionError("output was asked for")
    reason = "no reason given"
    try:
        async for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip()
            said(line)
            reason = line or reason
            if line.startswith("  Applying "):
                report(line.strip().removesuffix("... OK"))
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    if code != 0:
        raise DatabaseError(
            f"the schema could not be brought up to date: {reason}",
            "run `cpaas db migrate --verbose` to see the whole output",
        )
    await make_partitions(dsn)
    await schema_version.note_laid(dsn)


async def make_partitions(dsn: str, days_ahead: int = PARTITION_DAYS_AHEAD) -> None:
    """Makes the daily partitions from today on; safe to repeat."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await queries.make_partitions(connection, days_ahead)
    finally:
        await connection.close()
