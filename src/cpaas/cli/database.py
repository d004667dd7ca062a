"""A connection for one command, with an error that says what to do when there is none."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg

from cpaas.cli.output import CliError
from cpaas.config import Settings


@contextlib.asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection to the database of these settings."""
    try:
        connection = await asyncpg.connect(settings.dsn(), timeout=5, command_timeout=30)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        todo = "start it with `cpaas up`" if settings.embedded else "check CPAAS_DSN"
        raise CliError(f"the database does not answer: {error}", todo) from error
    try:
        yield connection
    finally:
        await connection.close()
