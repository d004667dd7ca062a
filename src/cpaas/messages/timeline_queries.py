"""SQL of one message's life: the row itself, its events, parts and webhook deliveries.

Each names the account, so that nobody reads another's message, and bounds the ids of what came
later by the message's own.
"""

from typing import Any


async def message(connection: Any, account_id: int, message_id: bytes) -> Any:
    """The row of an account's message; None if it has none of that id."""
    return await connection.fetchrow(
        """SELECT created_at, send_at, routed_at, claimed_at, submitted_at, delivered_at, read_at,
             final_at, status, attempt, origin, actor_id, segments, price_micro, refunded_micro,
             route_id, rule_id, decision, provider_message_id, error_code, error, claimed_by,
             final_by, valid_until, dlt ->> 'warning' AS dlt_warning
           FROM message WHERE id = $2 AND account_id = $1""",
        account_id, message_id,
    )  # fmt: skip


async def events(
    connection: Any, account_id: int, message_id: bytes, lowest: bytes, most: int
) -> list[Any]:
    """What happened off the straight path, oldest first; events have ids from `lowest` on."""
    rows = await connection.fetch(
        """SELECT at, kind, attempt, route_id, actor, text, details::text AS details
           FROM message_event WHERE message_id = $2 AND account_id = $1 AND id >= $3
           ORDER BY id LIMIT $4""",
        account_id, message_id, lowest, most,
    )  # fmt: skip
    return list(rows)


async def parts(connection: Any, account_id: int, message_id: bytes, most: int) -> list[Any]:
    """Parts and earlier attempts, in order."""
    rows = await connection.fetch(
        """SELECT attempt, part_no, route_id, provider_message_id, status, error_code,
             submitted_at, final_at
           FROM message_part WHERE message_id = $2 AND account_id = $1
           ORDER BY attempt, part_no LIMIT $3""",
        account_id, message_id, most,
    )  # fmt: skip
    return list(rows)


async def deliveries(
    connection: Any, account_id: int, message_id: bytes, lowest: bytes, highest: bytes
) -> list[Any]:
    """The webhook deliveries that tell of a message, among an account's ids of that time."""
    rows = await connection.fetch(
        """SELECT id, event_type, status, attempts, last_status, last_error, last_attempt_at,
             created_at
           FROM webhook_delivery
           WHERE account_id = $1 AND id >= $3 AND id <= $4 AND message_id = $2
           ORDER BY id LIMIT 50""",
        account_id, message_id, lowest, highest,
    )  # fmt: skip
    return list(rows)
