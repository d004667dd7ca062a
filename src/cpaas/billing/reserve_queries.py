"""SQL of reservations; the caller's transaction holds the wallet's lock between the steps."""

from typing import Any


async def lock(connection: Any, account_id: int) -> Any:
    """Locks the wallet; (balance, credit limit, low-balance mark), None if there is none."""
    return await connection.fetchrow(
        "SELECT balance_micro, credit_limit_micro, low_balance_micro FROM wallet"
        " WHERE account_id = $1 FOR UPDATE",
        account_id,
    )


async def booked(connection: Any, account_id: int, message_id: Any) -> dict[str, int]:
    """What is booked for a message beside a DEBIT, by kind; an index finds it."""
    rows = await connection.fetch(
        "SELECT kind, sum(amount_micro)::bigint FROM ledger_entry"
        " WHERE message_id = $2 AND account_id = $1 AND kind <> 'DEBIT' GROUP BY kind",
        account_id, message_id,
    )  # fmt: skip
    return {row[0]: row[1] for row in rows}


async def book(
    connection: Any, account_id: int, kind: str, amount_micro: int, message_id: Any, attempt: int,
    *, note: str, actor: str,
) -> None:  # fmt: skip
    """Moves a locked wallet's balance and writes the ledger."""
    await connection.execute(
        "WITH w AS (UPDATE wallet SET balance_micro = balance_micro + $3 WHERE account_id = $1)"
        " INSERT INTO ledger_entry"
        " (account_id, kind, amount_micro, message_id, attempt, note, actor)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        account_id, kind, amount_micro, message_id, attempt, note, actor,
    )  # fmt: skip


async def set_price(connection: Any, account_id: int, message_id: Any, price_micro: int) -> None:
    """The message costs what it used."""
    await connection.execute(
        "UPDATE message SET price_micro = $3 WHERE id = $2 AND account_id = $1",
        account_id, message_id, price_micro,
    )  # fmt: skip
