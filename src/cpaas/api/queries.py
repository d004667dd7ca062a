"""SQL of what the API reads; every statement is bound to one account and a range of ids."""

from typing import Any, Final

_COLUMNS: Final = """
  id, status, channel, recipient, sender, body, encoding, segments, price_micro, refunded_micro,
  reference, lane, attempt, created_at, send_at, valid_until, submitted_at, delivered_at, read_at,
  final_at, provider_message_id, error_code, error, campaign_id, parent_id, is_test, fallback
"""


async def message(connection: Any, account_id: int, message_id: bytes) -> Any:
    """One message of the account, or None."""
    return await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM message WHERE id = $2 AND account_id = $1", account_id, message_id
    )


async def messages(  # noqa: PLR0913 - one search, its filters by name
    connection: Any, account_id: int, *, lowest: bytes, below: bytes, is_test: bool,
    recipient: str | None, status: str | None, reference: str | None, limit: int,
) -> list[Any]:  # fmt: skip
    """Messages with lowest <= id < below, newest first."""
    rows: list[Any] = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM message
        WHERE account_id = $1 AND id >= $2 AND id < $3 AND is_test = $4
          AND ($5::text IS NULL OR recipient = $5)
          AND ($6::text IS NULL OR status = $6)
          AND ($7::text IS NULL OR reference = $7)
        ORDER BY id DESC LIMIT $8
        """,
        account_id, lowest, below, is_test, recipient, status, reference, limit,
    )  # fmt: skip
    return rows


async def answers(connection: Any) -> bool:
    """Whether the database answers."""
    return bool(await connection.fetchval("SELECT true"))
