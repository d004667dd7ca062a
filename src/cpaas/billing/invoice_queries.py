"""SQL of invoices, billing details and a month's usage."""

from typing import Any, Final

import msgspec

from cpaas.billing.invoice_types import InvoiceContent, InvoiceRow, PaperLine, Party

_US: Final = "(extract(epoch FROM {}) * 1000000)::bigint"
_ROW: Final = (
    "id, account_id, number, to_char(month, 'YYYY-MM') AS month, currency, total_micro, tax_micro,"
    f" {_US.format('issued_at')} AS issued_us"
)


async def setting(connection: Any, name: str) -> str | None:
    """A platform setting as JSON; None when it was never set."""
    found: str | None = await connection.fetchval(
        "SELECT value::text FROM platform_setting WHERE name = $1", name
    )
    return found


async def put_setting(connection: Any, name: str, value: str) -> None:
    """Sets a platform setting to this JSON."""
    await connection.execute(
        "INSERT INTO platform_setting (name, value) VALUES ($1, $2::text::jsonb)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()",
        name, value,
    )  # fmt: skip


async def details(connection: Any, account_id: int) -> Party:
    """What the account's invoices say about the buyer."""
    row = await connection.fetchrow(
        "SELECT legal_name, address, country, tax_id FROM billing_details WHERE account_id = $1",
        account_id,
    )
    return Party() if row is None else Party(*row)


async def put_details(connection: Any, account_id: int, party: Party) -> None:
    """Sets them."""
    await connection.execute(
        "INSERT INTO billing_details (account_id, legal_name, address, country, tax_id)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id) DO UPDATE SET"
        " legal_name = excluded.legal_name, address = excluded.address,"
        " country = excluded.country, tax_id = excluded.tax_id, changed_at = now()",
        account_id, party.legal_name, party.address, party.country, party.tax_id,
    )  # fmt: skip


async def usage(
    connection: Any, account_id: int, month: str, *, from_us: int, until_us: int
) -> list[PaperLine]:
    """Charged messages of a month by channel and country, from the counters.

    Counters of the last minutes are folded into days later; both are read by one statement.
    """
    at = "timestamptz 'epoch' + {}::bigint * interval '1 microsecond'"
    rows = await connection.fetch(
        "SELECT channel, country, sum(accepted)::bigint, sum(segments)::bigint,"
        " sum(charged_micro)::bigint FROM (SELECT channel, country, accepted, segments,"
        " charged_micro FROM counter_day WHERE account_id = $1"
        " AND day >= to_date($2, 'YYYY-MM')"
        " AND day < (to_date($2, 'YYYY-MM') + interval '1 month')::date"
        " UNION ALL SELECT channel, country, accepted, segments, charged_micro FROM counter_minute"
        f" WHERE account_id = $1 AND minute >= {at.format('$3')} AND minute < {at.format('$4')}) c"
        " GROUP BY channel, country HAVING sum(charged_micro) <> 0 ORDER BY channel, country"
        " LIMIT 2000",
        account_id, month, from_us, until_us,
    )  # fmt: skip
    return [
        PaperLine(
            channel, country, messages, units,
            charged // units if units and charged % units == 0 else None, charged,
        )
        for channel, country, messages, units, charged in rows
    ]  # fmt: skip


async def account_name(connection: Any, account_id: int) -> str:
    """The account's name."""
    found = await connection.fetchval("SELECT name FROM account WHERE id = $1", account_id)
    return str(found or "")


async def accounts_without(
    connection: Any, month: str, *, after: int, most: int
) -> list[tuple[int, str]]:
    """Accounts (not the sandbox's) without an invoice of a month, by id."""
    rows = await connection.fetch(
        "SELECT a.id, a.name FROM account a WHERE a.id > $2 AND NOT a.is_sandbox AND NOT EXISTS"
        " (SELECT FROM invoice i WHERE i.account_id = a.id"
        " AND i.month = to_date($1, 'YYYY-MM')) ORDER BY a.id LIMIT $3",
        month, after, most,
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]


async def next_number(connection: Any, series: str) -> int:
    """The next number of a series. It is taken back with the transaction, so there is no gap."""
    return int(
        await connection.fetchval(
            "INSERT INTO invoice_series AS s (series, last_number) VALUES ($1, 1)"
            " ON CONFLICT (series) DO UPDATE SET last_number = s.last_number + 1"
            " RETURNING last_number",
            series,
        )
    )


async def insert(
    connection: Any, account_id: int, content: InvoiceContent, *, by: str
) -> InvoiceRow:
    """An issued invoice. Errors: asyncpg.UniqueViolationError for a month that has one."""
    row = await connection.fetchrow(
        "INSERT INTO invoice (account_id, month, number, content, total_micro, tax_micro,"
        " currency, issued_by) VALUES ($1, to_date($2, 'YYYY-MM'), $3, $4::text::jsonb, $5, $6,"
        f" $7, $8) RETURNING {_ROW}",
        account_id, content.usage.month, content.number, msgspec.json.encode(content).decode(),
        content.total_micro, sum(one.amount_micro for one in content.taxes),
        content.usage.currency, by,
    )  # fmt: skip
    return InvoiceRow(**row)


async def of_month(connection: Any, account_id: int, month: str) -> InvoiceRow | None:
    """The invoice of an account's month."""
    row = await connection.fetchrow(
        f"SELECT {_ROW} FROM invoice WHERE account_id = $1 AND month = to_date($2, 'YYYY-MM')",
        account_id, month,
    )  # fmt: skip
    return None if row is None else InvoiceRow(**row)


async def invoices(
    connection: Any, account_id: int, *, below: int = 2**63 - 1, most: int = 100
) -> list[InvoiceRow]:
    """An account's invoices, the newest first."""
    rows = await connection.fetch(
        f"SELECT {_ROW} FROM invoice WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        account_id, below, most,
    )  # fmt: skip
    return [InvoiceRow(**row) for row in rows]


async def content(connection: Any, account_id: int, invoice_id: int) -> str | None:
    """Everything that an invoice of this account says, as JSON."""
    found: str | None = await connection.fetchval(
        "SELECT content::text FROM invoice WHERE account_id = $1 AND id = $2",
        account_id, invoice_id,
    )  # fmt: skip
    return found


async def by_number(connection: Any, number: str) -> tuple[int, int] | None:
    """Account and id of the invoice of this number."""
    row = await connection.fetchrow("SELECT account_id, id FROM invoice WHERE number = $1", number)
    return None if row is None else (row[0], row[1])
