"""SQL of a route's test message."""

from typing import Any

from cpaas.messages.envelopes import Outgoing


async def insert_message(
    connection: Any, account_id: int, one: Outgoing, route_id: int, decision: str, lane: str,
    *, channel: str,
) -> None:  # fmt: skip
    """The message's row, accepted and routed at once."""
    await connection.execute(
        "INSERT INTO message (id, account_id, created_at, routed_at, valid_until, route_id,"
        " segments, is_test, channel, lane, status, origin, recipient, sender, body, encoding,"
        " country, decision)"
        " VALUES ($1, $2, $3, $3, $4, $5, $6, true, $14, $7, 'QUEUED', 'operator', $8, $9, $10,"
        " $11, $12, $13)",
        one.id, account_id, one.created_us, one.valid_until_us, route_id, one.segments, lane,
        one.to, one.sender, one.text, one.encoding, one.country, decision,
        channel,
    )  # fmt: skip
