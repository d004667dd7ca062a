"""What counts as the database being away, and what lies in the data."""

import asyncpg
import pytest

from cpaas.db.pool import create_pool
from cpaas.db.trouble import AWAY, is_passing


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("unexpected connection_lost() call"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.AdminShutdownError("terminating connection due to administrator command"),
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
    ],
)
def test_waiting_helps(error: Exception) -> None:
    assert is_passing(error)
    assert isinstance(error, AWAY)


@pytest.mark.parametrize(
    "error", [KeyError("x"), ValueError("x"), asyncpg.UniqueViolationError("x")]
)
def test_waiting_does_not_help(error: Exception) -> None:
    assert not is_passing(error)


async def test_a_value_that_cannot_be_encoded_lies_in_the_data(dsn: str) -> None:
    pool = await create_pool(dsn, min_size=1, max_size=1, application_name="t")
    with pytest.raises(asyncpg.DataError) as raised:
        await pool.fetchval("SELECT $1::int", 2**40)
    assert not is_passing(raised.value)
    await pool.close()
