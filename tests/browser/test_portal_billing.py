"""Billing & Balance as the person who pays sees it: figures that agree, prices, the alert."""

import csv
import io
from typing import Any

import msgspec
import psycopg
import pytest
from tests.browser.console import Copy

from cpaas.billing.invoice_types import InvoiceContent, PaperLine, Party, Seller, Tax, Usage

Visit = Any


@pytest.fixture
def payer(copy: Copy, customer: dict[str, Any]) -> dict[str, Any]:
    """The customer with prices, a sender and two messages sent."""
    name = customer["name"]
    command = copy.platform.cpaas
    command("sender", "create", "PAYER", "--account", name, "--channel", "sms", "--approve")
    command("price", "set", "--account", name, "--channel", "sms", "0.12")
    command("price", "set", "--account", name, "--channel", "sms", "--prefix", "9199", "0.2")
    for _ in range(2):
        command("send", "--account", name, "--to", "+919876543210", "--text", "Hi", "--wait")
    return customer


def test_the_money_of_an_account(copy: Copy, visit: Visit, payer: dict[str, Any]) -> None:
    portal = visit("portal").log_in(payer["username"])
    page = portal.page
    portal.go("/billing/")
    statement = page.locator("#statement").inner_text()
    assert "Message sent" in statement
    assert "−₹0.2400" in statement
    closing = page.locator("#statement dl > div").last.locator("dd").inner_text()
    assert page.locator(".figure-card").first.locator(".headline").inner_text() == closing
    ledger = page.locator("#ledger")
    assert ledger.get_by_text("−₹0.1200").count() == 2
    page.get_by_placeholder("+91 98765 43210").fill("+91 99 8765 4321")
    page.get_by_role("button", name="Ask").click()
    assert "₹0.2000 a segment to +919987654321 (IN)" in page.locator("#price-search").inner_text()
    page.get_by_placeholder("+91 98765 43210").fill("12")
    page.get_by_role("button", name="Ask").click()
    page.locator("#price-search .is-bad").wait_for()
    portal.check()
    portal.shoot("portal-billing")
    page.get_by_label("Tell me below").fill("ten")
    page.get_by_role("button", name="Save alert").click()
    page.get_by_text("Not saved:").wait_for()
    page.get_by_label("Tell me below").fill("10")
    page.get_by_role("button", name="Save alert").click()
    page.get_by_text("balance.low when less than ₹10.0000").wait_for()
    ledger.get_by_label("What").select_option("CREDIT")
    ledger.get_by_role("button", name="Apply").click()
    assert "Message sent" not in page.locator("#ledger tbody").inner_text()
    with page.expect_download() as waited:
        page.goto(f"{portal.base}/billing/", wait_until="load")
        page.get_by_role("link", name="Download CSV").click()
    text = waited.value.path().read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sorted(row["kind"] for row in rows) == ["CREDIT", "DEBIT", "DEBIT"]


def _content(number: str) -> InvoiceContent:
    used = [PaperLine("sms", "IN", 40, 50, 100_000, 5_000_000)]
    usage = Usage("2026-10", 1_790_793_000_000_000, 1_793_471_400_000_000, "Asia/Kolkata", "INR",
                  used, 0, 0, 0, 5_000_000, 0, 0, 5_000_000, closed=True)  # fmt: skip
    seller = Seller(Party("Nimbus", "", "IN"), "GST", 1800, service_code="998413")
    taxes = [Tax("GST", 1800, 900_000)]
    return InvoiceContent(number, usage.until_us, "x", seller, Party(), usage, 5_000_000, taxes,
                          5_900_000)  # fmt: skip


def test_details_invoices_and_top_ups(copy: Copy, visit: Visit, customer: dict[str, Any]) -> None:
    name = customer["name"]
    portal = visit("portal").log_in(customer["username"])
    page = portal.page
    portal.go("/billing/")
    form = page.locator("#details form")
    form.get_by_label("Legal name").fill("Asha Traders")
    form.get_by_label("Country").fill("IN")
    form.get_by_label("Tax id").fill("27AAPFU0939F1ZX")
    form.get_by_role("button", name="Save billing details").click()
    page.locator(".note.is-bad", has_text="another check sign").wait_for()
    form.get_by_label("Legal name").fill("Asha Traders")
    form.get_by_label("Country").fill("IN")
    form.get_by_label("Tax id").fill("27AAPFU0939F1ZV")
    form.get_by_role("button", name="Save billing details").click()
    page.locator(".note.is-ok").wait_for()

    # The books of this copy are shared, so the invoice is laid beside them.
    number = f"T-{name}"
    copy.sql(
        "INSERT INTO invoice (account_id, month, number, total_micro, tax_micro, currency, content)"
        f" VALUES ({customer['id']}, '2026-10-01', '{number}', 5900000, 900000, 'INR',"
        f" '{msgspec.json.encode(_content(number)).decode()}')"
    )
    portal.go("/billing/")
    assert number in page.locator("#invoices").inner_text()
    for part in ("#invoices", "#statement"):
        with page.expect_download() as waited:
            page.locator(part).get_by_role("link", name="PDF").click()
        assert waited.value.path().read_bytes().startswith(b"%PDF"), part

    asking = page.locator("#top-up form").first
    for amount in ("25", "7"):
        asking.get_by_label("Amount").fill(amount)
        asking.get_by_label("Note").fill(f"transfer {amount}")
        asking.get_by_role("button", name="Request a top-up").click()
        page.locator(".note.is-ok").wait_for()
        portal.go("/billing/")
    page.get_by_role("button", name="Withdraw the request for ₹7.0000").click()
    page.locator("#top-up").get_by_text("withdrawn").wait_for()
    portal.check()
    portal.shoot("portal-invoices")

    copy.admin(f"a{name}")
    admin = visit("admin").log_in(f"a{name}")
    admin.go("/users/top-ups/")
    admin.check()
    admin.page.get_by_role("link", name=name).click()
    admin.page.get_by_role("button", name="Decline").click()
    admin.page.get_by_text("A reason is missing").wait_for()
    admin.page.get_by_label("Amount").fill("30")
    admin.page.get_by_label("Note or reason").fill("bank 7731")
    admin.check()
    admin.shoot("admin-top-up")
    admin.page.get_by_role("button", name="Grant top-up").click()
    admin.page.locator(".note.is-ok", has_text="₹30.0000 credited").wait_for()
    admin.go(f"/users/{customer['id']}/tax/")
    assert admin.page.get_by_label("Legal name").input_value() == "Asha Traders"
    admin.check()
    with admin.page.expect_download() as waited:
        admin.page.get_by_role("link", name="PDF").click()
    assert waited.value.path().read_bytes().startswith(b"%PDF")
    portal.go("/billing/")
    assert "₹30.0000" in page.locator("#top-up").inner_text()
    assert "bank 7731" in page.locator("#ledger").inner_text()


def test_a_marketer_does_not_see_the_books(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    dsn = copy.platform.cpaas("db", "shell-dsn")["dsn"]
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "UPDATE app_user SET member_role = 'marketer' WHERE username = %s",
            [customer["username"]],
        )
    portal = visit("portal").log_in(customer["username"])
    assert "Billing" not in portal.page.locator(".sidebar").inner_text()
    for path in ("/billing/", "/billing/ledger.csv"):
        assert portal.context.request.get(f"{portal.base}{path}").status == 403, path
