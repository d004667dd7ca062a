"""Replies, STOP and START, scheduling and cancelling, through the running platform."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.journeys.carrier import Carrier
from tests.journeys.outside import Receiver, receiver
from tests.journeys.platform import Platform, until

pytestmark = pytest.mark.slow
__all__ = ["receiver"]
HANDSET = "919876500001"
LONG = "A long reply \N{SNOWMAN} that needs many parts. " * 12


@pytest.fixture(scope="module")
def carrier(bare: Platform) -> Iterator[Carrier]:
    made = Carrier()
    bare.cpaas("route", "create", "two", "--host", "127.0.0.1", "--port", str(made.port),
               "--system-id", "me", "--password", "secret")  # fmt: skip
    bare.cpaas("rule", "create", "--channel", "sms", "--route", "two", "--priority", "1")
    bare.cpaas("number", "create", "56161", "--account", "acme")
    bare.cpaas("account", "set", "acme", "--stop-reply", "You get no more.")
    until(lambda: any(r["state"] == "up" for r in bare.cpaas("route", "list")["routes"]
                      if r["name"] == "two"))  # fmt: skip
    yield made
    made.close()


@pytest.fixture(scope="module")
def key(bare: Platform) -> str:
    return str(bare.answer["acme"]["api_key"])


def replies(bare: Platform, key: str, **query: str) -> list[dict[str, Any]]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    status, told = bare.call("GET", f"/v1/inbound?{asked}", key=key)
    assert status == 200, told
    return list(told["data"])


def test_a_reply_reaches_the_account_and_its_webhook(
    bare: Platform, carrier: Carrier, key: str, receiver: Receiver
) -> None:
    wanted = {"url": receiver.url, "events": ["message.received"]}
    assert bare.call("PUT", "/v1/webhook", wanted, key=key)[0] == 200
    time.sleep(1.0)
    carrier.says(HANDSET, "56161", LONG)
    (told,) = until(lambda: replies(bare, key, to="56161"))
    assert (told["text"], told["from"], told["complete"]) == (LONG, HANDSET, True)
    (event,) = until(receiver.events)
    assert (event["type"], event["data"]["text"]) == ("message.received", LONG)


def test_a_reply_to_a_sender_is_for_who_wrote_last(
    bare: Platform, carrier: Carrier, key: str
) -> None:
    sent = bare.send(key, to=f"+{HANDSET}", text="Hello", **{"from": "MYBRAND"})
    bare.becomes(key, sent["id"], "DELIVERED")
    carrier.says(HANDSET, "MYBRAND", "thanks")
    (told,) = until(lambda: replies(bare, key, to="MYBRAND"))
    assert told["message_id"] == sent["id"]
    carrier.says("4479000001", "NOBODY", "hello?")
    lost = until(lambda: bare.cpaas("inbound", "list", "--unassigned")["inbound"])
    assert [one["text"] for one in lost] == ["hello?"]


def test_stop_and_start(bare: Platform, carrier: Carrier, key: str) -> None:
    other = "919876500002"
    carrier.says(other, "56161", "Stop.")
    until(lambda: [r for r in replies(bare, key, **{"from": other}) if r["action"] == "stop"])
    confirmed = until(lambda: bare.call("GET", f"/v1/messages?to=%2B{other}", key=key)[1]["data"])
    assert [one["text"] for one in confirmed] == ["You get no more."]
    sent = bare.send(key, to=f"+{other}", text="Offer", **{"from": "MYBRAND"})
    assert bare.message(key, sent["id"])["status"] == "BLOCKED"
    assert bare.message(key, sent["id"])["price"] == "0.0000"
    carrier.says(other, "56161", "START")
    until(lambda: [r for r in replies(bare, key, **{"from": other}) if r["action"] == "start"])
    again = bare.send(key, to=f"+{other}", text="Offer", **{"from": "MYBRAND"})
    bare.becomes(key, again["id"], "DELIVERED")


def balance(bare: Platform, key: str) -> str:
    return str(bare.call("GET", "/v1/balance", key=key)[1]["balance"])


def later(seconds: float) -> str:
    """A moment from now, written in another zone than UTC."""
    at = time.gmtime(time.time() + seconds + 5.5 * 3600)
    return time.strftime("%Y-%m-%dT%H:%M:%S+05:30", at)


def test_a_scheduled_message_pays_now_and_goes_when_due(
    bare: Platform, carrier: Carrier, key: str
) -> None:
    before = balance(bare, key)
    sent = bare.send(key, to="+919876500003", text="Soon", send_at=later(4))
    assert sent["status"] == "SCHEDULED"
    assert float(balance(bare, key)) == pytest.approx(float(before) - 0.12)
    arrived = bare.becomes(key, sent["id"], "DELIVERED")
    assert arrived["submitted_at"] >= arrived["send_at"]


def test_a_scheduled_message_is_taken_back_with_its_money(
    bare: Platform, carrier: Carrier, key: str
) -> None:
    before = balance(bare, key)
    sent = bare.send(key, to="+919876500004", text="Never", send_at=later(3))
    status, gone = bare.call("POST", f"/v1/messages/{sent['id']}/cancel", key=key)
    assert (status, gone["status"], gone["price"]) == (200, "CANCELLED", "0.0000")
    assert balance(bare, key) == before
    time.sleep(4)
    assert bare.message(key, sent["id"])["status"] == "CANCELLED"
    assert not [m for m in carrier.smsc.messages(500) if m.text == "Never"]


def test_what_a_carrier_has_cannot_be_taken_back(
    bare: Platform, carrier: Carrier, key: str
) -> None:
    sent = bare.send(key, to="+919876500005", text="Gone")
    bare.becomes(key, sent["id"], "SUBMITTED", "DELIVERED")
    status, problem = bare.call("POST", f"/v1/messages/{sent['id']}/cancel", key=key)
    assert (status, problem["code"]) == (409, "already_claimed")
