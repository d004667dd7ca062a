"""The few statements that concern the database as a whole rather than a feature."""

import asyncpg

from cpaas.config import DATABASE_NAME, OWNER_ROLE, PORTAL_ROLE


async def make_owner(superuser: asyncpg.Connection, password: str) -> None:
    """Makes the owner's role (or renews its password) and the database; safe to repeat."""
    # DDL takes no parameters; the password comes from our own generator, quoted all the same.
    quoted = await superuser.fetchval("SELECT quote_literal($1)", password)
    exists = await superuser.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", OWNER_ROLE)
    verb = "ALTER" if exists else "CREATE"
    await superuser.execute(f"{verb} ROLE {OWNER_ROLE} LOGIN CREATEDB CREATEROLE PASSWORD {quoted}")
    if not await superuser.fetchval(
        "SELECT true FROM pg_database WHERE datname = $1", DATABASE_NAME
    ):
        await superuser.execute(f"CREATE DATABASE {DATABASE_NAME} OWNER {OWNER_ROLE}")


async def set_role_password(connection: asyncpg.Connection, role: str, password: str) -> None:
    """Lets a role log in with this password."""
    quoted = await connection.fetchval("SELECT quote_literal($1)", password)
    await connection.execute(f"ALTER ROLE {role} LOGIN PASSWORD {quoted}")


async def portal_login_digest(connection: asyncpg.Connection) -> str:
    """The beginning of the digest of the portal role's password; "" when it never had one."""
    found = await connection.fetchval(
        "SELECT value ->> 'digest' FROM platform_setting WHERE name = 'portal_login'"
    )
    return str(found or "")


async def note_portal_login(connection: asyncpg.Connection, digest: str) -> None:
    """Remembers which password the portal's role has."""
    await connection.execute(
        "INSERT INTO platform_setting AS s (name, value)"
        " VALUES ('portal_login', jsonb_build_object('digest', $1::text))"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()",
        digest,
    )


async def make_partitions(connection: asyncpg.Connection, days_ahead: int) -> None:
    """Makes the daily partitions that are still missing; safe to repeat."""
    await connection.execute("SELECT cpaas_make_partitions($1)", days_ahead)


async def set_actor(connection: asyncpg.Connection, actor: str, address: str, note: str) -> None:
    """Names who acts, for the audit triggers, until the transaction ends."""
    await connection.execute(
        "SELECT set_config('app.actor', $1, true), set_config('app.address', $2, true),"
        " set_config('app.note', $3, true)",
        actor, address, note,
    )  # fmt: skip


async def make_portal_role(connection: asyncpg.Connection) -> None:
    """Makes the portal's role, which policies in a dump name; a start gives it its rights."""
    exists = "SELECT true FROM pg_roles WHERE rolname = $1"
    if not await connection.fetchval(exists, PORTAL_ROLE):
        await connection.execute(f"CREATE ROLE {PORTAL_ROLE} NOLOGIN NOBYPASSRLS")


async def applied_migrations(connection: asyncpg.Connection) -> list[str]:
    """Names of the schema's migrations that were applied, oldest first; empty in a new database."""
    if await connection.fetchval("SELECT to_regclass('django_migrations')") is None:
        return []
    rows = await connection.fetch(
        "SELECT name FROM django_migrations WHERE app = 'schema' ORDER BY name"
    )
    return [row[0] for row in rows]


async def laid_schema(connection: asyncpg.Connection) -> str | None:
    """What `note_laid_schema` noted last, None if the portal's role does not have its rights.

    A dump carries the note into a server that may lack the role and with it all its grants.
    """
    noted: str | None = await connection.fetchval(
        "SELECT obj_description(to_regclass('django_migrations'), 'pg_class') FROM pg_roles"
        " WHERE rolname = $1 AND has_table_privilege(oid, to_regclass('message'), 'SELECT')",
        PORTAL_ROLE,
    )
    return noted


async def note_laid_schema(connection: asyncpg.Connection, fingerprint: str) -> None:
    """Notes with which code's schema the last migration run ended."""
    await connection.execute(f"COMMENT ON TABLE django_migrations IS '{fingerprint}'")


async def server_major(connection: asyncpg.Connection) -> int:
    """The server's major version."""
    return int(await connection.fetchval("SHOW server_version_num")) // 10_000


async def size_bytes(connection: asyncpg.Connection) -> int:
    """What the database takes on the disk."""
    return int(await connection.fetchval("SELECT pg_database_size(current_database())"))


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    """What tells one copy from another: rows, and the sums that must agree."""
    row = await connection.fetchrow(
        """
        SELECT (SELECT count(*) FROM account) AS accounts,
          (SELECT count(*) FROM message) AS messages,
          (SELECT count(*) FROM message WHERE status IN ('SCHEDULED', 'QUEUED', 'SENDING'))
            AS messages_in_flight,
          (SELECT count(*) FROM ledger_entry) AS ledger_entries,
          (SELECT coalesce(sum(amount_micro), 0) FROM ledger_entry) AS ledger_micro,
          (SELECT coalesce(sum(balance_micro), 0) FROM wallet) AS balances_micro,
          (SELECT count(*) FROM queue_item) AS queue_items
        """
    )
    assert row is not None  # noqa: S101 - aggregates always give a row
    return {name: int(value) for name, value in row.items()}


async def has_tables(connection: asyncpg.Connection) -> bool:
    """Whether anything of the platform is in the database."""
    return bool(await connection.fetchval("SELECT to_regclass('account') IS NOT NULL"))


async def analyze(connection: asyncpg.Connection) -> None:
    """Gives the planner the statistics that a dump does not carry."""
    await connection.execute("ANALYZE")
