"""The few statements that concern the database as a whole rather than a feature."""

import asyncpg

from cpaas.config import DATABASE_NAME, OWNER_ROLE


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
