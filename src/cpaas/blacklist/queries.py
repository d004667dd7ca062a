"""All SQL of the blacklist. It is asked for whole batches, so ten million entries cost no more."""

from collections.abc import Sequence
from typing import Any, Final

from cpaas.blacklist.types import Entry, NewEntry

LOOK_UP: Final = """
SELECT number, account_id, channel, source FROM blacklist_entry
WHERE number = ANY ($1::text[]) AND account_id = ANY ($2::bigint[])
"""
_ENTRY: Final = """
SELECT e.id, e.account_id, coalesce(a.name, '') AS account, e.number, e.channel, e.reason,
    e.source, e.created_by, (extract(epoch FROM e.created_at) * 1000000)::bigint AS created_us
FROM blacklist_entry e LEFT JOIN account a ON a.id = e.account_id
"""


async def look_up(connection: Any, numbers: Sequence[str], accounts: Sequence[int]) -> list[Any]:
    """Rows (number, account_id, channel, source) of what may stop messages to these numbers.

    `accounts` must hold 0 for the entries of all accounts.
    """
    rows: list[Any] = await connection.fetch(LOOK_UP, numbers, accounts)
    return rows


async def insert(
    connection: Any, account_id: int, entries: Sequence[NewEntry], *, source: str, created_by: str
) -> int:
    """Blocks numbers for an account (0 = for all); returns how many were not blocked before."""
    return int(
        await connection.fetchval(
            """
            WITH made AS (
                INSERT INTO blacklist_entry
                    (account_id, number, channel, reason, source, created_by)
                SELECT $1, n, c, r, $5, $6
                FROM unnest($2::text[], $3::text[], $4::text[]) AS e (n, c, r)
                ON CONFLICT (number, account_id, channel) DO NOTHING
                RETURNING 1
            ) SELECT count(*) FROM made
            """,
            account_id, [one.number for one in entries], [one.channel for one in entries],
            [one.reason for one in entries], source, created_by,
        )
    )  # fmt: skip


async def delete(
    connection: Any, account_id: int, number: str, *, channel: str | None = None, source: str = ""
) -> int:
    """Unblocks a number on one channel (None = wherever); returns how many entries went.

    source: only entries of that one.
    """
    status: str = await connection.execute(
        "DELETE FROM blacklist_entry WHERE account_id = $1 AND number = $2"
        " AND ($3::text IS NULL OR channel = $3) AND ($4 = '' OR source = $4)",
        account_id, number, channel, source,
    )  # fmt: skip
    return int(status.rsplit(maxsplit=1)[-1])


async def find(connection: Any, account_id: int, number: str, channel: str) -> Entry | None:
    """One entry of an account (0 = of all)."""
    row = await connection.fetchrow(
        _ENTRY + " WHERE e.account_id = $1 AND e.number = $2 AND e.channel = $3",
        account_id, number, channel,
    )  # fmt: skip
    return None if row is None else Entry(**row)


async def entries(
    connection: Any, account_id: int, *, number: str = "", below: int = 2**63 - 1, most: int = 50
) -> list[Entry]:
    """Entries of an account (0 = of all), newest first, from below an id."""
    wanted = " AND e.number = $4" if number else ""
    rows = await connection.fetch(
        _ENTRY + f" WHERE e.account_id = $1 AND e.id < $2{wanted} ORDER BY e.id DESC LIMIT $3",
        account_id, below, most, *([number] if number else []),
    )  # fmt: skip
    return [Entry(**row) for row in rows]


async def stopping(connection: Any, account_id: int, number: str) -> list[Entry]:
    """Everything that may stop an account's messages to a number, the global entries, too."""
    rows = await connection.fetch(
        _ENTRY + " WHERE e.number = $2 AND e.account_id IN (0, $1)"
        " ORDER BY e.account_id, e.channel",
        account_id, number,
    )  # fmt: skip
    return [Entry(**row) for row in rows]


async def prepare_import(connection: Any) -> None:
    """Makes the table that COPY fills, for this transaction."""
    await connection.execute(
        "CREATE TEMPORARY TABLE blacklist_import (number text, channel text, reason text)"
        " ON COMMIT DROP"
    )


async def import_entries(
    connection: Any, account_id: int, entries: Sequence[NewEntry], *, created_by: str
) -> int:
    """Blocks many numbers by COPY, after `prepare_import`; returns how many are new."""
    await connection.copy_records_to_table(
        "blacklist_import", records=[(one.number, one.channel, one.reason) for one in entries]
    )
    status: str = await connection.execute(
        """
        INSERT INTO blacklist_entry (account_id, number, channel, reason, source, created_by)
        SELECT DISTINCT ON (number, channel) $1::bigint, number, channel, reason, 'import', $2
        FROM blacklist_import ORDER BY number, channel
        ON CONFLICT (number, account_id, channel) DO NOTHING
        """,
        account_id, created_by,
    )  # fmt: skip
    await connection.execute("TRUNCATE blacklist_import")
    return int(status.rsplit(maxsplit=1)[-1])
