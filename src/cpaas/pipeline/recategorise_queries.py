"""SQL of adjustments: the ledger first, and wallet, message and figures by what the ledger took."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec


class Charged(msgspec.Struct, frozen=True):
    """What a message was charged as."""

    id: bytes
    account_id: int
    attempt: int
    channel: str
    recipient: str
    country: str
    segments: int
    category: str
    price_micro: int
    refunded_micro: int


class Adjusted(msgspec.Struct, frozen=True):
    """What a message costs instead; back_micro below 0 = it costs more."""

    message_id: bytes
    account_id: int
    attempt: int
    category: str
    price_micro: int
    back_micro: int
    note: str


async def charged(connection: Any, ids: Sequence[bytes]) -> list[Charged]:
    """Messages that were paid for under some category; `ids` in order."""
    rows = await connection.fetch(
        """SELECT id, account_id, attempt, channel, recipient, country, segments, category,
             price_micro, refunded_micro
           FROM message WHERE id = any($1::uuid[]) AND id >= $2 AND id <= $3
             AND category <> '' AND NOT is_test ORDER BY id FOR UPDATE""",
        ids, ids[0], ids[-1],
    )  # fmt: skip
    return [Charged(*row) for row in rows]


_ADJUST: Final = """
WITH booked AS (
  INSERT INTO ledger_entry (account_id, kind, amount_micro, message_id, attempt, note, actor)
  SELECT g.account_id, 'ADJUST', g.back, g.message_id, g.attempt, g.note, 'carrier'
  FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::smallint[], $5::text[])
       g(account_id, back, message_id, attempt, note)
  ON CONFLICT (message_id, attempt, kind) WHERE message_id IS NOT NULL AND NOT kind = 'DEBIT'
  DO NOTHING
  RETURNING account_id, amount_micro, message_id
), total AS (
  SELECT account_id, sum(amount_micro)::bigint AS amount FROM booked GROUP BY account_id
), locked AS MATERIALIZED (
  SELECT w.account_id FROM wallet w
  WHERE w.account_id = any(SELECT account_id FROM total) ORDER BY w.account_id FOR UPDATE
), paid AS (
  UPDATE wallet w SET balance_micro = w.balance_micro + total.amount
  FROM total JOIN locked USING (account_id) WHERE w.account_id = total.account_id
), figures AS (
  INSERT INTO counter_minute AS c
    (minute, account_id, channel, route_id, country, instance_id, charged_micro)
  SELECT date_trunc('minute', m.created_at), m.account_id, m.channel, 0, m.country, 0,
    -sum(b.amount_micro)
  FROM booked b JOIN message m ON m.id = b.message_id GROUP BY 1, 2, 3, 5
  ON CONFLICT (minute, account_id, channel, route_id, country, instance_id)
    DO UPDATE SET charged_micro = c.charged_micro + excluded.charged_micro
)
UPDATE message m SET price_micro = g.price, category = g.category
FROM unnest($3::uuid[], $6::bigint[], $7::text[]) g(id, price, category)
WHERE m.id = g.id AND m.id = any(SELECT message_id FROM booked)
RETURNING m.id
"""


async def adjust(connection: Any, entries: Sequence[Adjusted]) -> set[bytes]:
    """Books adjustments, each at most once per message and attempt; returns those booked now."""
    rows = await connection.fetch(
        _ADJUST,
        [e.account_id for e in entries],
        [e.back_micro for e in entries],
        [e.message_id for e in entries],
        [e.attempt for e in entries],
        [e.note for e in entries],
        [e.price_micro for e in entries],
        [e.category for e in entries],
    )
    return {row[0] for row in rows}
