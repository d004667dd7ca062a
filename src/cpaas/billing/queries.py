"""All SQL about money: wallets, the ledger and prices."""

from typing import Any

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
    """Moves the balance, writes ledger and audit log in one statement; returns the new balance.

    None when the account has no wallet, or taking money away would pass its credit limit.
    """
    balance: int | None = await connection.fetchval(
        "WITH w AS (UPDATE wallet SET balance_micro = balance_micro + $3 WHERE account_id = $1"
        " AND ($3::bigint >= 0 OR balance_micro + $3 >= -credit_limit_micro)"
        " RETURNING balance_micro),"
        " l AS (INSERT INTO ledger_entry (account_id, kind, amount_micro, note, actor)"
        " SELECT $1, $2, $3, $4, $5 FROM w RETURNING id, amount_micro),"
        " a AS (INSERT INTO audit_log (actor, address, action, table_name, row_id, account_id,"
        " after, note) SELECT $5, coalesce(current_setting('app.address', true), ''), 'insert',"
        " 'ledger_entry', l.id::text, $1, jsonb_build_object('kind', $2::text, 'amount_micro',"
        " l.amount_micro, 'balance_micro', w.balance_micro), $4 FROM l, w)"
        " SELECT balance_micro FROM w",
        account_id, kind, amount_micro, note, actor,
    )  # fmt: skip
    return balance


async def wallet(connection: Any, account_id: int) -> Any:
    """(balance_micro, credit_limit_micro) of the account; None without a wallet."""
    return await connection.fetchrow(
        "SELECT balance_micro, credit_limit_micro FROM wallet WHERE account_id = $1", account_id
    )


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
    """How far below 0 the balance may go; with a limit the account is postpaid."""
    await connection.execute(
        "UPDATE wallet SET credit_limit_micro = $2 WHERE account_id = $1", account_id, limit_micro
    )
    await connection.execute(
        "UPDATE account SET billing_mode = $2 WHERE id = $1 AND billing_mode <> $2",
        account_id, "postpaid" if limit_micro else "prepaid",
    )  # fmt: skip


async def set_low_balance(connection: asyncpg.Connection, account_id: int, mark_micro: int) -> None:
    """The balance below which the account is told; 0 = never."""
    await connection.execute(
        "UPDATE wallet SET low_balance_micro = $2 WHERE account_id = $1", account_id, mark_micro
    )


async def low_balance_mark(connection: asyncpg.Connection, account_id: int) -> int:
    """The balance below which the account is told; 0 = never, also without a wallet."""
    mark: int | None = await connection.fetchval(
        "SELECT low_balance_micro FROM wallet WHERE account_id = $1", account_id
    )
    return mark or 0


# --- prices -----------------------------------------------------------------------------------


async def upsert_price(
    connection: asyncpg.Connection,
    account_id: int | None,
    channel: str,
    category: str,
    *,
    country: str,
    prefix: str,
    amount_micro: int,
) -> None:
    """Sets an account's price, or the platform default for `account_id` None."""
    await connection.execute(
        "INSERT INTO price (account_id, channel, category, country, prefix, amount_micro)"
        " VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (account_id, channel, category, country, prefix)"
        " DO UPDATE SET amount_micro = excluded.amount_micro"
        " WHERE price.amount_micro <> excluded.amount_micro",
        account_id, channel, category, country, prefix, amount_micro,
    )  # fmt: skip


async def delete_price(
    connection: asyncpg.Connection,
    account_id: int | None,
    channel: str,
    category: str,
    *,
    country: str,
    prefix: str,
) -> bool:
    """Deletes a price; False when there is none."""
    status = await connection.execute(
        "DELETE FROM price WHERE account_id IS NOT DISTINCT FROM $1 AND channel = $2"
        " AND category = $3 AND country = $4 AND prefix = $5",
        account_id, channel, category, country, prefix,
    )  # fmt: skip
    return bool(status != "DELETE 0")


async def insert_default_prices(
    connection: asyncpg.Connection, prices: list[tuple[str, str, int]]
) -> None:
    """Lays platform defaults (channel, category, micro-units) that are not there yet."""
    channels, categories, amounts = zip(*prices, strict=True)
    await connection.execute(
        "INSERT INTO price (account_id, channel, category, amount_micro)"
        " SELECT NULL, * FROM unnest($1::text[], $2::text[], $3::bigint[])"
        " ON CONFLICT (account_id, channel, category, country, prefix) DO NOTHING",
        channels, categories, amounts,
    )  # fmt: skip


async def prices(
    connection: asyncpg.Connection, account_id: int | None, *, most: int = 5000
) -> list[PriceRow]:
    """Prices of an account, or the platform defaults for `account_id` None."""
    rows = await connection.fetch(
        "SELECT coalesce(a.name, '') AS account, p.channel, p.category, p.country, p.prefix,"
        " p.amount_micro"
        " FROM price p LEFT JOIN account a ON a.id = p.account_id"
        " WHERE p.account_id IS NOT DISTINCT FROM $1"
        " ORDER BY p.channel, p.category, p.country, p.prefix LIMIT $2",
        account_id, most,
    )  # fmt: skip
    return [PriceRow(**row) for row in rows]
