"""Quick Message and Reports as a customer uses them, from the text to its receipt and its file."""

import json
import re
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.browser.console import Copy
from tests.journeys.platform import until

from cpaas.services.simulator_whatsapp import NUMBER_ID

TEXT = "Hi Asha, your order A-10482 is out for delivery today between 2 \N{EN DASH} 4 pm. Team Acme"
CHANNELS = {"sms": "SMS", "whatsapp": "WhatsApp", "rcs": "RCS", "voice": "Voice"}
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


def writes(copy: Copy, number: str, text: str) -> None:
    """A handset writes to the sandbox's WhatsApp number."""
    wish = {
        "number": NUMBER_ID, "sender": number,
        "message": {"type": "text", "text": {"body": text}},
    }  # fmt: skip
    port = 8093 + copy.platform.offset
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/user", json.dumps(wish).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request) as answer:
        assert answer.status < 300


def press(page: Any, word: str) -> None:
    """The button, and Yes to its question."""
    page.get_by_role("button", name=word).click()
    page.locator("#confirm [data-yes]").click()


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
    page.get_by_role("button", name="Replace it").click()
    page.get_by_role("button", name="Send SMS for ₹0.1200").wait_for()
    assert page.get_by_label("Message").input_value() == TEXT.replace("\N{EN DASH}", "-")
    page.get_by_role("button", name="Send SMS for").click()
    asked = page.locator("#confirm").inner_text()
    assert "Send this SMS for ₹0.1200?" in asked
    assert "To +919876543210 from MYBRAND. It is charged now; your balance is then" in asked
    page.get_by_role("button", name="Send it").click()
    page.locator("#strip", has_text="DELIVERED").wait_for(timeout=30_000)
    assert page.get_by_label("Message").input_value() == TEXT.replace("\N{EN DASH}", "-")
    portal.check()
    page.get_by_role("link", name="See its whole life").click()
    page.get_by_role("heading", name="Its whole life").wait_for()
    assert "Accepted from the portal" in portal.text()
    assert "smpp1" not in portal.text()  # Routes are the operator's.
    portal.check()


def test_what_is_refused_is_said_at_its_field(visit: Visit, sender: dict[str, Any]) -> None:
    portal = visit("portal").log_in(sender["username"])
    portal.go("/quick/")
    send(portal, "hello", "+91 98765")
    press(portal.page, "Send SMS")
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
    press(portal.page, "Send SMS for")
    portal.page.locator("#strip", has_text="SCHEDULED").wait_for()


@pytest.fixture
def sandbox(copy: Copy) -> str:
    """The sandbox's user, whose account has all four channels."""
    return copy.sandbox()


def choose(page: Any, channel: str) -> None:
    page.get_by_role("link", name=CHANNELS[channel]).click()
    page.locator(f".on-{channel}").wait_for()


def test_whatsapp_in_its_window_and_outside(copy: Copy, visit: Visit, sandbox: str) -> None:
    portal = visit("portal").log_in(sandbox)
    page = portal.page
    portal.go("/quick/")
    page.get_by_label("Recipient").fill("+91 98111 00001")
    page.get_by_label("Message").fill("Your order is here.")
    choose(page, "whatsapp")
    # What was written goes along to the other channel.
    assert page.get_by_label("Recipient").input_value() == "+91 98111 00001"
    assert page.get_by_label("Message").input_value() == "Your order is here."
    page.locator(".note", has_text="The 24-hour window with this person is closed").wait_for()
    portal.check()
    press(page, "Send WhatsApp for")
    page.locator(".fault", has_text="has not written to you within 24 hours").wait_for()
    writes(copy, "+919811100001", "Where is my order?")
    opened = page.locator(".note", has_text="free text is possible until")

    def is_open() -> bool:
        portal.go("/quick/?channel=whatsapp&recipient=%2B919811100001")
        return bool(opened.count())

    until(is_open)
    page.get_by_label("Message").fill("Your order is here.")
    page.locator("#id_media_kind").select_option("image")
    page.get_by_label("Its address").fill("not an address")
    page.locator(".bubble-media").wait_for()
    press(page, "Send WhatsApp for")
    page.locator(".fault", has_text="from https:// on").wait_for()
    page.get_by_label("Its address").fill("")
    page.locator("#id_media_kind").select_option("")
    portal.shoot("portal-quick-whatsapp")
    press(page, "Send WhatsApp for")
    page.locator("#strip", has_text="by WhatsApp").wait_for()
    page.locator("#strip .badge", has_text=re.compile("DELIVERED|READ")).wait_for(timeout=30_000)
    # A reload shows the strip again and sends nothing.
    page.reload()
    page.locator("#strip", has_text="Sent to +919811100001 by WhatsApp").wait_for()


def test_an_rcs_card_and_the_sms_that_follows(visit: Visit, sandbox: str) -> None:
    portal = visit("portal").log_in(sandbox)
    page = portal.page
    portal.go("/quick/?channel=rcs")
    page.get_by_text("Numbers that play a part").click()
    page.get_by_label("Recipient").fill("+999 00 0000 0011")
    page.get_by_label("Look").select_option("card")
    page.get_by_label("Heading").fill("20% off until Sunday")
    page.get_by_label("Message").fill("Members shop one day before everyone.")
    page.get_by_label("Buttons").fill(
        "Shop now | https://shop.example/sale\nCall us | +919876543210"
    )
    page.locator("#preview .bubble-button", has_text="Call us").wait_for()
    page.get_by_label("If not delivered").select_option("sms")
    page.get_by_label("What it says").select_option("own")
    page.get_by_label("Its text").fill("20% off until Sunday, for members.")
    page.locator("#foot", has_text="charged only when it is sent: ₹").wait_for()
    portal.check()
    portal.shoot("portal-quick-rcs")
    press(page, "Send RCS for")
    strip = page.locator("#strip")
    strip.get_by_text("Then by SMS from").wait_for(timeout=30_000)
    strip.locator(".card-head", has_text="DELIVERED").wait_for(timeout=30_000)
    assert "The handset does not have this channel" in strip.inner_text()
    assert page.get_by_label("Heading").input_value() == "20% off until Sunday"
    portal.check()
    portal.shoot("portal-quick-fallback")


def test_a_call_of_a_template_with_its_variables(visit: Visit, sandbox: str) -> None:
    portal = visit("portal").log_in(sandbox)
    page = portal.page
    portal.go("/quick/?channel=voice")
    page.get_by_label("Recipient").fill("+999 00 0000 0001")
    page.get_by_label("Message").fill("Your table is ready.")
    page.get_by_label("Say it").select_option("2")
    page.get_by_text("said 2 times").wait_for()
    portal.check()
    portal.shoot("portal-quick-voice")
    page.get_by_label("Template").select_option(label="otp")
    page.get_by_label("{{code}}").fill("4 8 2 1")
    page.locator("#preview", has_text="Your code is 4 8 2 1").wait_for()
    page.get_by_role("button", name="Call for").click()
    assert "are reserved now" in page.locator("#confirm").inner_text()
    page.get_by_role("button", name="Send it").click()
    page.locator("#strip .badge", has_text="DELIVERED").wait_for(timeout=40_000)


def test_a_channel_that_cannot_be_used_says_why(visit: Visit, customer: dict[str, Any]) -> None:
    portal = visit("portal").log_in(customer["username"])
    for channel, said in (("whatsapp", "No WhatsApp number yet"), ("rcs", "No RCS bot yet")):
        portal.go(f"/quick/?channel={channel}")
        assert said in portal.text()
    portal.check()


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
