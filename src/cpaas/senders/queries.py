"""All SQL about sender ids."""

import asyncpg

from cpaas.senders.types import SenderRow

_ROW = """
    SELECT s.id, a.name AS account, s.account_id, s.channel, s.value, s.status, s.is_default,
           s.pe_id, s.reason
    FROM sender s JOIN account a ON a.id = s.account_id
"""


async def insert_sender(
    connection: asyncpg.Connection, account_id: int, channel: str, value: str, *, pe_id: str
) -> int:
    """A sender awaiting approval; returns its id. UniqueViolationError when it is there."""
    return int(
        await connection.fetchval(
            "INSERT INTO sender (account_id, channel, value, pe_id) VALUES ($1, $2, $3, $4)"
            " RETURNING id",
            account_id, channel, value, pe_id,
        )
    )  # fmt: skip


async def find_sender(
    connection: asyncpg.Connection, account_id: int, channel: str, value: str
) -> SenderRow | None:
    """An account's sender."""
    row = await connection.fetchrow(
        _ROW + " WHERE s.account_id = $1 AND s.channel = $2 AND s.value = $3",
        account_id, channel, value,
    )  # fmt: skip
    return None if row is None else SenderRow(**row)


async def set_status(
    connection: asyncpg.Connection, account_id: int, sender_id: int, status: str, reason: str
) -> None:
    """Approves or rejects; a sender that may not be used cannot stay the default."""
    await connection.execute(
        "UPDATE sender SET status = $3, reason = $4, is_default = is_default AND $3 = 'APPROVED'"
        " WHERE account_id = $1 AND id = $2",
        account_id, sender_id, status, reason,
    )  # fmt: skip


async def set_pe_id(
    connection: asyncpg.Connection, account_id: int, sender_id: int, pe_id: str
) -> None:
    """Sets the PE ID of a sender."""
    await connection.execute(
        "UPDATE sender SET pe_id = $3 WHERE account_id = $1 AND id = $2",
        account_id, sender_id, pe_id,
    )  # fmt: skip


async def delete_sender(connection: asyncpg.Connection, account_id: int, sender_id: int) -> None:
    """Deletes a sender of an account."""
    await connection.execute(
        "DELETE FROM sender WHERE account_id = $1 AND id = $2", account_id, sender_id
    )


async def set_default(
    connection: asyncpg.Connection, account_id: int, channel: str, sender_id: int
) -> None:
    """Makes one sender the account's default of the channel, in place of another."""
    await connection.execute(
        "UPDATE sender SET is_default = false"
        " WHERE account_id = $1 AND channel = $2 AND is_default AND id <> $3",
        account_id, channel, sender_id,
    )  # fmt: skip
    await connection.execute(
        "UPDATE sender SET is_default = true WHERE account_id = $1 AND id = $2 AND NOT is_default",
        account_id, sender_id,
    )  # fmt: skip


async def senders(
    connection: asyncpg.Connection, *, account_id: int = 0, status: str = "", most: int = 1000
) -> list[SenderRow]:
    """Senders of one account (0 = of all) in one status ("" = any), pending ones first."""
    rows = await connection.fetch(
        _ROW + " WHERE ($1::bigint = 0 OR s.account_id = $1) AND ($2 = '' OR s.status = $2)"
        " ORDER BY s.status <> 'PENDING', a.name, s.channel, s.value LIMIT $3",
        account_id, status, most,
    )  # fmt: skip
    return [SenderRow(**row) for row in rows]


async def matching(
    connection: asyncpg.Connection, text: str, *, status: str = "", after: int = 0,
    most: int = 100,
) -> list[SenderRow]:  # fmt: skip
    """Senders of all accounts whose value or account begins so, pending ones first.

    `after`: the id of the page's last sender. One that was decided since stands further behind.
    """
    rows = await connection.fetch(
        _ROW + " LEFT JOIN (sender p JOIN account pa ON pa.id = p.account_id) ON p.id = $3"
        " WHERE ($1 = '' OR starts_with(lower(s.value), lower($1))"
        " OR starts_with(lower(a.name), lower($1))) AND ($2 = '' OR s.status = $2)"
        " AND (p.id IS NULL OR (s.status <> 'PENDING', a.name, s.channel, s.value)"
        " > (p.status <> 'PENDING', pa.name, p.channel, p.value))"
        " ORDER BY s.status <> 'PENDING', a.name, s.channel, s.value LIMIT $4",
        text, status, after, most,
    )  # fmt: skip
    return [SenderRow(**row) for row in rows]


async def by_id(connection: asyncpg.Connection, sender_id: int) -> SenderRow | None:
    """A sender of whichever account, for the operator."""
    row = await connection.fetchrow(_ROW + " WHERE s.id = $1", sender_id)
    return None if row is None else SenderRow(**row)
