"""Saves database, keyring and settings in one archive, whether the platform runs or not.

All of the database is of one moment: rows are counted and dumped under the same snapshot.
"""

import datetime as dt
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from cpaas import __version__
from cpaas.cli import output
from cpaas.cli.db_server import reachable
from cpaas.config import FILE_NAME, PREFIX, Settings
from cpaas.db import binaries, dump, queries
from cpaas.db.archive import FORMAT, ArchiveWriter, Manifest, refuse_existing

DUMP: Final = "database.dump"
KEYRING: Final = "keyring.json"
SHOWN_SECONDS: Final = 5.0
#: what is of this machine, or no setting at all.
_NOT_SAVED: Final = frozenset({"CPAAS_HOME", "CPAAS_CONFIG", "CPAAS_VENV", "CPAAS_SUPERVISED"})


def named(path: Path | None, now: dt.datetime) -> Path:
    """Where a backup goes: a folder gets a name of its own in it."""
    name = f"cpaas-backup-{now:%Y%m%d-%H%M%S}.zip"
    if path is None:
        return Path.cwd() / name
    return path / name if path.is_dir() else path


async def backup(settings: Settings, path: Path) -> Manifest:
    """Writes the archive and returns what it holds. Errors: DatabaseError, CliError."""
    refuse_existing(path)
    if not settings.keyring.is_file():
        raise output.CliError(
            f"the keyring {settings.keyring} is not there, and a backup without it could not be"
            " used",
            "start the platform once (cpaas up), or set CPAAS_KEYRING to where it is",
        )
    async with reachable(settings):
        connection = await asyncpg.connect(settings.dsn(), timeout=10)
        try:
            # A dump may take longer than a transaction may else be idle.
            await connection.execute("SET idle_in_transaction_session_timeout = 0")
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return await _write(settings, connection, path)
        finally:
            await connection.close()


async def _write(settings: Settings, connection: asyncpg.Connection, path: Path) -> Manifest:
    snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
    made_at = dt.datetime.now(dt.UTC)
    major = await queries.server_major(connection)
    manifest = Manifest(
        format=FORMAT,
        version=__version__,
        made_at=made_at.isoformat(timespec="seconds"),
        postgres_major=major,
        migrations=await queries.applied_migrations(connection),
        counts=await queries.counts(connection),
        environment=_environment(),
    )
    size = await queries.size_bytes(connection)
    output.step(f"saving {manifest.counts['messages']} messages; {_mb(size)} on the disk")
    program = binaries.client("pg_dump", major)
    with ArchiveWriter(path) as archive:
        await archive.add(DUMP, _shown(dump.dump(program, settings.dsn(), snapshot)))
        for name, content in _files(settings):
            await archive.add_bytes(name, content)
        return archive.finish(manifest)


def _files(settings: Settings) -> Iterator[tuple[str, bytes]]:
    yield KEYRING, settings.keyring.read_bytes()
    file = Path(os.environ.get("CPAAS_CONFIG") or settings.home / FILE_NAME)
    if file.is_file():
        yield FILE_NAME, file.read_bytes()


async def _shown(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    done, shown = 0, time.monotonic()
    async for chunk in chunks:
        done += len(chunk)
        if time.monotonic() - shown > SHOWN_SECONDS:
            shown = time.monotonic()
            output.step(f"{_mb(done)} written")
        yield chunk


def _environment() -> dict[str, str]:
    """The CPAAS_ variables in force, passwords left out."""
    return {
        name: _without_password(value)
        for name, value in sorted(os.environ.items())
        if name.startswith(PREFIX) and name not in _NOT_SAVED
    }


def _without_password(value: str) -> str:
    try:
        parts = urlsplit(value)
        if not parts.password:
            return value
    except ValueError:
        return value
    user, host = parts.username or "", parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{user}:***@{host}").geturl()


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
