"""The SQL of commands that belong to no feature: the first start, and looking at messages."""

import asyncpg

BOOTSTRAP_LOCK = 7_311_001


async def lock_bootstrap(connection: asyncpg.Connection) -> None:
    """Waits until no other start prepares this database; held until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", BOOTSTRAP_LOCK)


async def sandbox_account(connection: asyncpg.Connection) -> asyncpg.Record | None:
    """Name, owner and SMPP system id of the sandbox's account."""
    return await connection.fetchrow(
        "SELECT a.name, coalesce(u.username, '') AS username,"
        " coalesce(c.system_id, '') AS system_id"
        " FROM account a"
        " LEFT JOIN app_user u ON u.account_id = a.id AND u.member_role = 'owner'"
        " LEFT JOIN smpp_credential c ON c.account_id = a.id"
        " WHERE a.is_sandbox ORDER BY a.id, u.id, c.id LIMIT 1"
    )


async def move_sandbox_route(
    connection: asyncpg.Connection, name: str, host: str, port: int
) -> None:
    """Follows the simulated SMSC to another port, unless the operator made the route his own."""
    await connection.execute(
        "UPDATE route SET host = $2, port = $3"
        " WHERE name = $1 AND settings ->> 'sandbox' = 'true' AND (host, port) <> ($2, $3)",
        name, host, port,
    )  # fmt: skip


async def keeps_secrets(connection: asyncpg.Connection) -> bool:
    """Whether something in this database is encrypted with a keyring."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM route WHERE octet_length(secret) > 0)"
            " OR EXISTS (SELECT FROM webhook_endpoint WHERE octet_length(secret) > 0)"
        )
    )
