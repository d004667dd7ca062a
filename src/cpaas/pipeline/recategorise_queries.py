"""SQL of another category's price: the adjustment, and message and figures by what was booked."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas.billing.booking_queries import Entry, book, columns


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
    """What a message costs instead, and the difference as it is booked."""

    entry: Entry
    category: str
    price_micro: int


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


_ADJUST: Final = (
    book("ADJUST")
    + """, figures AS (
  INSERT INTO counter_minute AS c
    (minute, account_id, channel, route_id, country, instance_id, charged_micro)
  SELECT date_trunc('minute', m.created_at), m.account_id, m.channel, 0, m.country, 0,
    -sum(b.amount_micro)
  FROM booked b JOIN message m ON m.id = b.message_id GROUP BY 1, 2, 3, 5
  ON CONFLICT (minute, account_id, channel, route_id, country, instance_id)
    DO UPDATE SET charged_micro = c.charged_micro + excluded.charged_micro
)
UPDATE message m SET price_micro = g.price, category = g.category
FROM unnest($3::uuid[], $7::bigint[], $8::text[]) g(id, price, category)
WHERE m.id = g.id AND m.id = any(SELECT message_id FROM booked)
RETURNING m.id
"""
)


async def adjust(connection: Any, entries: Sequence[Adjusted]) -> set[bytes]:
    """Books adjustments, each at most once per message and attempt; returns those booked now."""
    rows = await connection.fetch(
        _ADJUST,
        *columns([e.entry for e in entries]),
        [e.price_micro for e in entries],
        [e.category for e in entries],
    )
    return {row[0] for row in rows}
