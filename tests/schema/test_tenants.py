"""Row-level security as a contract: the portal reaches its own account's rows, nothing else."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from cpaas.inbound.queries import conversation_open
from cpaas.kit.ids import new_id
from cpaas.schema.grants import CUSTOM, SHARED, TENANT

ALL_PRIVILEGES = "SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER"
UNPROTECTED = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
      AND NOT relrowsecurity
      AND has_table_privilege('cpaas_portal', oid, 'SELECT,INSERT,UPDATE,DELETE,TRUNCATE')
"""
NOW = datetime(2026, 11, 27, tzinfo=UTC)
SET_ACCOUNT = "SELECT set_config('app.account_id', $1, true)"


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def accounts(owner: asyncpg.Connection) -> tuple[int, int]:
    """Two accounts with a row each in the tables a portal reads."""
    made = []
    for name in ("ours", "theirs"):
        account = await owner.fetchval("INSERT INTO account (name) VALUES ($1) RETURNING id", name)
        made.append(account)
        await owner.execute("INSERT INTO wallet (account_id) VALUES ($1)", account)
        await owner.execute(
            "INSERT INTO sender (account_id, channel, value) VALUES ($1, 'sms', $2)", account, name
        )
        await owner.execute(
            "INSERT INTO price (account_id, channel, amount_micro) VALUES ($1, 'sms', 1)", account
        )
        await owner.execute(
            "INSERT INTO ledger_entry (account_id, kind, amount_micro) VALUES ($1, 'CREDIT', 1)",
            account,
        )
        await owner.execute(
            "INSERT INTO blacklist_entry (account_id, number) VALUES ($1, '+919876543210')", account
        )
        await owner.execute(
            "INSERT INTO app_user (username, password, role, account_id)"
            " VALUES ($1, '!', 'USER', $2)",
            name, account,
        )  # fmt: skip
        await owner.execute("INSERT INTO billing_details (account_id) VALUES ($1)", account)
        await owner.execute(
            "INSERT INTO top_up_request (account_id, amount_micro) VALUES ($1, 1)", account
        )
        await owner.execute(
            "INSERT INTO team_invitation (account_id, email, member_role, digest, expires_at)"
            " VALUES ($1, 'a@b.example', 'viewer', $2, now() + interval '1 day')",
            account, name.encode(),
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO invoice (account_id, month, number, total_micro, tax_micro, currency,"
            " content) VALUES ($1, '2026-10-01', $2, 1, 0, 'INR', '{}')", account, name,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO message (id, account_id, valid_until, channel, lane, status, recipient)"
            " VALUES ($1, $2, now(), 'sms', 'otp', 'QUEUED', '91')",
            new_id(), account,
        )  # fmt: skip
    await owner.execute("INSERT INTO price (channel, amount_micro) VALUES ('sms', 2)")
    await owner.execute("INSERT INTO blacklist_entry (number) VALUES ('+919876543211')")
    await owner.execute("INSERT INTO app_user (username, password, role) VALUES ('a','!','ADMIN')")
    return made[0], made[1]


@pytest.fixture
async def portal(dsn: str, owner: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """A connection that acts as the portal's role."""
    for _ in range(20):
        try:
            await owner.execute("GRANT cpaas_portal TO CURRENT_USER WITH SET TRUE")
            break
        except asyncpg.InternalServerError:  # Another worker grants the same, cluster-wide.
            await asyncio.sleep(0.05)
    connection = await asyncpg.connect(dsn)
    await connection.execute("SET ROLE cpaas_portal")
    yield connection
    await connection.close()


async def test_every_open_table_without_policy_is_listed(owner: asyncpg.Connection) -> None:
    assert {row[0] for row in await owner.fetch(UNPROTECTED)} == set(SHARED)


async def test_views_do_not_pass_policies_by(owner: asyncpg.Connection) -> None:
    await owner.execute("CREATE VIEW everything AS SELECT * FROM message")
    await owner.execute("GRANT SELECT ON everything TO cpaas_portal")
    assert "everything" in {row[0] for row in await owner.fetch(UNPROTECTED)}


async def test_what_is_not_listed_is_closed(
    owner: asyncpg.Connection, portal: asyncpg.Connection
) -> None:
    tables = await owner.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p', 'v', 'm', 'f')"
    )
    names = {row["relname"] for row in tables}
    listed = set(TENANT) | set(CUSTOM) | set(SHARED)
    assert listed <= names
    assert len(names - listed) > 20  # partitions included
    for name in sorted(names - listed):
        has = await owner.fetchval(
            "SELECT has_table_privilege('cpaas_portal', $1, $2)"
            " OR has_any_column_privilege('cpaas_portal', $1, 'SELECT,INSERT,UPDATE')",
            name, ALL_PRIVILEGES,
        )  # fmt: skip
        assert not has, name
    for name in ("route", "routing_rule", "queue_item", "platform_setting", "django_migrations"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await portal.fetch(f"SELECT 1 FROM {name}")


@pytest.mark.parametrize("account", [None, "", "0"])
async def test_without_an_account_there_are_no_rows(
    accounts: tuple[int, int], portal: asyncpg.Connection, account: str | None
) -> None:
    async with portal.transaction():
        if account is not None:
            await portal.execute(SET_ACCOUNT, account)
        for table in TENANT:
            assert await portal.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_own_rows_only_and_the_setting_ends_with_the_transaction(
    accounts: tuple[int, int], portal: asyncpg.Connection
) -> None:
    ours = accounts[0]
    tables = (
        "wallet", "sender", "ledger_entry", "message", "app_user", "blacklist_entry",
        "billing_details", "top_up_request", "team_invitation", "invoice",
    )  # fmt: skip
    async with portal.transaction():
        await portal.execute(SET_ACCOUNT, str(ours))
        for table in tables:
            rows = await portal.fetch(f"SELECT account_id FROM {table}")
            assert [row["account_id"] for row in rows] == [ours], table
        assert [r["id"] for r in await portal.fetch("SELECT id FROM account")] == [ours]
        prices = await portal.fetch("SELECT account_id FROM price ORDER BY id")
        assert {row["account_id"] for row in prices} == {ours, None}
        audited = await portal.fetch("SELECT DISTINCT account_id FROM audit_log")
        assert [row["account_id"] for row in audited] == [ours]
    assert await portal.fetchval("SELECT count(*) FROM message") == 0


#: what a column without a default holds in a planted row, by the beginning of its type.
VALUES = {
    "integer": 1, "smallint": 1, "boolean": False, "jsonb": "{}", "timestamp": NOW,
    "date": NOW.date(),
}  # fmt: skip


async def plant(owner: asyncpg.Connection, table: str, account: int, number: int) -> None:
    """A row of this account, which need not make sense."""
    columns = await owner.fetch(
        "SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute"
        " WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull"
        " AND NOT atthasdef AND attidentity = '' AND attname <> 'account_id'",
        table,
    )
    names: list[str] = ["account_id"]
    values: list[object] = [account]
    told = {"uuid": new_id(), "bigint": number, "text": f"x{number}", "character": f"x{number}"}
    for name, kind in columns:
        word = kind.split(" ")[0]
        names.append(name)
        values.append(str(number).encode() if kind == "bytea" else (VALUES | told)[word])
    marks = ", ".join(f"${place}" for place in range(1, len(names) + 1))
    await owner.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", *values)


async def test_every_table_is_open_to_its_account_only(
    owner: asyncpg.Connection, portal: asyncpg.Connection
) -> None:
    """Each table of tenants, the newest too, with a row of two accounts."""
    ours, theirs = 71, 72
    # The rows are made up: what else a row needs does not matter here.
    for row in await owner.fetch(
        "SELECT conrelid::regclass AS table, conname FROM pg_constraint"
        " WHERE contype IN ('c', 'f') AND conparentid = 0 AND coninhcount = 0"
        " AND connamespace = 'public'::regnamespace AND conrelid::regclass::text = any($1)",
        list(TENANT),
    ):
        await owner.execute(f'ALTER TABLE {row["table"]} DROP CONSTRAINT "{row["conname"]}"')
    for number, account in enumerate((ours, theirs), 1000):
        for table in TENANT:
            if table != "audit_log":  # Its triggers write it.
                await plant(owner, table, account, number)
    for table, privileges in TENANT.items():
        async with portal.transaction():
            await portal.execute(SET_ACCOUNT, str(ours))
            rows = await portal.fetch(f"SELECT DISTINCT account_id FROM {table}")
            assert [row[0] for row in rows] == [ours], table
            column = re.search(r"UPDATE(?: \((\w+))?", privileges)
            if column:
                name = column[1] or "account_id"
                done = await portal.execute(
                    f"UPDATE {table} SET {name} = {name} WHERE account_id = {theirs}"
                )
                assert done == "UPDATE 0", table
            if "DELETE" in privileges:
                done = await portal.execute(f"DELETE FROM {table} WHERE account_id = {theirs}")
                assert done == "DELETE 0", table
        if "INSERT" in privileges:
            transaction = portal.transaction()
            await transaction.start()
            await portal.execute(SET_ACCOUNT, str(ours))
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await portal.execute(f"INSERT INTO {table} (account_id) VALUES ({theirs})")
            await transaction.rollback()


async def test_another_accounts_rows_cannot_be_written(
    accounts: tuple[int, int], portal: asyncpg.Connection
) -> None:
    ours, theirs = accounts
    attempts = (
        f"INSERT INTO sender (account_id, channel, value) VALUES ({theirs}, 'sms', 'STOLEN')",
        f"INSERT INTO blacklist_entry (account_id, number) VALUES ({theirs}, '+919876543212')",
        "INSERT INTO blacklist_entry (number) VALUES ('+919876543212')",
        f"INSERT INTO api_key (account_id, kind, digest, prefix) VALUES ({theirs},'live','x','x')",
        "INSERT INTO app_user (username, password, role) VALUES ('evil', '!', 'ADMIN')",
        f"INSERT INTO team_invitation (account_id, expires_at) VALUES ({theirs}, now())",
    )
    for sql in attempts:
        transaction = portal.transaction()
        await transaction.start()
        await portal.execute(SET_ACCOUNT, str(ours))
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await portal.execute(sql)
        await transaction.rollback()
    for sql in (
        f"UPDATE sender SET is_default = true WHERE account_id = {theirs}",
        f"DELETE FROM blacklist_entry WHERE account_id = {theirs}",
    ):
        async with portal.transaction():
            await portal.execute(SET_ACCOUNT, str(ours))
            assert (await portal.execute(sql)).endswith(" 0")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE sender SET status = 'APPROVED'",
        "UPDATE sender SET value = 'ANOTHER'",
        "UPDATE sender SET account_id = 2",
        "INSERT INTO sender (account_id, channel, value, status) VALUES ({},'sms','S','APPROVED')",
        "UPDATE smpp_credential SET tps = 1000",
        "UPDATE smpp_credential SET max_binds = 1000",
        "UPDATE smpp_credential SET active = true",
        "UPDATE smpp_credential SET account_id = 2",
        (
            "INSERT INTO smpp_credential (account_id, system_id, password_hash, tps)"
            " VALUES ({}, 's', '!', 1000)"
        ),
        "UPDATE app_user SET role = 'ADMIN', account_id = NULL",
        "UPDATE app_user SET account_id = 2",
        "UPDATE app_user SET username = 'admin'",
        "UPDATE api_key SET account_id = 2",
        "UPDATE api_key SET kind = 'live'",
        "UPDATE api_key SET digest = 'x'",
        "UPDATE webhook_endpoint SET account_id = 2",
    ],
)
async def test_what_the_operator_decides_the_portal_cannot_write(
    accounts: tuple[int, int], portal: asyncpg.Connection, sql: str
) -> None:
    transaction = portal.transaction()
    await transaction.start()
    await portal.execute(SET_ACCOUNT, str(accounts[0]))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        await portal.execute(sql.format(accounts[0]))
    await transaction.rollback()


async def test_what_the_portal_is_there_for(
    accounts: tuple[int, int], portal: asyncpg.Connection
) -> None:
    ours = accounts[0]
    async with portal.transaction():
        await portal.execute(SET_ACCOUNT, str(ours))
        for sql in (
            f"INSERT INTO sender (account_id, channel, value) VALUES ({ours}, 'sms', 'NEW')",
            "UPDATE sender SET is_default = (value = 'NEW')",
            (
                f"INSERT INTO smpp_credential (account_id, system_id, password_hash)"
                f" VALUES ({ours}, 's', '!')"
            ),
            "UPDATE smpp_credential SET password_hash = '?'",
            f"INSERT INTO api_key (account_id, kind, digest, prefix) VALUES ({ours},'live','x','')",
            "UPDATE api_key SET revoked_at = now()",
            "UPDATE app_user SET password = '?', failed_logins = 1, last_login = now()",
            f"INSERT INTO webhook_endpoint (account_id, url, secret) VALUES ({ours}, 'u', 's')",
            "UPDATE webhook_endpoint SET url = 'v', events = '{}', active = false",
        ):
            await portal.execute(sql)
        made = await portal.fetchrow("SELECT status, is_default FROM sender WHERE value = 'NEW'")
        assert tuple(made) == ("PENDING", True)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE wallet SET balance_micro = 1",
        "UPDATE account SET active = true",
        "INSERT INTO ledger_entry (account_id, kind, amount_micro) VALUES (1, 'CREDIT', 1)",
        "DELETE FROM audit_log",
        "UPDATE message SET status = 'DELIVERED'",
        "INSERT INTO price (account_id, channel, amount_micro) VALUES (1, 'sms', 0)",
        "TRUNCATE sender",
        "CREATE TABLE mine (id int)",
        "SET ROLE cpaas",
    ],
)
async def test_what_only_the_owner_may_do(portal: asyncpg.Connection, sql: str) -> None:
    if sql.startswith("SET ROLE"):
        # The test's login is the owner's own; a portal's login is not a member of it.
        assert not await portal.fetchval("SELECT pg_has_role('cpaas_portal', 'cpaas', 'MEMBER')")
        return
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await portal.execute(sql)


async def test_foreign_ids_that_the_portal_writes_are_bound_to_the_account(
    owner: asyncpg.Connection,
) -> None:
    """Foreign-key checks pass policies by: such a key must carry account_id itself."""
    writable = [t for t, p in TENANT.items() if "INSERT" in p or "UPDATE" in p]
    loose = await owner.fetch(
        "SELECT c.conrelid::regclass::text AS table, c.conname FROM pg_constraint c"
        " WHERE c.contype = 'f' AND c.conrelid::regclass::text = any($1) AND NOT EXISTS ("
        "   SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid"
        "   AND a.attnum = any(c.conkey) AND a.attname = 'account_id')",
        writable,
    )
    assert not loose


async def test_a_login_is_found_before_its_account_is_known(
    accounts: tuple[int, int], portal: asyncpg.Connection
) -> None:
    found = await portal.fetch("SELECT account_id FROM cpaas_portal_login('OURS')")
    assert [row[0] for row in found] == [accounts[0]]
    assert not await portal.fetch(
        "SELECT * FROM cpaas_portal_login('a')"
    )  # an admin is nobody here
    async with portal.transaction():
        assert not await portal.fetch("SELECT * FROM app_user")


async def test_a_session_is_open_to_its_cookie_and_its_account(
    accounts: tuple[int, int], owner: asyncpg.Connection, portal: asyncpg.Connection
) -> None:
    for key, account in zip(("mine", "other"), accounts, strict=True):
        await owner.execute(
            "INSERT INTO portal_session (session_key, expire_date, user_id, account_id)"
            " VALUES ($1, now() + interval '1 hour', 1, $2)",
            key, account,
        )  # fmt: skip
    every = "SELECT session_key FROM portal_session"
    async with portal.transaction():
        assert not await portal.fetch(every)
        await portal.execute("SELECT set_config('app.session', 'other', true)")
        assert [row[0] for row in await portal.fetch(every)] == ["other"]
        await portal.execute("SELECT set_config('app.session', '', true)")
        await portal.execute(SET_ACCOUNT, str(accounts[0]))
        assert [row[0] for row in await portal.fetch(every)] == ["mine"]
        assert await portal.execute("DELETE FROM portal_session") == "DELETE 1"


async def test_the_portal_knows_only_its_own_instances(
    owner: asyncpg.Connection, portal: asyncpg.Connection
) -> None:
    await owner.execute("INSERT INTO service_instance (service) VALUES ('cpaas-core')")
    await portal.execute("INSERT INTO service_instance (service) VALUES ('cpaas-portal')")
    found = await portal.fetch("SELECT service FROM service_instance")
    assert [row[0] for row in found] == ["cpaas-portal"]
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await portal.execute("INSERT INTO service_instance (service) VALUES ('cpaas-core')")


async def test_conversations_are_those_of_the_identities_that_one_may_use(
    accounts: tuple[int, int], owner: asyncpg.Connection, portal: asyncpg.Connection
) -> None:
    route = await owner.fetchval(
        "INSERT INTO route (name, channel) VALUES ('wa9', 'whatsapp') RETURNING id"
    )
    for account, value in zip(accounts, ("+15550000001", "+15550000002"), strict=True):
        identity = await owner.fetchval(
            "INSERT INTO identity (channel, value, route_id) VALUES ('whatsapp', $1, $2)"
            " RETURNING id",
            value, route,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO identity_account (identity_id, account_id) VALUES ($1, $2)",
            identity, account,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO conversation (channel, sender, recipient, open_until)"
            " VALUES ('whatsapp', $1, '+919800000001', now() + interval '1 hour')",
            value[1:],
        )  # fmt: skip
    asked = "whatsapp", "+15550000001", "+919800000001"
    assert await conversation_open(portal, *asked) is None
    async with portal.transaction():
        await portal.execute(SET_ACCOUNT, str(accounts[0]))
        assert await conversation_open(portal, *asked)
        theirs = "whatsapp", "+15550000002", "+919800000001"
        assert await conversation_open(portal, *theirs) is None
        assert [r["value"] for r in await portal.fetch("SELECT value FROM identity")] == [asked[1]]
    async with portal.transaction():
        assert not await portal.fetch("SELECT value FROM identity")


async def test_events_of_the_portal_are_audited_for_its_account(
    accounts: tuple[int, int], owner: asyncpg.Connection, portal: asyncpg.Connection
) -> None:
    async with portal.transaction():
        await portal.execute(SET_ACCOUNT, str(accounts[0]))
        await portal.execute("SELECT set_config('app.actor', 'user:ours', true)")
        await portal.execute("SELECT cpaas_audit_event('export', 'message', '', 'today')")
    row = await owner.fetchrow("SELECT actor, action, account_id FROM audit_log WHERE note='today'")
    assert tuple(row) == ("user:ours", "export", accounts[0])
