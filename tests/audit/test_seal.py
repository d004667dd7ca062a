"""The chain holds over concurrent writers and breaks where somebody meddles."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from cpaas.audit.seal import run_sealing, seal, verify, verify_some
from cpaas.audit.types import Checked, Verdict
from cpaas.db.actor import acting


@pytest.fixture
async def connection(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    async with pool.acquire() as one:
        yield one


async def change(connection: asyncpg.Connection, name: str, value: str = "1") -> None:
    await connection.execute(
        "INSERT INTO platform_setting (name, value) VALUES ($1, $2::text::jsonb)", name, value
    )


async def seal_all(connection: asyncpg.Connection) -> int:
    total = 0
    while done := await seal(connection):
        total += done
    return total


async def meddle(connection: asyncpg.Connection, sql: str) -> None:
    async with connection.transaction():
        await connection.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        await connection.execute(sql)
        await connection.execute("ALTER TABLE audit_log ENABLE TRIGGER USER")


async def test_an_untouched_chain_holds(connection: asyncpg.Connection) -> None:
    async with acting(connection, "admin:ann", "203.0.113.7", "why"):
        await change(connection, "a", '{"z": 1, "a": "\u00e9\\n"}')
    assert await seal_all(connection) == 1
    await change(connection, "b")
    found = await verify(connection)
    assert (found.ok, found.sealed, found.unsealed) == (True, 1, 1)
    assert await seal_all(connection) == 1
    assert await seal(connection) == 0
    assert (await verify(connection)).sealed == 2
    row = await connection.fetchrow("SELECT * FROM audit_log ORDER BY id LIMIT 1")
    assert (row["actor"], row["address"], row["note"]) == ("admin:ann", "203.0.113.7", "why")


async def test_a_service_seals_by_itself(pool: asyncpg.Pool) -> None:
    sealing = [asyncio.create_task(run_sealing(pool, every_seconds=0.05)) for _ in range(2)]
    async with pool.acquire() as connection:
        await change(connection, "a")
        async with asyncio.timeout(60):
            while (await verify(connection)).sealed < 1:
                await asyncio.sleep(0.02)
            await change(connection, "b")
            while (await verify(connection)).sealed < 2:
                await asyncio.sleep(0.02)
    for one in sealing:
        one.cancel()
    await asyncio.wait(sealing)


@pytest.mark.parametrize(
    ("sql", "broken"),
    [
        ("UPDATE audit_log SET actor = 'nobody' WHERE id = 2", 2),
        ("UPDATE audit_log SET after = '{}' WHERE id = 1", 1),
        ("DELETE FROM audit_log WHERE id = 2", 3),
        ("UPDATE audit_log SET hash = NULL WHERE id = 2", 3),
    ],
)
async def test_meddling_is_found(connection: asyncpg.Connection, sql: str, broken: int) -> None:
    for name in "abcd":
        await change(connection, name)
    await seal_all(connection)
    await meddle(connection, sql)
    found = await verify(connection)
    assert (found.ok, found.broken_id) == (False, broken)
    assert found.reason


async def test_a_cut_end_shows_in_the_head(connection: asyncpg.Connection) -> None:
    for name in "ab":
        await change(connection, name)
    await seal_all(connection)
    head = (await verify(connection)).head
    assert (await verify(connection, pinned=head)).ok
    await meddle(connection, "DELETE FROM audit_log WHERE id = 2")
    assert (await verify(connection)).ok
    found = await verify(connection, pinned=head)
    assert not found.ok
    assert "gone" in found.reason


async def test_an_open_change_is_waited_for_not_overtaken(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as slow, pool.acquire() as quick, pool.acquire() as sealer:
        transaction = slow.transaction()
        await transaction.start()
        await change(slow, "first id")
        # Another table: changes of one table follow each other anyway, for its version's sake.
        await quick.execute("INSERT INTO service_state (service) VALUES ('second id')")
        assert await seal(sealer) == 0
        await transaction.commit()
        assert await seal(sealer) == 2
        assert (await verify(sealer)).ok


async def test_many_sealers_and_writers_make_one_chain(pool: asyncpg.Pool) -> None:
    async def write(number: int) -> None:
        for step in range(20):
            await change(pool, f"{number}-{step}")

    async def keep_sealing(stop: asyncio.Event) -> None:
        async with pool.acquire() as one:
            while not stop.is_set():
                await seal(one)
                await asyncio.sleep(0)

    stop = asyncio.Event()
    sealers = [asyncio.create_task(keep_sealing(stop)) for _ in range(2)]
    await asyncio.gather(*(write(n) for n in range(3)))
    stop.set()
    await asyncio.gather(*sealers)
    async with pool.acquire() as one:
        await seal_all(one)
        found = await verify(one)
    assert (found.ok, found.sealed, found.unsealed) == (True, 60, 0)


async def test_a_check_in_parts_says_the_same(
    connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cpaas.audit.seal.BATCH", 2)
    monkeypatch.setattr("cpaas.audit.seal.PART_BATCHES", 1)

    async def check() -> tuple[Verdict, int]:
        found: Checked | Verdict = Checked()
        parts = 0
        while isinstance(found, Checked):
            found = await verify_some(connection, found)
            parts += 1
        return found, parts

    for name in "abcde":
        await change(connection, name)
    await seal_all(connection)
    await change(connection, "not sealed yet")
    found, parts = await check()
    assert (found.ok, found.sealed, parts) == (True, 5, 4)
    assert found.head == (await verify(connection)).head
    await meddle(connection, "UPDATE audit_log SET hash = NULL WHERE id = 4")
    found, _ = await check()
    assert (found.ok, found.broken_id) == (False, 4)
