"""Connections of the pool: time stamps, session settings, and what is undone on release."""

import datetime as dt
from collections.abc import AsyncIterator

import asyncpg
import pytest

from cpaas.db.pool import create_pool

MICROS = 1_790_000_000_123_456


@pytest.fixture
async def micros_pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await create_pool(
        dsn,
        min_size=1,
        max_size=2,
        application_name="tests",
        data_plane=True,
    )
    yield pool
    await pool.close()


async def test_timestamps_are_datetimes_by_default(pool: asyncpg.Pool) -> None:
    assert isinstance(await pool.fetchval("SELECT now()"), dt.datetime)
    assert await pool.fetchval("SHOW jit") == "off"
    assert await pool.fetchval("SHOW application_name") == "tests"


async def test_timestamps_as_micros_in_both_directions(micros_pool: asyncpg.Pool) -> None:
    assert await micros_pool.fetchval("SELECT $1::timestamptz", MICROS) == MICROS
    text = await micros_pool.fetchval("SELECT ($1::timestamptz AT TIME ZONE 'UTC')::text", MICROS)
    expected = dt.datetime.fromtimestamp(MICROS / 1e6, tz=dt.UTC)
    assert text[:19] == expected.strftime("%Y-%m-%d %H:%M:%S")


async def test_timestamps_as_micros_in_arrays(micros_pool: asyncpg.Pool) -> None:
    times = [MICROS, None, MICROS + 1]
    rows = await micros_pool.fetch("SELECT t FROM unnest($1::timestamptz[]) t", times)
    assert [row["t"] for row in rows] == times


async def test_open_transaction_does_not_reach_the_next_user(dsn: str) -> None:
    pool = await create_pool(dsn, min_size=1, max_size=1, application_name="tests")
    async with pool.acquire() as connection:
        await connection.execute("CREATE TABLE kept (n int)")
        await connection.execute("BEGIN; INSERT INTO kept VALUES (1)")
        connection._con._loop.set_exception_handler(lambda loop, context: None)
    assert await pool.fetchval("SELECT count(*) FROM kept") == 0
    await pool.close()
