"""Waits for PostgreSQL, embedded or not, until the owner can log in.

Apart from the launcher, because an external server needs the same wait and the same errors.
"""

import asyncio
import time
from collections.abc import Callable

import asyncpg

from cpaas.config import Settings
from cpaas.db import embedded, queries
from cpaas.db.binaries import DatabaseError

RETRY_SECONDS = 0.05
_NOT_YET = (OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError, TimeoutError)
_NO_OWNER = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


async def wait_ready(
    settings: Settings,
    *,
    seconds_max: float,
    still_alive: Callable[[], bool] = lambda: True,
) -> None:
    """Returns when the owner can log in; makes its role and database on the embedded server."""
    deadline = time.monotonic() + seconds_max
    made_owner = False
    while True:
        try:
            await (await asyncpg.connect(settings.dsn(), timeout=5)).close()
            return
        except _NO_OWNER as error:
            if not settings.embedded or made_owner:
                raise _refused(settings, error) from error
            await _make_owner(settings)
            made_owner = True
            continue
        except _NOT_YET as error:
            if not still_alive() or time.monotonic() > deadline:
                raise _unreachable(settings, error) from error
        await asyncio.sleep(RETRY_SECONDS)


async def _make_owner(settings: Settings) -> None:
    password = settings.postgres_password_file.read_text().strip()
    try:
        connection = await asyncpg.connect(embedded.superuser_dsn(settings), timeout=5)
    except asyncpg.PostgresError as error:
        raise DatabaseError(
            f"the embedded database refuses its own superuser: {error}",
            f"is another PostgreSQL on port {settings.postgres_port}? Set CPAAS_POSTGRES_PORT; "
            "else put the password files of this home back",
        ) from error
    try:
        await queries.make_owner(connection, password)
    finally:
        await connection.close()


def _refused(settings: Settings, error: Exception) -> DatabaseError:
    where = "CPAAS_DSN" if not settings.embedded else "the embedded database"
    return DatabaseError(f"{where} refuses the login: {error}", "check user, password and database")


def _unreachable(settings: Settings, error: Exception) -> DatabaseError:
    if settings.embedded:
        log = settings.logs / "postgres.log"
        return DatabaseError(
            f"PostgreSQL did not start on port {settings.postgres_port}", f"see {log}"
        )
    return DatabaseError(
        f"the database of CPAAS_DSN does not answer: {error}",
        "check host and port, and that the server runs",
    )
