"""SQL of statements and of ranges of the ledger; times go in and out as Unix microseconds.

They are converted here, so that the command line's connections and the data plane's both do.
"""

from typing import Any, Final

from cpaas.billing.types import Statement

#: two transactions' entries may stand in another order than their times, by less than this.
DISORDER_US: Final = 3_600_000_000
_US: Final = "(extract(epoch FROM {}) * 1000000)::bigint"
AT: Final = "timestamptz 'epoch' + {}::bigint * interval '1 microsecond'"
_COLUMNS: Final = (
    f"to_char(month, 'YYYY-MM'), {_US.format('from_at')}, {_US.format('until_at')},"
    " opening_micro, lines::text, closing_micro"
)


async def first_id(connection: Any, at_us: int) -> int:
    """An id that no ledger entry from `at_us` on is below; found by halving the primary key."""
    low, high = 0, int(await connection.fetchval("SELECT coalesce(max(id), 0) FROM ledger_entry"))
    wanted = at_us - DISORDER_US
    while low < high:
        middle = (low + high) // 2
        row = await connection.fetchrow(
            f"SELECT id, {_US.format('created_at')} FROM ledger_entry"
            " WHERE id >= $1 ORDER BY id LIMIT 1",
            middle,
        )
        if row is None or row[1] >= wanted:
            high = middle
        else:
            low = int(row[0]) + 1
    return low


async def first_entry_us(connection: Any, account_id: int) -> int | None:
    """When the account's first entry was booked."""
    found: int | None = await connection.fetchval(
        f"SELECT {_US.format('created_at')} FROM ledger_entry WHERE account_id = $1"
        " ORDER BY id LIMIT 1",
        account_id,
    )
    return found


async def last_closed(connection: Any, account_id: int, month: str) -> Any:
    """The newest closed statement up to a month such as 2026-11; None if there is none.

    Columns: month, from_us, until_us, opening, lines as JSON, closing.
    """
    return await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM account_statement WHERE account_id = $1"
        " AND month <= to_date($2, 'YYYY-MM') ORDER BY month DESC LIMIT 1",
        account_id, month,
    )  # fmt: skip


async def is_over(connection: Any, until_us: int) -> bool:
    """Whether nothing can still be booked before a moment: no writer is as old as that.

    An entry's time is that of its statement, which never lies before its transaction's start.
    """
    return bool(
        await connection.fetchval(
            f"SELECT now() > {AT.format('$1')} AND NOT EXISTS ("
            " SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            f" AND xact_start <= {AT.format('$1')})",
            until_us,
        )
    )


async def keep(connection: Any, account_id: int, statement: Statement, lines: str) -> None:
    """Keeps a closed month; the first one stands."""
    await connection.execute(
        "INSERT INTO account_statement (account_id, month, from_at, until_at, opening_micro,"
        " closing_micro, lines)"
        f" VALUES ($1, to_date($2, 'YYYY-MM'), {AT.format('$3')}, {AT.format('$4')}, $5, $6,"
        " $7::text::jsonb) ON CONFLICT (account_id, month) DO NOTHING",
        account_id, statement.month, statement.from_us, statement.until_us,
        statement.opening_micro, statement.closing_micro, lines,
    )  # fmt: skip


_ENTRY: Final = (
    "SELECT id, kind, amount_micro, message_id, note, actor,"
    f" {_US.format('created_at')} AS created_us FROM ledger_entry"
)


async def entries(
    connection: Any, account_id: int, *, below: int, lowest_id: int, since_us: int | None,
    until_us: int | None, kind: str | None, limit: int,
) -> list[Any]:  # fmt: skip
    """Ledger entries with lowest_id <= id < below, newest first."""
    # Said beside the parameter, so that the index of the rare kinds serves.
    rare = " AND kind <> 'DEBIT'" if kind not in {None, "DEBIT"} else ""
    rows: list[Any] = await connection.fetch(
        f"{_ENTRY} WHERE account_id = $1 AND id >= $2 AND id < $3{rare}"
        f" AND ($4::bigint IS NULL OR created_at >= {AT.format('$4')})"
        f" AND ($5::bigint IS NULL OR created_at < {AT.format('$5')})"
        " AND ($6::text IS NULL OR kind = $6) ORDER BY id DESC LIMIT $7",
        account_id, lowest_id, below, since_us, until_us, kind, limit,
    )  # fmt: skip
    return rows


async def entries_of_message(
    connection: Any, account_id: int, message_id: Any, *, lowest_id: int, below_id: int
) -> list[Any]:
    """A message's entries, newest first; its DEBIT lies between two ids, the rest has an index."""
    rows: list[Any] = await connection.fetch(
        f"{_ENTRY} WHERE message_id = $2 AND kind <> 'DEBIT' AND account_id = $1"
        f" UNION ALL {_ENTRY} WHERE account_id = $1 AND id >= $3 AND id < $4 AND kind = 'DEBIT'"
        " AND message_id = $2 ORDER BY id DESC LIMIT 200",
        account_id, message_id, lowest_id, below_id,
    )  # fmt: skip
    return rows
