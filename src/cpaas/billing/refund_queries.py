"""SQL of refunds: the ledger entry first, and the wallet only by what the ledger took."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec


class RefundEntry(msgspec.Struct, frozen=True):
    """Money to give back for one message's attempt."""

    message_id: bytes
    attempt: int
    account_id: int
    amount_micro: int
    note: str
    actor: str


# Wallets are locked in the order of accounts before the first is changed.
_REFUND: Final = """
WITH booked AS (
  INSERT INTO ledger_entry (account_id, kind, amount_micro, message_id, attempt, note, actor)
  SELECT g.account_id, 'REFUND', g.amount, g.message_id, g.attempt, g.note, g.actor
  FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::smallint[], $5::text[], $6::text[])
       g(account_id, amount, message_id, attempt, note, actor)
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
SELECT message_id FROM booked
"""


async def refund(connection: Any, entries: Sequence[RefundEntry]) -> set[bytes]:
    """Book refunds, each at most once per message and attempt; returns the messages booked now."""
    if not entries:
        return set()
    rows = await connection.fetch(
        _REFUND,
        [e.account_id for e in entries],
        [e.amount_micro for e in entries],
        [e.message_id for e in entries],
        [e.attempt for e in entries],
        [e.note for e in entries],
        [e.actor for e in entries],
    )
    return {row[0] for row in rows}
