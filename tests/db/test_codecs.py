"""What goes into PostgreSQL through the data plane's codecs comes back the same."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from cpaas.db.codecs import set_codecs
from cpaas.kit.ids import new_id


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(dsn)
    await set_codecs(made)
    yield made
    await made.close()


VALUES: list[tuple[str, Any]] = [
    ("uuid", new_id().bytes),
    ("uuid[]", [new_id().bytes, new_id().bytes]),
    ("timestamptz", 1_795_500_000_123_456),
    ("timestamptz", 0),
    ("timestamptz[]", [1, None, 2]),
    ("jsonb", {"a": [1, "ü", None, {"b": True}]}),
    ("jsonb[]", [{"a": 1}, None, {}]),
    ("json", {"a": 1}),
]


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=[kind for kind, _ in VALUES])
async def test_round_trip(connection: asyncpg.Connection, kind: str, value: Any) -> None:
    assert await connection.fetchval(f"SELECT $1::{kind}", value) == value


async def test_values_mean_what_postgresql_means(connection: asyncpg.Connection) -> None:
    row = await connection.fetchrow(
        "SELECT '2026-11-23T05:53:09.000001Z'::timestamptz, "
        " extract(epoch from $1::timestamptz)::int,"
        " '01020304-0506-0708-090a-0b0c0d0e0f10'::uuid, $2::jsonb ->> 'a'",
        1_795_413_189_000_000,
        {"a": "b"},
    )
    assert row is not None
    assert tuple(row) == (
        1_795_413_189_000_001, 1_795_413_189, bytes(range(1, 17)), "b",
    )  # fmt: skip
