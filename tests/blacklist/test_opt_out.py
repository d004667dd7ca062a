"""STOP and START, in the transaction that keeps the reply."""

import asyncpg

from cpaas.blacklist import queries
from cpaas.blacklist.opt_out import opt_in, opt_out
from cpaas.blacklist.types import NewEntry
from cpaas.db.actor import acting

NUMBER = "+919876543210"


async def test_stop_blocks_one_channel_and_start_takes_that_back(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection, acting(connection, "system:inbound"):
        assert await opt_out(connection, 1, "sms", NUMBER, keyword="STOP ALL")
        assert not await opt_out(connection, 1, "sms", "919876543210"), "it is blocked already"
        (one,) = await queries.entries(connection, 1)
        assert (one.number, one.channel, one.source) == (NUMBER, "sms", "opt_out")
        assert "STOP ALL" in one.reason
        assert not await opt_in(connection, 1, "whatsapp", NUMBER)
        assert not await opt_in(connection, 2, "sms", NUMBER)
        assert await opt_in(connection, 1, "sms", NUMBER)
        assert await queries.entries(connection, 1) == []
    rows = await pool.fetch(
        "SELECT actor, action, account_id, after, before FROM audit_log ORDER BY id"
    )
    assert [(row["actor"], row["action"], row["account_id"]) for row in rows] == [
        ("system:inbound", "insert", 1), ("system:inbound", "delete", 1),
    ]  # fmt: skip


async def test_start_leaves_what_the_account_blocked(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        entries = [NewEntry(NUMBER, "sms", "complained")]
        assert await queries.insert(connection, 1, entries, source="manual", created_by="u") == 1
        assert not await opt_out(connection, 1, "sms", NUMBER)
        assert not await opt_in(connection, 1, "sms", NUMBER)
        assert len(await queries.entries(connection, 1)) == 1


async def test_many_at_once_are_one_entry_of_the_audit_log(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        many = [NewEntry(f"+9198{n:08}") for n in range(21)]
        assert await queries.insert(connection, 3, many, source="import", created_by="u") == 21
        assert await queries.insert(connection, 3, many, source="import", created_by="u") == 0
    rows = await pool.fetch("SELECT row_id, account_id, after::text FROM audit_log")
    assert [(row["row_id"], row["account_id"]) for row in rows] == [("", 3)]
    assert '"rows": 21' in rows[0]["after"]
