"""Inbox as a customer uses it: a reply over SMPP is read, answered, and STOP is obeyed."""

import json
import re
import urllib.request
from typing import Any

import pytest
from tests.browser.console import Copy
from tests.journeys.platform import until

from cpaas.services.simulator_whatsapp import NUMBER_ID

Visit = Any


@pytest.fixture
def talker(copy: Copy, customer: dict[str, Any]) -> dict[str, Any]:
    """The customer with a sender and a number of its own to be answered at."""
    name, command = customer["name"], copy.platform.cpaas
    command("sender", "create", "TALKER", "--account", name, "--channel", "sms", "--approve")
    command("price", "set", "--account", name, "--channel", "sms", "0.12")
    command("number", "create", "56161", "--channel", "sms", "--account", name)
    return customer


def says(copy: Copy, text: str) -> None:
    """A phone answers to the number, at the simulated carrier."""
    wish = {"source": "919876500001", "destination": "56161", "system_id": "sandbox"}
    body = json.dumps(wish | {"text": text}).encode()
    port = 2778 + copy.platform.offset
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/mo", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status < 300


def test_a_reply_is_read_and_answered(copy: Copy, visit: Visit, talker: dict[str, Any]) -> None:
    portal = visit("portal").log_in(talker["username"])
    page = portal.page
    portal.go("/inbox/")
    page.get_by_text("No reply yet today").wait_for()
    portal.check()
    says(copy, "When is my order here?")
    page.get_by_text("When is my order here?").wait_for(timeout=20_000)
    portal.check()
    portal.shoot("portal-inbox")
    page.get_by_role("link", name="+919876500001").click()
    page.get_by_placeholder("Your reply").fill("Today, between 2 and 4 pm.")
    page.get_by_role("button", name="Send reply").click()
    ours = page.locator(".talk .ours")
    ours.get_by_text("DELIVERED").wait_for(timeout=30_000)
    assert "TALKER" in ours.inner_text()
    portal.check()
    portal.shoot("portal-conversation")
    says(copy, "STOP")
    page.locator(".talk .theirs", has_text="STOP: blocked").wait_for(timeout=20_000)
    portal.go("/inbox/sms/919876500001/")
    assert "blocked on this channel until it sends START" in portal.text()
    assert page.get_by_placeholder("Your reply").count() == 0


def writes_first(copy: Copy, to: str) -> None:
    """Other tests give the number to accounts of theirs: a reply belongs to who wrote last."""
    key = str(copy.platform.answer["account"]["api_key"])

    def approved() -> bool:
        known = copy.platform.call("GET", "/v1/templates?channel=whatsapp", key=key)[1]["data"]
        return ("order_update", "approved") in {(t["name"], t["carrier_status"]) for t in known}

    until(approved)
    sent = copy.platform.send(
        key, channel="whatsapp", to=to, template="order_update",
        variables={"name": "Asha", "order": "17"},
    )  # fmt: skip
    copy.platform.becomes(key, sent["id"], "DELIVERED", "READ")


def test_whatsapp_is_answered_in_its_window_only(copy: Copy, visit: Visit) -> None:
    copy.sandbox()
    number = "919811100002"
    writes_first(copy, f"+{number}")
    wish = {
        "number": NUMBER_ID, "sender": f"+{number}",
        "message": {"type": "text", "text": {"body": "Is my table free?"}},
    }  # fmt: skip
    port = 8093 + copy.platform.offset
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/user", json.dumps(wish).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request) as answer:
        assert answer.status < 300
    portal = visit("portal").log_in("sandbox")
    page = portal.page
    portal.go("/inbox/?channel=whatsapp")
    page.get_by_role("link", name=f"+{number}").first.click(timeout=30_000)
    page.get_by_text("Free text until").wait_for()
    page.get_by_placeholder("Your reply").fill("Yes, at eight.")
    page.get_by_role("button", name="Send reply").click()
    ours = page.locator(".talk .ours", has_text="Yes, at eight.")
    ours.get_by_text(re.compile("DELIVERED|READ")).wait_for(timeout=30_000)
    copy.sql(f"UPDATE conversation SET open_until = now() WHERE recipient = '+{number}'")
    portal.go(f"/inbox/whatsapp/{number}/")
    page.get_by_text("WhatsApp's window closed on").wait_for()
    assert page.get_by_placeholder("Your reply").count() == 0
    portal.check()
    page.get_by_role("link", name="Send a template").click()
    page.locator(".on-whatsapp").wait_for()
    assert page.get_by_label("Recipient").input_value() == f"+{number}"


def test_what_is_not_a_conversation_is_not_there(visit: Visit, customer: dict[str, Any]) -> None:
    portal = visit("portal").log_in(customer["username"])
    for path in ("sms/919876500001/", "sms/abc/", "fax/919876500001/"):
        got = portal.context.request.get(f"{portal.base}/inbox/{path}")
        assert got.status == 404, path
