"""SQL of what an account sees and sets: its endpoint, its deliveries and their attempts.

The account id is an argument of every statement; ids travel as raw bytes and times as Unix
microseconds, whatever codecs a connection has.
"""

from typing import Any

from cpaas.webhooks.queries import lowest_id

_UUID = "encode({}, 'hex')::uuid"
_US = "(extract(epoch FROM {0}) * 1000000)::bigint AS {0}"


async def endpoint(connection: Any, account_id: int, *, lock: bool = False) -> Any:
    """The account's endpoint row, or None."""
    return await connection.fetchrow(
        f"""
        SELECT url, events, secret, previous_secret, active, disabled_reason,
            {_US.format("previous_until")}, {_US.format("created_at")}
        FROM webhook_endpoint WHERE account_id = $1 {"FOR UPDATE" if lock else ""}
        """,
        account_id,
    )


async def insert_endpoint(
    connection: Any, account_id: int, url: str, events: list[str], secret: bytes
) -> bool:
    """Makes the endpoint; False when there is one already."""
    made = await connection.fetchval(
        """
        INSERT INTO webhook_endpoint (account_id, url, events, secret, active, disabled_reason)
        VALUES ($1, $2, $3, $4, $2 <> '', CASE $2 WHEN '' THEN 'no URL is set' ELSE '' END)
        ON CONFLICT (account_id) DO NOTHING RETURNING true
        """,
        account_id, url, events, secret,
    )  # fmt: skip
    return made is True


async def update_endpoint(connection: Any, account_id: int, url: str, events: list[str]) -> None:
    """Sets URL and events; a URL switches the endpoint on, none switches it off."""
    await connection.execute(
        """
        UPDATE webhook_endpoint SET url = $2, events = $3, active = $2 <> '',
            disabled_reason = CASE $2 WHEN '' THEN 'no URL is set' ELSE '' END
        WHERE account_id = $1
        """,
        account_id, url, events,
    )  # fmt: skip


async def rotate_secret(connection: Any, account_id: int, secret: bytes, hours: int) -> None:
    """Sets a new secret; the one before stays valid for some hours."""
    await connection.execute(
        """
        UPDATE webhook_endpoint SET previous_secret = secret, secret = $2,
            previous_until = now() + $3 * interval '1 hour'
        WHERE account_id = $1
        """,
        account_id, secret, hours,
    )  # fmt: skip


_DELIVERY = f"""
    uuid_send(id) AS id, uuid_send(message_id) AS message_id, event_type, url, status, attempts,
    last_status, last_error, last_duration_ms, {_US.format("last_attempt_at")},
    {_US.format("next_attempt_at")}, {_US.format("created_at")}
"""


async def deliveries(
    connection: Any, account_id: int, before: bytes, oldest: bytes, limit: int, status: str
) -> list[Any]:
    """Deliveries below the id `before`, newest first; `status` "" = all."""
    rows: list[Any] = await connection.fetch(
        f"""
        SELECT {_DELIVERY} FROM webhook_delivery
        WHERE account_id = $1 AND id < {_UUID.format("$2::bytea")}
        AND id >= {_UUID.format("$3::bytea")} AND ($5 = '' OR status = $5)
        ORDER BY account_id, id DESC LIMIT $4
        """,
        account_id, before, oldest, limit, status,
    )  # fmt: skip
    return rows


async def delivery(connection: Any, account_id: int, delivery_id: bytes) -> Any:
    """One delivery with its body, or None."""
    return await connection.fetchrow(
        f"""
        SELECT {_DELIVERY}, body FROM webhook_delivery
        WHERE id = {_UUID.format("$2::bytea")} AND account_id = $1
        """,
        account_id, delivery_id,
    )  # fmt: skip


async def message_deliveries(
    connection: Any, account_id: int, message_id: bytes, limit: int
) -> list[Any]:
    """The deliveries of one message, oldest first; none is older than the message."""
    rows: list[Any] = await connection.fetch(
        f"""
        SELECT {_DELIVERY} FROM webhook_delivery
        WHERE account_id = $1 AND message_id = {_UUID.format("$2::bytea")}
        AND id >= {_UUID.format("$3::bytea")} ORDER BY id LIMIT $4
        """,
        account_id, message_id, message_id[:6] + bytes(10), limit,
    )  # fmt: skip
    return rows


async def attempts(connection: Any, account_id: int, delivery_id: bytes, limit: int) -> list[Any]:
    """Attempts that have a row of their own, oldest first."""
    rows: list[Any] = await connection.fetch(
        f"""
        SELECT {_US.format("at")}, status, error, duration_ms, replay FROM webhook_attempt
        WHERE delivery_id = {_UUID.format("$2::bytea")} AND account_id = $1
        AND id >= {_UUID.format("$3::bytea")} ORDER BY delivery_id, id LIMIT $4
        """,
        account_id, delivery_id, delivery_id[:6] + bytes(10), limit,
    )  # fmt: skip
    return rows


async def replay(connection: Any, account_id: int, delivery_id: bytes, oldest_us: int) -> bool:
    """Makes a delivery due now; False when the account has none so young."""
    found = await connection.fetchval(
        f"""
        UPDATE webhook_delivery SET next_attempt_at = now()
        WHERE id = {_UUID.format("$2::bytea")} AND id >= {_UUID.format("$3::bytea")}
        AND account_id = $1 RETURNING true
        """,
        account_id, delivery_id, lowest_id(oldest_us),
    )  # fmt: skip
    return found is True
