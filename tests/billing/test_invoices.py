"""Invoices: numbers without a gap, amounts that are the ledger's, papers that stay as issued."""

import asyncio
from typing import Any

import asyncpg
import pytest

from cpaas.accounts.create import create_account
from cpaas.accounts.types import NewAccount
from cpaas.billing import invoice_queries, invoices, parties
from cpaas.billing.invoice_types import Party, Seller
from cpaas.billing.paper import invoice_pdf, missing, statement_pdf
from cpaas.db.actor import acting
from cpaas.kit.errors import InputError

ZONE = "Asia/Kolkata"
#: GSTINs made up, with true check signs: Karnataka, Karnataka, Maharashtra.
KARNATAKA, MAHARASHTRA = "29AAGCB7383J1Z4", "27AAPFU0939F1ZV"
SELLER = Seller(
    Party("Nimbus Pvt Ltd", "12 MG Road\nBengaluru", "IN", KARNATAKA), "GST", 1800,
    tax_included=False, service_code="998413",
)  # fmt: skip
INDIAN = Party("आशा ट्रेडर्स", "Mumbai", "IN", MAHARASHTRA)
MONTH = "2026-10"


async def account(connection: Any, name: str, *, charged: int = 144_000_000) -> int:
    """An account that was charged in October for 1200 segments, and refunded one of them."""
    made = await create_account(connection, NewAccount(name=name, username=name))
    if not charged:
        return made.id
    await connection.execute(
        "INSERT INTO ledger_entry (account_id, kind, amount_micro, created_at) VALUES"
        " ($1, 'CREDIT', 500000000, '2026-10-02T10:00Z'), ($1, 'DEBIT', $2, '2026-10-05T10:00Z'),"
        " ($1, 'REFUND', 120000, '2026-10-06T10:00Z'),"
        # The first moment of November in the platform's zone.
        " ($1, 'DEBIT', -120000, '2026-10-31T18:30Z')",
        made.id, -charged,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO counter_day (day, account_id, channel, route_id, country, accepted, segments,"
        " charged_micro) VALUES ('2026-10-05', $1, 'sms', 1, 'IN', 1000, 1200, $2),"
        " ('2026-11-01', $1, 'sms', 1, 'IN', 1, 1, 120000)",
        made.id, charged,
    )  # fmt: skip
    return made.id


async def issue(connection: Any, account_id: int, month: str = MONTH) -> Any:
    return await invoices.issue(
        connection, account_id, month, timezone=ZONE, currency="INR", by="test"
    )


async def test_a_month_becomes_an_invoice_once(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        async with acting(connection, "test"):
            acme = await account(connection, "acme")
            idle = await account(connection, "idle", charged=0)
        with pytest.raises(InputError, match="the seller is not set"):
            await issue(connection, acme)
        async with acting(connection, "test"):
            await parties.put_seller(connection, SELLER)
            await parties.put_buyer(connection, acme, INDIAN)
        with pytest.raises(InputError, match="nothing was charged"):
            await issue(connection, idle)
        with pytest.raises(InputError, match=r"has not begun"):
            await issue(connection, acme, "2999-01")
        row = await issue(connection, acme)
        assert row.number.startswith("INV-")
        assert row.number.endswith("-000001"), "refused ones took no number"
        one = await invoices.content(connection, acme, row.id)
        assert one is not None
        usage = one.usage
        assert [(line.channel, line.country, line.messages, line.units, line.unit_micro,
                 line.amount_micro) for line in usage.lines] == [
            ("sms", "IN", 1000, 1200, 120_000, 144_000_000)
        ]  # fmt: skip
        assert (usage.refunds_micro, usage.other_micro) == (120_000, 0)
        assert usage.net_micro == 143_880_000
        assert usage.opening_micro - usage.net_micro + usage.credits_micro == usage.closing_micro
        assert [(tax.label, tax.amount_micro) for tax in one.taxes] == [("IGST", 25_900_000)]
        assert one.taxable_micro + 25_900_000 == one.total_micro == 169_780_000
        # What changes later changes no issued paper.
        paper = invoice_pdf(one)
        async with acting(connection, "test"):
            await parties.put_buyer(connection, acme, Party("Other Ltd"))
        assert (await issue(connection, acme)).id == row.id
        again = await invoices.content(connection, acme, row.id)
        assert again is not None
        assert invoice_pdf(again) == paper
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute("UPDATE invoice SET total_micro = 0")
        assert await invoices.content(connection, idle, row.id) is None, "another account's"
        assert await invoice_queries.invoices(connection, idle) == []


async def test_numbers_leave_no_gap_however_many_are_issued_at_once(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection, acting(connection, "test"):
        await parties.put_seller(connection, SELLER)
        accounts = [
            await account(connection, f"a{number}", charged=number % 2 * 10**6)
            for number in range(8)
        ]

    async def one(account_id: int) -> Any:
        async with pool.acquire() as connection:
            try:
                return await issue(connection, account_id)
            except InputError:
                return None

    made = await asyncio.gather(*(one(account_id) for account_id in accounts * 2))
    numbers = sorted({row.number for row in made if row})
    assert [number[-6:] for number in numbers] == ["000001", "000002", "000003", "000004"]
    assert len({(row.account_id, row.number) for row in made if row}) == 4


@pytest.mark.parametrize(
    ("seller", "buyer", "net", "expected"),
    [
        (SELLER, INDIAN, 100_000_000, (100_000_000, [("IGST", 1800, 18_000_000)], 118_000_000)),
        (SELLER, Party("X", "", "IN", KARNATAKA), 100_005_000,
         (100_010_000, [("CGST", 900, 9_000_000), ("SGST", 900, 9_000_000)], 118_010_000)),
        (Seller(Party(), "VAT", 1900, tax_included=True), Party(), 119_000_000,
         (100_000_000, [("VAT", 1900, 19_000_000)], 119_000_000)),
        (Seller(), Party(), 4_999, (0, [], 0)),
        (Seller(), Party(), 5_000, (10_000, [], 10_000)),
        (SELLER, Party("no GSTIN", "", "IN"), 10_000, (10_000, [("GST", 1800, 0)], 10_000)),
    ],
)  # fmt: skip
def test_taxes_are_rounded_once(
    seller: Seller, buyer: Party, net: int, expected: tuple[int, list[Any], int]
) -> None:
    taxable, taxes, total = invoices.taxed(net, seller, buyer)
    assert (taxable, [(t.label, t.rate_bp, t.amount_micro) for t in taxes], total) == expected
    assert taxable + sum(one.amount_micro for one in taxes) == total


def test_financial_years_begin_where_the_seller_is() -> None:
    march, april = 1_806_000_000_000_000, 1_807_000_000_000_000
    assert invoices.series(SELLER, march, ZONE) == "INV-2627"
    assert invoices.series(SELLER, april, ZONE) == "INV-2728"
    assert invoices.series(Seller(prefix="N"), april, ZONE) == "N-2027"


@pytest.mark.parametrize(
    ("country", "value", "fault"),
    [("IN", "29AAGCB7383J1Z5", "another check sign"), ("IN", "29AAGCB7383", "no GSTIN"),
     ("DE", "DE12?", "no tax id"), ("", "x", "no tax id")],
)  # fmt: skip
def test_bad_tax_ids_are_named(country: str, value: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        parties.tax_id(value, country)


async def test_what_the_font_lacks_is_told(pool: asyncpg.Pool) -> None:
    assert missing("Ása Ж α आशा ₹ €") == []
    assert missing("தமிழ்") != []
    async with pool.acquire() as connection:
        async with acting(connection, "test"):
            acme = await account(connection, "acme")
        usage = await invoices.usage(
            connection, acme, MONTH, timezone=ZONE, currency="INR", now_us=1_800_000_000_000_000
        )
    plain = statement_pdf(usage, "acme", SELLER, INDIAN, 1)
    told = statement_pdf(usage, "acme தமிழ்", SELLER, INDIAN, 1)
    assert plain.startswith(b"%PDF")
    assert len(told) > len(plain)
