"""Brings a backup back into an empty home, and holds back whatever may have been sent since.

The platform that a backup is of went on after it: what waited then may be with a carrier now.
So nothing that was under way is sent by itself; an operator decides (`cpaas held`).
"""

import asyncio
import datetime as dt
import os
import shutil
import time
from pathlib import Path
from typing import Any, Final

import asyncpg

from cpaas.campaigns import status_queries
from cpaas.cli import acting, output
from cpaas.cli.db_backup import DUMP, KEYRING
from cpaas.cli.db_server import alone
from cpaas.config import FILE_NAME, Settings
from cpaas.db import binaries, dump, migrate, queries, schema_version
from cpaas.db.archive import ArchiveReader, Manifest
from cpaas.db.binaries import DatabaseError
from cpaas.db.codecs import set_codecs
from cpaas.pipeline import held
from cpaas.supervisor import lock

SHOWN_SECONDS: Final = 5.0
#: the files of a home that belong to its database.
_OF_THE_DATABASE: Final = (
    "postgres", "postgres.password", "postgres.superuser", "portal.password",
)  # fmt: skip


def opened(path: Path) -> ArchiveReader:
    """The archive, whole and of a version that this code can run. Errors: DatabaseError."""
    reader = ArchiveReader(path)
    schema_version.refuse_newer(str(path), reader.manifest.migrations)
    shown = time.monotonic()
    for done in reader.check():
        if time.monotonic() - shown > SHOWN_SECONDS:
            shown = time.monotonic()
            output.step(f"{done / 1e6:.1f} MB checked")
    return reader


async def restore(
    settings: Settings, path: Path, *, force: bool, hold: bool
) -> tuple[Manifest, held.Held | None, str]:
    """Restores; returns the manifest, what is held, and where the old data was put ("" = none).

    Errors: DatabaseError, CliError; then the home is as it was before.
    """
    if pid := lock.holder_pid(settings.run):
        raise output.CliError(
            f"the platform runs in this home (pid {pid})", "stop it first: cpaas down"
        )
    reader = opened(path)
    aside = await _make_room(settings, force=force)
    try:
        async with alone(settings):
            kept = await _fill(settings, reader, hold=hold)
    except BaseException:
        if settings.embedded:
            _remove(settings)
        if aside is not None:
            aside.put_back()
        raise
    _put_files(settings, reader)
    return reader.manifest, kept, str(aside.folder) if aside else ""


class _Aside:
    """Data that was put aside, and where each piece of it was: data may lie outside the home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._moved: list[tuple[Path, Path, Path]] = []

    def put(self, files: list[Path]) -> None:
        """Moves these away."""
        self.folder.mkdir(mode=0o711)
        for file in files:
            real, kept = _real(file), self.folder / file.name
            shutil.move(real, kept)
            self._moved.append((kept, real, file))
            file.unlink(missing_ok=True)

    def put_back(self) -> None:
        """Everything is where it was."""
        for kept, real, file in self._moved:
            shutil.move(kept, real)
            if file != real and not file.exists():
                file.symlink_to(real)
        self.folder.rmdir()


async def _make_room(settings: Settings, *, force: bool) -> _Aside | None:
    """Refuses a home with data; with force its data is put aside, and told what it was."""
    there = [path for path in _data(settings) if path.exists()]
    if not there:
        return None
    if not force:
        raise output.CliError(
            f"there is data already: {', '.join(str(path) for path in there)}",
            "restore into an empty CPAAS_HOME, or give --force, which says what is lost",
        )
    if settings.embedded and (settings.home / "postgres").exists():
        try:
            async with alone(settings):
                told = await _counted(settings)
            output.step(f"lost to the platform by this: {told}")
        except Exception as error:  # noqa: BLE001 - a broken database is why people restore
            output.step(f"what the old data holds cannot be read: {error}")
    aside = _Aside(settings.home / f"replaced-{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}")
    aside.put(there)
    output.step(f"the old data was put aside into {aside.folder}; remove it when you are sure")
    return aside


async def _counted(settings: Settings) -> str:
    connection = await asyncpg.connect(settings.dsn(), timeout=10)
    try:
        if not await queries.has_tables(connection):
            return "nothing, it is empty"
        counts = await queries.counts(connection)
    finally:
        await connection.close()
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())


def _data(settings: Settings) -> list[Path]:
    names = _OF_THE_DATABASE if settings.embedded else ()
    return [*(settings.home / name for name in names), settings.keyring]


def _real(path: Path) -> Path:
    """Data may lie outside the home, which then has a link to it."""
    return path.resolve() if path.is_symlink() else path


def _remove(settings: Settings) -> None:
    for file in (settings.home / name for name in _OF_THE_DATABASE):
        real = _real(file)
        if real.is_dir():
            shutil.rmtree(real, ignore_errors=True)
        file.unlink(missing_ok=True)


async def _fill(settings: Settings, reader: ArchiveReader, *, hold: bool) -> held.Held | None:
    connection = await asyncpg.connect(settings.dsn(), timeout=10)
    try:
        if await queries.has_tables(connection):
            raise DatabaseError(
                "the database of CPAAS_DSN is not empty", "give an empty one; none is overwritten"
            )
        await queries.make_portal_role(connection)
        program = binaries.client("pg_restore", await queries.server_major(connection))
        output.step(f"restoring {reader.manifest.counts['messages']} messages")
        chunks = reader.chunks(DUMP)
        await dump.restore(program, settings.dsn(), chunks, whole=not settings.embedded)
        _compare(reader.manifest, await queries.counts(connection))
        # What is held is written down in a table that an older version has not.
        await migrate.migrate(settings.dsn(), output.step)
        await queries.analyze(connection)
        if not hold:
            await held.let_go(connection)
            return None
        await set_codecs(connection)
        output.step("holding back what was under way")
        paused = await status_queries.pause_all(
            connection, "restored",
            "Paused by a restore: rows launched after the backup may have been sent. Look at the"
            " held messages, then resume or cancel.",
        )  # fmt: skip
        if paused:
            output.step(f"{paused} campaigns are paused: resume or cancel them")
        return await held.hold(connection, acting.actor(), reader.manifest.made_at)
    finally:
        await connection.close()


def _compare(manifest: Manifest, now: dict[str, int]) -> None:
    for name, count in manifest.counts.items():
        if now.get(name) != count:
            raise DatabaseError(
                f"the restored database has {now.get(name)} {name}, the backup had {count}",
                "restore again; if it happens again, the dump in this archive is not whole",
            )


def _put_files(settings: Settings, reader: ArchiveReader) -> None:
    keyring: Any = reader.content(KEYRING)
    settings.keyring.parent.mkdir(parents=True, exist_ok=True)
    number = os.open(settings.keyring, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(keyring)
    saved, place = reader.content(FILE_NAME), settings.home / FILE_NAME
    if saved is not None and not place.exists():
        place.write_bytes(saved)
        place.chmod(0o600)
        output.step(f"{place} was restored")
    elif saved is not None and place.read_bytes() != saved:
        output.step(f"{place} differs from the one in the backup and stays as it is")
    for name, value in reader.manifest.environment.items():
        if os.environ.get(name) != value:
            output.step(f"when the backup was made, {name} was {value!r}")


def run(settings: Settings, path: Path, *, force: bool, hold: bool) -> Any:
    """`restore` for a command."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o711)
    return asyncio.run(restore(settings, path, force=force, hold=hold))
