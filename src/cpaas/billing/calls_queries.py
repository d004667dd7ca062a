"""SQL of answered calls: the ledger entry first, and wallet and message by what the ledger took."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec


class Captured(msgspec.Struct, frozen=True):
    """What one call gives back of its reservation; 0 when all of it was used."""

    message_id: bytes
    attempt: int
    account_id: int
    back_micro: int
    note: str


# Wallets are locked in the order of accounts before the first is changed.
_CAPTURE: Final = """
WITH booked AS (
  INSERT INTO ledger_entry (account_id, kind, amount_micro, message_id, attempt, note, actor)
  SELECT g.account_id, 'CAPTURE', g.back, g.message_id, g.attempt, g.note, 'platform'
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
)
UPDATE message m SET refunded_micro = booked.amount_micro
FROM booked WHERE m.id = booked.message_id AND m.account_id = booked.account_id
"""


async def capture(connection: Any, entries: Sequence[Captured]) -> None:
    """Book what calls have used, each at most once per message and attempt."""
    if entries:
        await connection.execute(
            _CAPTURE,
            [e.account_id for e in entries],
            [e.back_micro for e in entries],
            [e.message_id for e in entries],
            [e.attempt for e in entries],
            [e.note for e in entries],
        )
