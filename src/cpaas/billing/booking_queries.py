"""SQL of bookings about messages: the ledger first, and wallets only by what the ledger took.

Refunds, captures of calls and adjustments differ in their kind and in what follows from them.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """Money for one attempt of a message; amount_micro above 0 goes back to the account."""

    message_id: bytes
    attempt: int
    account_id: int
    amount_micro: int
    note: str
    actor: str = "platform"


# Each once per message, attempt and kind, however often it is asked for. Wallets are locked in the
# order of accounts before the first is changed.
_BOOK: Final = """
WITH booked AS (
  INSERT INTO ledger_entry (account_id, kind, amount_micro, message_id, attempt, note, actor)
  SELECT g.account_id, '{kind}', g.amount, g.message_id, g.attempt, g.note, g.actor
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
)"""


def book(kind: Literal["REFUND", "CAPTURE", "ADJUST"]) -> str:
    """The beginning of a statement over `columns`; what is booked now stands in `booked`."""
    return _BOOK.format(kind=kind)


def columns(entries: Sequence[Entry]) -> list[list[Any]]:
    """The first six arguments of such a statement."""
    return [
        [e.account_id for e in entries],
        [e.amount_micro for e in entries],
        [e.message_id for e in entries],
        [e.attempt for e in entries],
        [e.note for e in entries],
        [e.actor for e in entries],
    ]


_REFUND: Final = book("REFUND") + " SELECT message_id FROM booked"
_CAPTURE: Final = (
    book("CAPTURE")
    + """ UPDATE message m SET refunded_micro = booked.amount_micro
    FROM booked WHERE m.id = booked.message_id AND m.account_id = booked.account_id"""
)


async def refund(connection: Any, entries: Sequence[Entry]) -> set[bytes]:
    """Book refunds, each at most once per message and attempt; returns the messages booked now."""
    if not entries:
        return set()
    rows = await connection.fetch(_REFUND, *columns(entries))
    return {row[0] for row in rows}


async def capture(connection: Any, entries: Sequence[Entry]) -> None:
    """Book what calls give back of their reservation; 0 when all of it was used."""
    if entries:
        await connection.execute(_CAPTURE, *columns(entries))
