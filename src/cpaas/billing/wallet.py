"""Books money on an account by hand: top-ups, corrections and the credit limit.

Balance and ledger move in one statement, so the ledger sums to the balance at every moment.
"""

import asyncpg

from cpaas.billing import check, queries
from cpaas.kit import money
from cpaas.kit.errors import InputError

NOTE_MAX = 500


async def credit(
    connection: asyncpg.Connection,
    account_id: int,
    amount_micro: int,
    *,
    actor: str,
    note: str = "",
    once: bool = False,
) -> int:
    """Adds money and returns the new balance; with `once` a note is booked only the first time."""
    check.positive(amount_micro)
    if once:
        balance = await queries.lock_wallet(connection, account_id)
        if balance is not None and await queries.was_booked(
            connection, account_id, "CREDIT", _note(note)
        ):
            return balance
    return await _book(connection, account_id, "CREDIT", amount_micro, note=note, actor=actor)


async def debit(
    connection: asyncpg.Connection, account_id: int, amount_micro: int, *, actor: str, note: str
) -> int:
    """Takes money away with a reason, as far as the credit limit goes; returns the new balance."""
    check.positive(amount_micro)
    return await adjust(connection, account_id, -amount_micro, actor=actor, note=note)


async def adjust(
    connection: asyncpg.Connection, account_id: int, amount_micro: int, *, actor: str, note: str
) -> int:
    """Adds or (negative) takes money with a reason; returns the new balance."""
    if not note.strip():
        raise InputError("an adjustment needs a reason", "say why in the note", "note")
    return await _book(connection, account_id, "ADJUST", amount_micro, note=note, actor=actor)


async def set_credit_limit(
    connection: asyncpg.Connection, account_id: int, limit_micro: int
) -> None:
    """How far below 0 the balance may go; above 0 the account is postpaid, at 0 prepaid."""
    if limit_micro < 0:
        raise InputError("a credit limit cannot be negative", "use 0 for prepaid", "limit")
    await queries.set_credit_limit(connection, account_id, limit_micro)


async def set_low_balance(connection: asyncpg.Connection, account_id: int, mark_micro: int) -> None:
    """The balance below which the account gets the event balance.low, once a crossing; 0 = off."""
    if mark_micro < 0:
        raise InputError("the mark cannot be negative", "use 0 to switch it off", "amount")
    await queries.set_low_balance(connection, account_id, mark_micro)


async def _book(
    connection: asyncpg.Connection,
    account_id: int,
    kind: str,
    amount_micro: int,
    *,
    note: str,
    actor: str,
) -> int:
    balance = await queries.book(
        connection, account_id, kind, amount_micro, note=_note(note), actor=actor
    )
    if balance is None:
        raise InputError(
            f"the balance does not allow taking {money.show(-amount_micro)} away"
            if amount_micro < 0
            else "there is no such account",
            "look at the balance and credit limit: cpaas account list",
        )
    return balance


def _note(text: str) -> str:
    trimmed = text.strip()
    if len(trimmed) > NOTE_MAX or "\0" in trimmed:
        raise InputError("the note is too long", f"use at most {NOTE_MAX} characters", "note")
    return trimmed
