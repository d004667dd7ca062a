"""What triggers and functions of the database promise, whoever writes."""

import asyncio
import json
import os
import subprocess
import sys

import asyncpg
import pytest

from cpaas.schema.finish import (
    APPEND_ONLY,
    AUDITED,
    AUDITED_REQUESTS,
    CONFIGURATION,
    PARTITION_DAYS_AHEAD,
)
from cpaas.schema.partitioned import PARTITIONED

#: bits of pg_trigger.tgtype
ROW, BEFORE, INSERT, DELETE, UPDATE, TRUNCATE = 1, 2, 4, 8, 16, 32


@pytest.fixture
def dsn(full_dsn: str) -> str:
    """The database exactly as the migrations leave it."""
    return full_dsn


def test_the_migrations_match_the_models(dsn: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run",
         "--settings", "cpaas.schema.settings"],
        env={**os.environ, "CPAAS_DSN": dsn}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


async def test_every_table_has_its_triggers(pool: asyncpg.Pool) -> None:
    rows = await pool.fetch(
        "SELECT tgrelid::regclass::text AS table, tgname, tgtype FROM pg_trigger"
        " WHERE NOT tgisinternal AND tgenabled = 'O'"
    )
    found = {(row["table"], row["tgname"]): row["tgtype"] for row in rows}
    every = INSERT | UPDATE | DELETE
    for table in CONFIGURATION:
        assert found[table, "config_changed"] == every, table
    for table in CONFIGURATION | AUDITED:
        assert found[table, "audit"] == every | ROW, table
    for table in APPEND_ONLY:
        assert found[table, "append_only_row"] == ROW | BEFORE | UPDATE | DELETE
        assert found[table, "append_only_statement"] == BEFORE | TRUNCATE
    for table in AUDITED_REQUESTS:
        assert found[table, "audit"] == INSERT | ROW, table
    assert found["service_state", "service_state_changed"] == every


async def test_a_statement_bumps_the_version_and_tells_once(dsn: str, pool: asyncpg.Pool) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    listener = await asyncpg.connect(dsn)
    await listener.add_listener("config", lambda *a: told.put_nowait(a[3]))
    version = "SELECT version FROM config_version WHERE table_name = 'platform_setting'"
    await pool.execute(
        "INSERT INTO platform_setting (name, value)"
        " SELECT 's' || n, '1' FROM generate_series(1, 50) n"
    )
    before = await pool.fetchval(version)
    await pool.execute("UPDATE platform_setting SET value = '2'")
    assert await pool.fetchval(version) == before + 1
    await pool.execute("DELETE FROM platform_setting")
    assert await pool.fetchval(version) == before + 2
    for _ in range(3):
        assert await asyncio.wait_for(told.get(), 10) == "platform_setting"
    assert told.empty()
    await listener.close()


async def test_tables_of_traffic_bump_no_version(pool: asyncpg.Pool) -> None:
    account = await pool.fetchval("INSERT INTO account (name) VALUES ('a') RETURNING id")
    before = await pool.fetchval("SELECT sum(version) FROM config_version")
    await pool.execute("INSERT INTO wallet (account_id) VALUES ($1)", account)
    await pool.execute("UPDATE wallet SET balance_micro = 5")
    await pool.execute("INSERT INTO queue_item (queue, payload) VALUES ('q', '')")
    await pool.execute("INSERT INTO blacklist_entry (number) VALUES ('+919876543210')")
    assert await pool.fetchval("SELECT sum(version) FROM config_version") == before


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_what_only_grows_cannot_be_edited(pool: asyncpg.Pool, table: str) -> None:
    await pool.execute("INSERT INTO ledger_entry (account_id, kind, amount_micro)"
                       " VALUES (1, 'CREDIT', 1)")  # fmt: skip
    await pool.execute("INSERT INTO service_state (service) VALUES ('x')")
    await pool.execute("INSERT INTO account_statement (account_id, month, from_at, until_at,"
                       " opening_micro, closing_micro, lines)"
                       " VALUES (1, now(), now(), now(), 0, 0, '[]')")  # fmt: skip
    await pool.execute("INSERT INTO invoice (account_id, month, number, total_micro, tax_micro,"
                       " currency, content) VALUES (1, now(), 'n', 1, 0, 'INR', '{}')")  # fmt: skip
    for sql in (f"UPDATE {table} SET account_id = 2", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await pool.execute(sql)
    assert await pool.fetchval(f"SELECT count(*) FROM {table}") > 0


async def test_an_audit_entry_is_sealed_once(pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO service_state (service) VALUES ('x')")
    for sql in ("UPDATE audit_log SET hash = '\\x01', note = 'x'",):
        with pytest.raises(asyncpg.RestrictViolationError):
            await pool.execute(sql)
    await pool.execute("UPDATE audit_log SET hash = '\\x01'")
    for value in ("'\\x02'", "NULL"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await pool.execute(f"UPDATE audit_log SET hash = {value}")


async def test_the_audit_log_holds_no_secret(pool: asyncpg.Pool) -> None:
    account = await pool.fetchval("INSERT INTO account (name) VALUES ('a') RETURNING id")
    secret = b"a-carriers-password"
    marks = (secret.hex(), "a-hash-of-a-password", "another-hash")
    await pool.execute("INSERT INTO route (name, channel, secret) VALUES ('r','sms',$1)", secret)
    await pool.execute("UPDATE route SET secret = $1", b"new " + secret)
    await pool.execute("INSERT INTO smpp_credential (account_id, system_id, password_hash)"
                       " VALUES ($1, 's', $2)", account, marks[1])  # fmt: skip
    await pool.execute("INSERT INTO app_user (username, password, role, account_id)"
                       " VALUES ('u', $2, 'USER', $1)", account, marks[1])  # fmt: skip
    await pool.execute("UPDATE app_user SET password = $1", marks[2])
    await pool.execute("INSERT INTO api_key (account_id, kind, digest, prefix)"
                       " VALUES ($1, 'live', $2, 'live_abcd')", account, secret)  # fmt: skip
    await pool.execute("INSERT INTO webhook_endpoint (account_id, url, secret, previous_secret)"
                       " VALUES ($1, 'u', $2, $2)", account, secret)  # fmt: skip
    rows = await pool.fetch("SELECT table_name, before::text, after::text FROM audit_log")
    assert {row["table_name"] for row in rows} >= {"route", "app_user", "api_key"}
    for row in rows:
        for mark in marks:
            assert mark not in (row["before"] or "") + (row["after"] or ""), row["table_name"]
    changed = await pool.fetchrow(
        "SELECT before, after FROM audit_log WHERE table_name = 'route' AND action = 'update'"
    )
    before, after = json.loads(changed["before"]), json.loads(changed["after"])
    assert set(before) == {"secret"}
    assert before != after  # That it changed is told, to what is not.


async def test_an_update_that_changes_nothing_is_not_audited(pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO service_state (service) VALUES ('x')")
    await pool.execute("UPDATE service_state SET desired = desired")
    assert await pool.fetchval("SELECT count(*) FROM audit_log") == 1


PARTITIONS = """
    SELECT p.relname AS parent, c.relname AS child FROM pg_inherits i
    JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
    WHERE p.relkind = 'p'
"""


async def test_partitions_reach_two_weeks_ahead(pool: asyncpg.Pool) -> None:
    found = {row["child"] for row in await pool.fetch(PARTITIONS)}
    days = await pool.fetch(
        "SELECT to_char((now() AT TIME ZONE 'UTC')::date + n, 'YYYYMMDD')"
        " FROM generate_series(-2, $1) n",
        PARTITION_DAYS_AHEAD,
    )
    assert {f"{table}_{day[0]}" for table in PARTITIONED for day in days} <= found


async def test_partitions_are_kept_alike_whoever_made_them(pool: asyncpg.Pool) -> None:
    """As wanted from the start, and again after an older version had made them otherwise."""
    kept = f"""
        SELECT child, reloptions, (SELECT array_agg(DISTINCT attstattarget::integer)
            FROM pg_attribute WHERE attrelid = child::regclass AND attnum > 0)
        FROM ({PARTITIONS}) p JOIN pg_class ON pg_class.oid = child::regclass
    """
    before = {row[0]: (row[1], row[2]) for row in await pool.fetch(kept)}
    assert all(
        "fillfactor" in options[0] and targets == [20] for options, targets in before.values()
    )
    one = min(child for child in before if child.startswith("message_2"))
    await pool.execute(
        f"ALTER TABLE {one} SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0)"
    )
    await pool.execute(f"ALTER TABLE {one} ALTER COLUMN id SET STATISTICS -1")
    await pool.execute("SELECT cpaas_keep_partitions()")
    after = {row[0]: (row[1], row[2]) for row in await pool.fetch(kept)}
    assert after == before


async def test_partitions_are_made_once_also_by_many_at_once(pool: asyncpg.Pool) -> None:
    assert await pool.fetchval("SELECT cpaas_make_partitions($1)", PARTITION_DAYS_AHEAD) == 0
    ahead = PARTITION_DAYS_AHEAD + 5
    made = await asyncio.gather(
        *(pool.fetchval("SELECT cpaas_make_partitions($1)", ahead) for _ in range(4))
    )
    assert sorted(made) == [0, 0, 0, 5 * len(PARTITIONED)]


async def test_partitions_are_made_beside_writers(pool: asyncpg.Pool) -> None:
    """No writer of today's partition is locked out while coming ones are made."""
    insert = (
        "INSERT INTO message (id, account_id, valid_until, channel, lane, status, recipient)"
        " VALUES (cpaas_uuid_at(now()), 1, now(), 'sms', 'otp', 'QUEUED', '91')"
    )
    async with pool.acquire() as writer:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute(insert)
        made = await asyncio.wait_for(
            pool.fetchval("SELECT cpaas_make_partitions($1)", PARTITION_DAYS_AHEAD + 1), 20
        )
        assert made == len(PARTITIONED)
        await transaction.rollback()
