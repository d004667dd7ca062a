"""A database to work on, whether the platform runs or not: an embedded one is started for it."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

from cpaas.cli import output
from cpaas.config import Settings
from cpaas.db import embedded, server
from cpaas.kit.child import spawn
from cpaas.kit.logfile import LogFile
from cpaas.supervisor import lock
from cpaas.supervisor.process import Child
from cpaas.supervisor.supervise import POSTGRES

CONNECT_SECONDS_MAX = 10
STOP_SIGNALS = (signal.SIGINT, signal.SIGQUIT)


@contextlib.asynccontextmanager
async def reachable(settings: Settings) -> AsyncIterator[None]:
    """The database as long as the block lasts: of the running platform, or started for it."""
    if not settings.embedded or lock.holder_pid(settings.run) is not None:
        await server.wait_ready(settings, seconds_max=CONNECT_SECONDS_MAX)
        yield
        return
    if not (settings.home / "postgres.password").is_file():
        raise output.CliError(
            f"there is no database in {settings.home}", "start the platform once: cpaas up"
        )
    async with alone(settings):
        yield


@contextlib.asynccontextmanager
async def alone(settings: Settings) -> AsyncIterator[None]:
    """As `reachable`, and nobody can start the platform meanwhile; refuses where it runs."""
    held = lock.Lock(settings.run)
    held.take()
    try:
        if not settings.embedded:
            await server.wait_ready(settings, seconds_max=CONNECT_SECONDS_MAX)
            yield
            return
        output.step("starting PostgreSQL for this")
        cluster = await asyncio.to_thread(embedded.prepare, settings)
        log = LogFile(settings.logs / f"{POSTGRES}.log", settings.log_max_mb * 1_000_000)
        child = Child(await spawn(cluster.command()), log)
        try:
            await server.wait_ready(
                settings,
                seconds_max=settings.start_seconds,
                still_alive=lambda: child.running,
            )
            yield
        finally:
            await child.stop(STOP_SIGNALS, settings.stop_seconds)
    finally:
        held.release()
