"""The SQL of commands that belong to no feature: the first start, and looking at messages."""

from uuid import UUID

import asyncpg

BOOTSTRAP_LOCK = 7_311_001


async def lock_bootstrap(connection: asyncpg.Connection) -> None:
    """Waits until no other start prepares this database; held until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", BOOTSTRAP_LOCK)


async def sandbox_account(connection: asyncpg.Connection) -> asyncpg.Record | None:
    """Name, owner and SMPP system id of the sandbox's account."""
    return await connection.fetchrow(
        "SELECT a.id, a.name, coalesce(u.username, '') AS username,"
        " coalesce(c.system_id, '') AS system_id"
        " FROM account a"
        " LEFT JOIN app_user u ON u.account_id = a.id AND u.member_role = 'owner'"
        " LEFT JOIN smpp_credential c ON c.account_id = a.id"
        " WHERE a.is_sandbox ORDER BY a.id, u.id, c.id LIMIT 1"
    )


async def move_sandbox_route(
    connection: asyncpg.Connection, name: str, host: str, port: int
) -> None:
    """Lets the route follow the simulated SMSC, unless the operator pointed it elsewhere."""
    await connection.execute(
        "UPDATE route SET host = $2, port = $3 FROM platform_setting s"
        " WHERE s.name = 'sandbox_smsc' AND route.name = $1 AND (host, port) <> ($2, $3)"
        " AND (host, port) = (s.value ->> 'host', (s.value ->> 'port')::integer)",
        name, host, port,
    )  # fmt: skip
    await note_sandbox_smsc(connection, host, port)


async def sandbox_smsc_known(connection: asyncpg.Connection) -> bool:
    """Whether the sandbox's SMS route was ever made; it may have been deleted since."""
    return bool(
        await connection.fetchval("SELECT 1 FROM platform_setting WHERE name = 'sandbox_smsc'")
    )


async def note_sandbox_smsc(connection: asyncpg.Connection, host: str, port: int) -> None:
    """Remembers where the simulated SMSC listens."""
    await connection.execute(
        "INSERT INTO platform_setting AS s (name, value) VALUES ('sandbox_smsc',"
        " jsonb_build_object('host', $1::text, 'port', $2::integer))"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()"
        " WHERE s.value <> excluded.value",
        host, port,
    )  # fmt: skip


async def move_sandbox_calls(connection: asyncpg.Connection, name: str, url: str) -> None:
    """Lets the route follow the simulated provider of calls, unless it was pointed elsewhere."""
    await connection.execute(
        "UPDATE route SET settings = jsonb_build_object('base_url', $2::text)"
        " FROM platform_setting s WHERE s.name = 'sandbox_calls' AND route.name = $1"
        " AND route.settings = s.value AND s.value <> jsonb_build_object('base_url', $2::text)",
        name, url,
    )  # fmt: skip
    await note_sandbox_calls(connection, url)


async def note_sandbox_calls(connection: asyncpg.Connection, url: str) -> None:
    """Remembers where the simulated provider of calls listens."""
    await connection.execute(
        "INSERT INTO platform_setting AS s (name, value) VALUES ('sandbox_calls',"
        " jsonb_build_object('base_url', $1::text))"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()"
        " WHERE s.value <> excluded.value",
        url,
    )


async def keeps_secrets(connection: asyncpg.Connection) -> bool:
    """Whether something in this database is encrypted with a keyring."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM route WHERE octet_length(secret) > 0)"
            " OR EXISTS (SELECT FROM webhook_endpoint WHERE octet_length(secret) > 0)"
        )
    )


_MESSAGE = """
    SELECT m.*, coalesce(a.name, '') AS account, coalesce(r.name, '') AS route
    FROM message m LEFT JOIN account a ON a.id = m.account_id LEFT JOIN route r ON r.id = m.route_id
"""


async def message(connection: asyncpg.Connection, message_id: UUID) -> asyncpg.Record | None:
    """One message with the names of its account and route."""
    return await connection.fetchrow(_MESSAGE + " WHERE m.id = $1", message_id)


async def messages(
    connection: asyncpg.Connection,
    since: UUID,
    *,
    account_id: int,
    status: str,
    recipient: str,
    most: int,
) -> list[asyncpg.Record]:
    """The newest messages since an id, of an account (0 = any), status, recipient ("" = any)."""
    rows: list[asyncpg.Record] = await connection.fetch(
        _MESSAGE + " WHERE m.id >= $1 AND ($2::bigint = 0 OR m.account_id = $2)"
        " AND ($3 = '' OR m.status = $3) AND ($4 = '' OR m.recipient = $4)"
        " ORDER BY m.id DESC LIMIT $5",
        since, account_id, status, recipient, most,
    )  # fmt: skip
    return rows


async def message_events(
    connection: asyncpg.Connection, message_id: UUID, most: int = 500
) -> list[asyncpg.Record]:
    """What happened to a message off the straight path, in order."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT e.at, e.kind, e.attempt, e.actor, e.text, coalesce(r.name, '') AS route,"
        " coalesce(e.details::text, '') AS details"
        " FROM message_event e LEFT JOIN route r ON r.id = e.route_id"
        " WHERE e.message_id = $1 AND e.id >= $1 ORDER BY e.id LIMIT $2",
        message_id, most,
    )  # fmt: skip
    return rows


async def message_parts(
    connection: asyncpg.Connection, message_id: UUID, most: int = 500
) -> list[asyncpg.Record]:
    """The ids that carriers gave to a message's parts, and (part 0) to its earlier attempts."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT p.attempt, p.part_no, p.status, coalesce(p.provider_message_id, '') AS provider_id,"
        " p.submitted_at, p.final_at, p.error_code, coalesce(r.name, '') AS route"
        " FROM message_part p LEFT JOIN route r ON r.id = p.route_id"
        " WHERE p.message_id = $1 ORDER BY p.attempt, p.part_no LIMIT $2",
        message_id, most,
    )  # fmt: skip
    return rows


async def message_webhooks(
    connection: asyncpg.Connection,
    account_id: int,
    message_id: UUID,
    until: UUID,
    *,
    most: int = 100,
) -> list[asyncpg.Record]:
    """The deliveries of a message's events, in order."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT created_at, last_attempt_at, event_type, url, status, attempts, last_status,"
        " last_error FROM webhook_delivery"
        " WHERE account_id = $1 AND id >= $2 AND id < $3 AND message_id = $2"
        " ORDER BY id LIMIT $4",
        account_id, message_id, until, most,
    )  # fmt: skip
    return rows


_STUCK = """
    m.status = 'QUEUED' AND m.valid_until < now() - interval '5 minutes'
    OR m.status = 'SENDING' AND m.claimed_at < now() - interval '5 minutes'
    OR m.status = 'SUBMITTED' AND m.submitted_at < now() - interval '24 hours'
"""


async def stuck_messages(
    connection: asyncpg.Connection, since: UUID, most: int
) -> list[asyncpg.Record]:
    """Messages since an id that should long have gone on, oldest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        _MESSAGE + f" WHERE m.id >= $1 AND ({_STUCK}) ORDER BY m.id LIMIT $2", since, most
    )
    return rows


async def count_stuck(connection: asyncpg.Connection, since: UUID, most: int) -> dict[str, int]:
    """How many messages since an id are stuck, by status, counting `most` at most."""
    rows = await connection.fetch(
        "SELECT status, count(*) FROM (SELECT m.status FROM message m"
        f" WHERE m.id >= $1 AND ({_STUCK}) LIMIT $2) s GROUP BY 1 ORDER BY 1",
        since, most,
    )  # fmt: skip
    return {row[0]: row[1] for row in rows}


async def limit_statements(connection: asyncpg.Connection, seconds: int) -> None:
    """Ends statements of this transaction that take longer."""
    await connection.execute("SELECT set_config('statement_timeout', $1, true)", f"{seconds}s")


async def live_instances(connection: asyncpg.Connection) -> list[str]:
    """Services that run somewhere: their hearts beat within the last 15 seconds."""
    rows = await connection.fetch(
        """SELECT DISTINCT service || ' on ' || host AS name FROM service_instance
           WHERE stopped_at IS NULL AND heartbeat_at > now() - interval '15 seconds' ORDER BY 1"""
    )
    return [row[0] for row in rows]


async def has_accounts(connection: asyncpg.Connection) -> bool:
    """Whether somebody has worked with this database: an account exists, whatever its state."""
    found: bool = await connection.fetchval("SELECT EXISTS (SELECT FROM account)")
    return found
