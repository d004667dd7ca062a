"""All SQL about money: wallets, the ledger and prices."""

import asyncpg

from cpaas.billing.types import PriceRow

# --- wallets, as operators book on them -----------------------------------------------------


async def book(
    connection: asyncpg.Connection,
    account_id: int,
    kind: str,
    amount_micro: int,
    *,
    note: str,
    actor: str,
) -> int | None:
    """Moves the balance and writes the ledger in one statement; returns the new balance.

    None when the account has no wallet, or taking money away would pass its credit limit.
    """
    balance: int | None = await connection.fetchval(
        "WITH w AS (UPDATE wallet SET balance_micro = balance_micro + $3 WHERE account_id = $1"
        " AND ($3::bigint >= 0 OR balance_micro + $3 >= -credit_limit_micro)"
        " RETURNING balance_micro),"
        " l AS (INSERT INTO ledger_entry (account_id, kind, amount_micro, note, actor)"
        " SELECT $1, $2, $3, $4, $5 FROM w)"
        " SELECT balance_micro FROM w",
        account_id, kind, amount_micro, note, actor,
    )  # fmt: skip
    return balance


async def lock_wallet(connection: asyncpg.Connection, account_id: int) -> int | None:
    """Locks the wallet until the transaction ends; returns its balance, None if there is none."""
    balance: int | None = await connection.fetchval(
        "SELECT balance_micro FROM wallet WHERE account_id = $1 FOR UPDATE", account_id
    )
    return balance


async def was_booked(connection: asyncpg.Connection, account_id: int, kind: str, note: str) -> bool:
    """Whether the ledger holds an entry of this kind with this note."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM ledger_entry"
            " WHERE account_id = $1 AND kind = $2 AND note = $3)",
            account_id, kind, note,
        )
    )  # fmt: skip


async def set_credit_limit(
    connection: asyncpg.Connection, account_id: int, limit_micro: int
) -> None:
    """How far below 0 the balance may go."""
    await connection.execute(
        "UPDATE wallet SET credit_limit_micro = $2 WHERE account_id = $1", account_id, limit_micro
    )


# --- prices -----------------------------------------------------------------------------------


async def upsert_price(
    connection: asyncpg.Connection,
    account_id: int | None,
    channel: str,
    category: str,
    *,
    prefix: str,
    amount_micro: int,
) -> None:
    """Sets an account's price, or the platform default for `account_id` None."""
    await connection.execute(
        "INSERT INTO price (account_id, channel, category, prefix, amount_micro)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, channel, category, prefix)"
        " DO UPDATE SET amount_micro = excluded.amount_micro"
        " WHERE price.amount_micro <> excluded.amount_micro",
        account_id, channel, category, prefix, amount_micro,
    )  # fmt: skip


async def insert_default_prices(
    connection: asyncpg.Connection, prices: list[tuple[str, str, int]]
) -> None:
    """Lays platform defaults (channel, category, micro-units) that are not there yet."""
    channels, categories, amounts = zip(*prices, strict=True)
    await connection.execute(
        "INSERT INTO price (account_id, channel, category, amount_micro)"
        " SELECT NULL, * FROM unnest($1::text[], $2::text[], $3::bigint[])"
        " ON CONFLICT (account_id, channel, category, prefix) DO NOTHING",
        channels, categories, amounts,
    )  # fmt: skip


async def prices(
    connection: asyncpg.Connection, account_id: int | None, *, most: int = 5000
) -> list[PriceRow]:
    """Prices of an account, or the platform defaults for `account_id` None."""
    rows = await connection.fetch(
        "SELECT coalesce(a.name, '') AS account, p.channel, p.category, p.prefix, p.amount_micro"
        " FROM price p LEFT JOIN account a ON a.id = p.account_id"
        " WHERE p.account_id IS NOT DISTINCT FROM $1"
        " ORDER BY p.channel, p.category, p.prefix LIMIT $2",
        account_id, most,
    )  # fmt: skip
    return [PriceRow(**row) for row in rows]
