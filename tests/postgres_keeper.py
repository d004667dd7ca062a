"""Keeps one PostgreSQL with a migrated template database for a whole test run.

A process of its own: with parallel workers no worker may own what the others still use. It
watches the process that runs the tests and takes the server and its folder away with it.
"""

import asyncio
import contextlib
import datetime as dt
import hashlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo
from tests import memory

import cpaas
from cpaas import config
from cpaas.db import embedded, migrate, server
from cpaas.kit.child import spawn

WATCH_SECONDS = 0.5
START_SECONDS_MAX = 60
# The template of most tests' databases.
SMALL = "cpaas_small"
# Older ones cannot be of this day, or are of a schema that is being worked on no more.
CACHE_SECONDS_MAX = 3600
CACHE_PREFIX = f"cpaas-test-cache-{os.getuid()}-"
# Tests may lose everything in a power cut; durability has tests of its own.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "300",
    "autovacuum_naptime": "1min",
}


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def keep(folder: Path, watched_pid: int) -> None:
    """Serves until the watched process is gone."""
    cached = cache()
    if not cached.is_dir():
        await _make(folder, cached)
    place = memory.folder("cpk", os.getpid())
    try:
        await _copy(cached, place / "home")
        settings = _settings(place / "home")
        async with _running(settings, folder):
            _tell(folder, {"dsn": settings.dsn()})
            while psutil.pid_exists(watched_pid):
                await asyncio.sleep(WATCH_SECONDS)
    finally:
        shutil.rmtree(place, ignore_errors=True)


async def _make(folder: Path, cached: Path) -> None:
    """Makes a migrated home once for all runs until the schema, or the day, changes."""
    home = folder / "new"
    settings = _settings(home)
    async with _running(settings, folder):
        await migrate.migrate(settings.dsn())
        await _make_small(settings.dsn())
    for old in cached.parent.glob(f"{CACHE_PREFIX}*"):
        # Another run may take the same away first.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - old.stat().st_mtime > CACHE_SECONDS_MAX:
                shutil.rmtree(old, ignore_errors=True)
    partial = cached.with_name(f"cpaas-partial-{folder.name}")
    await _copy(home, partial)
    with contextlib.suppress(OSError):
        partial.rename(cached)  # Fails when another run made the same first.
    shutil.rmtree(partial, ignore_errors=True)


async def _make_small(dsn: str) -> None:
    """A second template that ends with tomorrow: a fifth of the files to copy for each test."""
    async with await psycopg.AsyncConnection.connect(
        make_conninfo(dsn, dbname="postgres"), autocommit=True
    ) as connection:
        await connection.execute(f"CREATE DATABASE {SMALL} TEMPLATE cpaas")
    async with await psycopg.AsyncConnection.connect(
        make_conninfo(dsn, dbname=SMALL), autocommit=True
    ) as connection:
        rows = await connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid"
            " WHERE c.relkind = 'r' AND right(c.relname, 8) > to_char(now() + '1 day', 'YYYYMMDD')"
        )
        for (name,) in await rows.fetchall():
            await connection.execute(f"DROP TABLE {name}".encode())


def cache() -> Path:
    """A stopped, migrated home to copy, if a run made it already.

    Named for all that decides what a migrated database holds; partitions depend on the day.
    """
    package = Path(cpaas.__file__).parent
    files = sorted(
        path
        for part in ("schema", "db")
        for path in (package / part).rglob("*")
        if path.suffix in {".py", ".sql"}
    )
    digest = hashlib.sha256(dt.datetime.now(dt.UTC).date().isoformat().encode())
    digest.update(Path(__file__).read_bytes())
    for path in files:
        digest.update(str(path).encode() + path.read_bytes())
    name = f"{CACHE_PREFIX}{digest.hexdigest()[:16]}"
    return Path(tempfile.gettempdir()) / name


def _settings(home: Path) -> config.Settings:
    return config.load({"CPAAS_HOME": str(home), "CPAAS_POSTGRES_PORT": str(free_port())})


async def _copy(source: Path, target: Path) -> None:
    # cp keeps owners and modes, which the server insists on.
    process = await asyncio.create_subprocess_exec("cp", "-a", str(source), str(target))
    if await process.wait() != 0:
        raise OSError(f"{source} cannot be copied to {target}")


@contextlib.asynccontextmanager
async def _running(settings: config.Settings, folder: Path) -> AsyncIterator[None]:
    process = await spawn(embedded.prepare(settings, FAST).command())
    log = asyncio.create_task(_write_log(process, folder / "postgres.log"))
    try:
        await server.wait_ready(
            settings,
            seconds_max=START_SECONDS_MAX,
            still_alive=lambda: process.returncode is None,
        )
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        await process.wait()
        await log


async def _write_log(process: asyncio.subprocess.Process, path: Path) -> None:
    if process.stdout is None:
        raise AssertionError("output was asked for")
    with path.open("ab") as file:
        while chunk := await process.stdout.read(65536):
            file.write(chunk)
            file.flush()


def _tell(folder: Path, answer: dict[str, str]) -> None:
    partial = folder / "answer.partial"
    partial.write_text(json.dumps(answer))
    partial.rename(folder / "answer.json")


def main() -> None:
    """Runs with the folder and the watched process id as arguments."""
    folder, watched_pid = Path(sys.argv[1]), int(sys.argv[2])
    try:
        asyncio.run(keep(folder, watched_pid))
    except Exception as error:
        _tell(folder, {"error": f"{error}"})
        while psutil.pid_exists(watched_pid):  # The tests still have to read why.
            time.sleep(WATCH_SECONDS)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
