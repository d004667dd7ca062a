"""Billing & Balance as the person who pays sees it: figures that agree, prices, the alert."""

import csv
import io
from typing import Any

import psycopg
import pytest
from tests.browser.console import Copy

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
