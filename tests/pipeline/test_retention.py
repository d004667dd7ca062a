"""Old days go whole, once nothing in them is open, and nobody is locked out meanwhile."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.pipeline.world import data_plane_pool, snapshot

from cpaas.kit.ids import IdMaker
from cpaas.pipeline import retention_queries as queries
from cpaas.pipeline.retention import DAYS_MIN, days_kept, drop_old_days
from cpaas.pipeline.text_retention import take_out_old_texts
from cpaas.schema.partitioned import PARTITIONED

DAYS = (40, 39, 38)
NOW_US = time.time_ns() // 1000


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Any]:
    async with data_plane_pool(dsn) as made:
        for ago in DAYS:
            for table, key in PARTITIONED.items():
                await made.execute(
                    "SELECT cpaas_make_partition($1, $2, $3::text::date)",
                    table, key, f"{moment(ago):%Y-%m-%d}",
                )  # fmt: skip
        yield made


def moment(days_ago: int) -> datetime:
    return datetime.fromtimestamp(NOW_US / 1_000_000, UTC) - timedelta(days=days_ago)


def day(days_ago: int) -> str:
    return f"{moment(days_ago):%Y%m%d}"


async def message(pool: Any, days_ago: int, status: str = "DELIVERED") -> bytes:
    made = IdMaker(lambda: int(moment(days_ago).timestamp() * 1e9)).make_bytes()
    await pool.execute(
        "INSERT INTO message (id, account_id, valid_until, channel, lane, status, recipient)"
        " VALUES ($1, 1, now(), 'sms', 'otp', $2, '91')",
        made, status,
    )  # fmt: skip
    return made


async def left(pool: Any) -> list[str]:
    async with pool.acquire() as connection:
        return [d for d in await queries.old_days(connection, day(8)) if d >= day(max(DAYS))]


def test_the_tables_are_those_with_a_partition_a_day() -> None:
    assert set(queries.PARENTS) == set(PARTITIONED)


def test_a_week_is_always_kept() -> None:
    for value, days in ((0, 0), (-3, 0), (1, DAYS_MIN), (90, 90), ("x", 0)):
        snap = msgspec.structs.replace(snapshot(), settings={"retention_days": value})
        assert days_kept(snap) == days
    assert days_kept(snapshot()) == 0


async def test_old_days_go_whole_and_are_audited(pool: Any) -> None:
    old, kept = await message(pool, 40), await message(pool, 38)
    assert await drop_old_days(pool, 0, NOW_US) == []
    assert await drop_old_days(pool, 38, NOW_US) == [day(40), day(39)]
    assert await left(pool) == [day(38)]
    rows = await pool.fetch("SELECT id FROM message")
    assert [row[0] for row in rows] == [kept]
    assert old != kept
    acts = await pool.fetch("SELECT actor, action, row_id FROM audit_log WHERE action = 'drop'")
    assert [tuple(act) for act in acts] == [
        ("system", "drop", day(40)), ("system", "drop", day(39)),
    ]  # fmt: skip


async def test_a_day_that_is_not_done_stays_with_all_after_it(pool: Any) -> None:
    await message(pool, 40)
    waiting = await message(pool, 39, "SUBMITTED")
    await message(pool, 38)
    assert await drop_old_days(pool, 20, NOW_US) == [day(40)]
    await pool.execute("UPDATE message SET status = 'EXPIRED' WHERE id = $1", waiting)
    delivery = IdMaker(lambda: int(moment(39).timestamp() * 1e9)).make_bytes()
    await pool.execute(
        "INSERT INTO webhook_delivery (id, account_id, event_type, url, body, status,"
        " next_attempt_at) VALUES ($1, 1, 'x', '', '', 'retrying', now())",
        delivery,
    )
    assert await drop_old_days(pool, 20, NOW_US) == []
    await pool.execute("UPDATE webhook_delivery SET next_attempt_at = NULL")
    assert await drop_old_days(pool, 20, NOW_US) == [day(39), day(38)]


async def test_what_was_cut_short_is_finished(pool: Any) -> None:
    async with pool.acquire() as connection:
        tables = await queries.partitions(connection, day(40))
        # A reader that began before keeps a detaching from its end.
        async with pool.acquire() as reader, reader.transaction(isolation="repeatable_read"):
            await reader.fetch("SELECT FROM message LIMIT 1")
            await connection.execute("SET statement_timeout = '500ms'")
            with pytest.raises(Exception, match="statement timeout"):
                await queries.detach(connection, tables[0])
            await connection.execute("RESET statement_timeout")
        states = {t.name: t.state for t in await queries.partitions(connection, day(40))}
        assert states[tables[0].name] == "pending"
        await queries.detach(connection, tables[1])
    assert await drop_old_days(pool, 39, NOW_US) == [day(40)]
    assert await left(pool) == [day(39), day(38)]


async def test_one_process_at_a_time(pool: Any) -> None:
    async with pool.acquire() as other:
        assert await queries.try_lock(other)
        assert await drop_old_days(pool, 20, NOW_US) == []
        await queries.unlock(other)
    assert len(await drop_old_days(pool, 20, NOW_US)) == 3


async def test_old_texts_are_taken_out_once_and_nothing_else(pool: Any) -> None:
    old, waits, kept = [
        await message(pool, ago, status)
        for ago, status in ((40, "DELIVERED"), (39, "QUEUED"), (38, "DELIVERED"))
    ]
    await pool.execute("UPDATE message SET body = 'hello', content = '{\"a\": 1}'")
    assert await take_out_old_texts(pool, 0, NOW_US) == []
    assert await take_out_old_texts(pool, 37, NOW_US) == [day(40)]
    rows = await pool.fetch("SELECT id, body, content, status FROM message")
    found = {row["id"]: (row["body"], row["content"]) for row in rows}
    assert found[old] == ("", None)
    assert found[waits] == found[kept] == ("hello", {"a": 1})
    await pool.execute("UPDATE message SET status = 'DELIVERED' WHERE id = $1", waits)
    assert await take_out_old_texts(pool, 37, NOW_US) == [day(39), day(38)]
    assert await take_out_old_texts(pool, 37, NOW_US) == []
    assert await pool.fetchval("SELECT count(*) FROM message WHERE body = 'hello'") == 0
    assert await pool.fetchval("SELECT count(*) FROM message") == 3
    assert await pool.fetchval(
        "SELECT count(*) FROM audit_log WHERE action = 'texts taken out'"
    ) == 3  # fmt: skip
