"""Keeps one PostgreSQL with a migrated template database for a whole test run.

A process of its own: with parallel workers no worker may own what the others still use. It
watches the process that runs the tests and takes the server and its folder away with it.
"""

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

import psutil

from cpaas import config
from cpaas.db import embedded, migrate, server
from cpaas.kit.child import spawn

WATCH_SECONDS = 0.5
START_SECONDS_MAX = 60
# Tests may lose everything in a power cut; durability has tests of its own.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
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
    environ = {"CPAAS_HOME": str(folder / "home"), "CPAAS_POSTGRES_PORT": str(free_port())}
    settings = config.load(environ)
    cluster = embedded.prepare(settings, FAST)
    process = await spawn(cluster.command())
    log = asyncio.create_task(_write_log(process, folder / "postgres.log"))
    try:
        await server.wait_ready(
            settings,
            seconds_max=START_SECONDS_MAX,
            still_alive=lambda: process.returncode is None,
        )
        await migrate.migrate(settings.dsn())
        _tell(folder, {"dsn": settings.dsn()})
        while psutil.pid_exists(watched_pid):
            await asyncio.sleep(WATCH_SECONDS)
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
