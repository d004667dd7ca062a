"""Invoices: a closed month's usage with its taxes, frozen under a number that leaves no gap.

Amounts are the ledger's. What is due is rounded once, half up to hundredths of the currency, and
so is each tax; lines keep the four decimals they were booked with.
"""

import time
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from cpaas.billing import invoice_queries as queries
from cpaas.billing import parties
from cpaas.billing.invoice_types import (
    InvoiceContent,
    InvoiceRow,
    Party,
    Seller,
    Tax,
    Usage,
)
from cpaas.billing.statement import statement
from cpaas.kit import money
from cpaas.kit.errors import InputError

#: money is due in hundredths of the currency.
CENT_MICRO: Final = 10_000
_ALL_BP: Final = 10_000
_USED: Final = ("DEBIT", "RESERVE")
_BACK: Final = ("REFUND", "CAPTURE")
_read: Final = msgspec.json.Decoder(InvoiceContent).decode


def rounded(numerator: int, denominator: int = 1) -> int:
    """A non-negative fraction of micro-units, half up to whole hundredths."""
    size = denominator * CENT_MICRO
    return (2 * numerator + size) // (2 * size) * CENT_MICRO


async def usage(
    connection: Any, account_id: int, month: str, *, timezone: str, currency: str, now_us: int
) -> Usage:
    """A month's paper: the statement's sums, and what was used by channel and country.

    Call it outside of a transaction. Errors: InputError for a month that has not begun.
    """
    made = await statement(connection, account_id, month, timezone=timezone, now_us=now_us)
    sums = {line.kind: line.amount_micro for line in made.lines}
    lines = await queries.usage(
        connection, account_id, made.month, from_us=made.from_us, until_us=made.until_us
    )
    used = -sum(sums.get(kind, 0) for kind in _USED)
    credited = sums.get("CREDIT", 0)
    return Usage(
        made.month, made.from_us, made.until_us, timezone, currency, lines,
        used - sum(line.amount_micro for line in lines),
        sum(sums.get(kind, 0) for kind in _BACK), sums.get("ADJUST", 0), credited,
        made.opening_micro, made.closing_micro,
        made.opening_micro + credited - made.closing_micro, made.closed,
    )  # fmt: skip


def taxed(net_micro: int, seller: Seller, buyer: Party) -> tuple[int, list[Tax], int]:
    """Taxable value, taxes and total of what a month cost; all in whole hundredths.

    India's GST within one state (both GSTINs begin alike) is two equal halves, CGST and SGST;
    between states it is IGST.
    """
    rate = seller.tax_rate_bp
    parts = _parts(seller, buyer)
    if not rate:
        return rounded(net_micro), [], rounded(net_micro)
    if seller.tax_included:
        total = rounded(net_micro)
        each = rounded(total * rate, (_ALL_BP + rate) * len(parts))
        taxes = [Tax(label, rate // len(parts), each) for label in parts]
        return total - each * len(parts), taxes, total
    taxable = rounded(net_micro)
    each = rounded(taxable * rate, _ALL_BP * len(parts))
    taxes = [Tax(label, rate // len(parts), each) for label in parts]
    return taxable, taxes, taxable + each * len(parts)


def _parts(seller: Seller, buyer: Party) -> tuple[str, ...]:
    both_indian = seller.party.country == buyer.country == "IN"
    if seller.tax_label != "GST" or not both_indian or seller.tax_rate_bp % 2:
        return (seller.tax_label,)
    if seller.party.tax_id and buyer.tax_id:
        return ("CGST", "SGST") if seller.party.tax_id[:2] == buyer.tax_id[:2] else ("IGST",)
    return (seller.tax_label,)


def series(seller: Seller, issued_us: int, timezone: str) -> str:
    """What numbers begin with: the prefix and the financial year, in India from April on."""
    at = datetime.fromtimestamp(issued_us // 1_000_000, ZoneInfo(timezone))
    if seller.party.country != "IN":
        return f"{seller.prefix}-{at.year}"
    first = at.year if at.month >= 4 else at.year - 1
    return f"{seller.prefix}-{first % 100:02d}{(first + 1) % 100:02d}"


async def issue(
    connection: Any, account_id: int, month: str, *, timezone: str, currency: str, by: str
) -> InvoiceRow:
    """The invoice of a closed month; the one that exists if it was issued before.

    Call it outside of a transaction. Errors: InputError without a seller, for a month that is not
    over, and for one in which nothing was charged.
    """
    known = await queries.of_month(connection, account_id, month)
    if known is not None:
        return known
    seller = await parties.get_seller(connection)
    if not seller.party.legal_name:
        raise InputError(
            "the seller is not set", "set it: cpaas invoice seller --legal-name …", "seller"
        )
    now_us = time.time_ns() // 1000
    made = await usage(
        connection, account_id, month, timezone=timezone, currency=currency, now_us=now_us
    )
    if not made.closed:
        raise InputError(f"{made.month} is not over", "issue it once it has ended", "month")
    if made.net_micro <= 0:
        raise InputError(
            f"nothing was charged in {made.month} ({money.show(made.net_micro)} {currency})",
            "there is nothing to invoice", "month",
        )  # fmt: skip
    buyer = await parties.get_buyer(connection, account_id)
    account = await queries.account_name(connection, account_id)
    try:
        async with connection.transaction():
            start = series(seller, now_us, timezone)
            number = f"{start}-{await queries.next_number(connection, start):06d}"
            frozen = _frozen(number, now_us, account, seller, buyer, made)
            return await queries.insert(connection, account_id, frozen, by=by)
    except asyncpg.UniqueViolationError:
        # Somebody else issued it meanwhile; the number taken here is given back.
        known = await queries.of_month(connection, account_id, month)
        if known is None:
            raise
        return known


def _frozen(
    number: str, issued_us: int, account: str, seller: Seller, buyer: Party, made: Usage
) -> InvoiceContent:
    taxable, taxes, total = taxed(made.net_micro, seller, buyer)
    return InvoiceContent(number, issued_us, account, seller, buyer, made, taxable, taxes, total)


async def content(connection: Any, account_id: int, invoice_id: int) -> InvoiceContent | None:
    """Everything that an invoice of this account says; None if it has none of that id."""
    found = await queries.content(connection, account_id, invoice_id)
    return None if found is None else _read(found)
