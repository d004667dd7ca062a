"""Quick Message and Reports as a customer uses them, from the text to its receipt and its file."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.browser.console import Copy

TEXT = "Hi Asha, your order A-10482 is out for delivery today between 2 \N{EN DASH} 4 pm. Team Acme"
Visit = Any


@pytest.fixture
def sender(copy: Copy, customer: dict[str, Any]) -> dict[str, Any]:
    """The customer with an approved sender and a price."""
    copy.platform.cpaas(
        "sender", "create", "MYBRAND", "--account", customer["name"], "--channel", "sms",
        "--approve",
    )  # fmt: skip
    copy.platform.cpaas("price", "set", "--account", customer["name"], "--channel", "sms", "0.12")
    return customer


def send(visitor: Any, text: str, number: str = "+91 98765 43210") -> None:
    page = visitor.page
    page.get_by_label("Recipient").fill(number)
    page.get_by_label("Message").fill(text)
    page.locator("#preview .bubble").wait_for()


def test_a_message_from_the_text_to_the_receipt(
    copy: Copy, visit: Visit, sender: dict[str, Any]
) -> None:
    portal = visit("portal").log_in(sender["username"])
    page = portal.page
    portal.go("/quick/")
    send(portal, TEXT)
    note = page.locator(".note", has_text="forces Unicode")
    note.wait_for()
    assert "en dash, U+2013) at position 65" in note.inner_text()
    assert "With plain characters this is 1 segment for ₹0.1200." in note.inner_text()
    assert page.locator("#preview mark").inner_text() == "\N{EN DASH}"
    assert "2 × ₹0.1200 = ₹0.2400" in page.locator("#preview").inner_text()
    page.get_by_role("button", name="Send SMS for ₹0.2400").wait_for()
    portal.check()
    portal.shoot("portal-quick-message")
    page.get_by_role("button", name="Replace it").click()
    page.get_by_role("button", name="Send SMS for ₹0.1200").wait_for()
    assert page.get_by_label("Message").input_value() == TEXT.replace("\N{EN DASH}", "-")
    page.get_by_role("button", name="Send SMS for").click()
    page.locator("#strip", has_text="DELIVERED").wait_for(timeout=30_000)
    assert page.get_by_label("Message").input_value() == TEXT.replace("\N{EN DASH}", "-")
    portal.check()
    portal.shoot("portal-quick-message-sent")
    page.get_by_role("link", name="See its whole life").click()
    page.get_by_role("heading", name="Its whole life").wait_for()
    assert "Accepted from the portal" in portal.text()
    assert "smpp1" not in portal.text()  # Routes are the operator's.
    portal.check()
    portal.shoot("portal-message")
    portal.theme("dark")
    portal.shoot("portal-message-dark")


def test_what_is_refused_is_said_at_its_field(visit: Visit, sender: dict[str, Any]) -> None:
    portal = visit("portal").log_in(sender["username"])
    portal.go("/quick/")
    send(portal, "hello", "+91 98765")
    portal.page.get_by_role("button", name="Send SMS").click()
    portal.page.locator(".fault").wait_for()
    assert "too short" in portal.text()
    assert portal.page.get_by_label("Message").input_value() == "hello"


def test_without_a_sender_it_says_what_to_do(visit: Visit, customer: dict[str, Any]) -> None:
    portal = visit("portal").log_in(customer["username"])
    portal.go("/quick/")
    assert "No approved sender yet" in portal.text()
    portal.check()


def test_later_and_on_a_phone(visit: Visit, sender: dict[str, Any]) -> None:
    portal = visit("portal", width=390).log_in(sender["username"])
    portal.go("/quick/")
    send(portal, "see you")
    later = datetime.now(UTC) + timedelta(days=2)
    portal.page.get_by_label("Send later").fill(f"{later:%Y-%m-%dT%H:%M}")
    portal.shoot("portal-quick-message-phone")
    portal.page.get_by_role("button", name="Send SMS for").click()
    portal.page.locator("#strip", has_text="SCHEDULED").wait_for()


def test_reports_filter_and_file(copy: Copy, visit: Visit, sender: dict[str, Any]) -> None:
    portal = visit("portal").log_in(sender["username"])
    page = portal.page
    portal.go("/reports/")
    assert "No message yet today" in portal.text()
    for number in ("+919876543210", "+919876500000"):
        copy.platform.cpaas("send", "--account", sender["name"], "--to", number, "--text", "hello")
    portal.go("/reports/")
    assert page.locator("tbody tr").count() == 2
    portal.check()
    portal.shoot("portal-reports")
    page.get_by_role("searchbox", name="Number, message id").fill("+91 98765 43210")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_load_state("load")
    assert page.locator("tbody tr").count() == 1
    portal.go("/reports/?find=%2B9198765*")
    assert page.locator("tbody tr").count() == 2
    portal.go("/reports/?status=FAILED")
    assert "Nothing fits these filters" in portal.text()
    portal.go("/reports/")
    page.get_by_role("button", name="Export CSV").click()
    ready = page.get_by_role("link", name="Download 2 rows")
    ready.wait_for(timeout=60_000)
    with page.expect_download() as taken:
        ready.click()
    content = taken.value.path().read_text("utf-8-sig")
    assert "+919876543210" in content
    assert content.splitlines()[0].startswith("Message ID,Recipient")
    said = copy.platform.cpaas("audit", "list", "--limit", "20")["entries"]
    assert ("download", "export_job") in [(one["action"], one["table"]) for one in said]


def test_another_account_s_messages_and_files_are_not_there(
    copy: Copy, visit: Visit, sender: dict[str, Any]
) -> None:
    sent = copy.platform.cpaas(
        "send", "--account", sender["name"], "--to", "+919876543210", "--text", "ours"
    )
    ours = visit("portal").log_in(sender["username"])
    ours.go("/reports/")
    ours.page.get_by_role("button", name="Export CSV").click()
    link = ours.page.get_by_role("link", name="Download 1 rows")
    link.wait_for(timeout=60_000)
    file = str(link.get_attribute("href"))
    paths = (f"/reports/{sent['id']}/", f"/quick/sent/{sent['id']}/", file, file[: -len("file/")])
    theirs = copy.customer(f"t{time.time_ns()}")
    thief = visit("portal").log_in(theirs["username"])
    nobody = visit("portal")
    for path in paths:
        assert thief.context.request.get(f"{thief.base}{path}").status == 404, path
        answer = nobody.context.request.get(f"{nobody.base}{path}", max_redirects=0)
        assert answer.status == 302, path
    thief.go(f"/quick/?sent={sent['id']}")
    assert "Sent to" not in thief.text()
    thief.go(f"/reports/?find={sent['id']}")
    assert "Nothing fits" in thief.text()
