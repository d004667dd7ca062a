"""RCS from the API to the simulated hub and back: fallback to SMS, and replies."""

import json
import urllib.request
from decimal import Decimal
from typing import Any

import pytest
from tests.journeys.platform import Platform, until

pytestmark = pytest.mark.slow
BOT_ID = "SandboxBot000001"
PLAIN_PHONE = "+999000000011"


def hub(platform: Platform, path: str, body: Any = None) -> Any:
    """A call of the simulated hub's control port."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{8095 + platform.offset}{path}",
        data=None if body is None else json.dumps(body).encode(),
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


@pytest.fixture(scope="module")
def channels() -> str:
    return "sms,whatsapp,rcs"


@pytest.fixture(scope="module")
def key(sandbox: Platform) -> str:
    return str(sandbox.answer["account"]["api_key"])


def timeline(sandbox: Platform, key: str, message: str) -> list[str]:
    told = sandbox.call("GET", f"/v1/messages/{message}/timeline", key=key)[1]
    return [step["kind"] for step in told["data"]]


def test_a_handset_without_rcs_gets_an_sms(sandbox: Platform, key: str) -> None:
    step = {"channel": "sms", "from": "SANDBX", "text": "by SMS"}
    sent = sandbox.send(key, channel="rcs", to=PLAIN_PHONE, text="Hello", fallback=[step])
    sandbox.becomes(key, sent["id"], "REJECTED")
    other = until(lambda: sandbox.message(key, sent["id"])["fallback"][0]["message_id"])
    arrived = sandbox.becomes(key, other, "DELIVERED")
    assert (arrived["channel"], arrived["text"]) == ("sms", "by SMS")
    assert Decimal(sandbox.message(key, sent["id"])["price"]) == 0


def test_rcs_then_whatsapp_then_sms(sandbox: Platform, key: str) -> None:
    steps = [
        {"channel": "whatsapp", "text": "by WhatsApp"},
        {"channel": "sms", "from": "SANDBX", "text": "by SMS"},
    ]
    sent = sandbox.send(key, channel="rcs", to=PLAIN_PHONE, text="Hello", fallback=steps)
    sandbox.becomes(key, sent["id"], "REJECTED")

    def tried(number: int) -> str:
        found = until(lambda: sandbox.message(key, sent["id"])["fallback"][number]["message_id"])
        return str(found)

    # Free text outside the window, which WhatsApp does not take.
    refused = sandbox.becomes(key, tried(0), "REJECTED")
    assert (refused["channel"], refused["error_code"]) == ("whatsapp", "no_conversation")
    arrived = sandbox.becomes(key, tried(1), "DELIVERED")
    assert (arrived["channel"], arrived["text"]) == ("sms", "by SMS")


def test_rich_content_goes_by_the_api(sandbox: Platform, key: str) -> None:
    card = {
        "title": "Sale",
        "media": {"url": "https://cdn.example/a.png", "height": "tall"},
        "suggestions": [{"type": "url", "text": "Shop", "url": "https://shop.example/"}],
    }
    chips = [{"type": "reply", "text": "Yes", "postback": "yes"}]
    bodies: list[dict[str, Any]] = [
        {"text": "Pick", "rcs": {"suggestions": chips}},
        {"rcs": {"card": card, "suggestions": chips}},
        {"rcs": {"carousel": {"cards": [card, card]}}},
        {"media": {"type": "document", "url": "https://cdn.example/a.pdf"}},
    ]
    for body in bodies:
        sent = sandbox.send(key, channel="rcs", to="+919833334444", **body)
        assert (sent["segments"], Decimal(sent["price"])) == (1, Decimal("0.25"))
        sandbox.becomes(key, sent["id"], "DELIVERED")
    kept = hub(sandbox, "/messages?msisdn=%2B919833334444")["messages"]
    assert [one["kind"] for one in kept] == ["text", "richCard", "richCard", "contentInfo"]
    wrong = {"channel": "rcs", "to": "+919833334444", "rcs": {"card": {"title": "a" * 201}}}
    status, problem = sandbox.call("POST", "/v1/messages", wrong, key=key)
    assert (status, problem["errors"][0]["field"]) == (422, "rcs.card.title")


def test_silence_is_followed_by_an_sms_and_taken_back(sandbox: Platform, key: str) -> None:
    step = {"channel": "sms", "from": "SANDBX", "text": "by SMS", "after_seconds": 5}
    sent = sandbox.send(key, channel="rcs", to="+999000000006", text="Hello", fallback=[step])
    sandbox.becomes(key, sent["id"], "SUBMITTED")
    until(lambda: sandbox.message(key, sent["id"])["fallback"][0]["message_id"])
    until(lambda: "revoke" in timeline(sandbox, key, sent["id"]))
    until(lambda: hub(sandbox, "/stats").get("revoked"))


def test_taps_and_replies_come_in_once(sandbox: Platform, key: str) -> None:
    sent = sandbox.send(key, channel="rcs", to="+919811112222", text="Pick one")
    sandbox.becomes(key, sent["id"], "DELIVERED")
    hub(sandbox, "/settings", {"envelope": "mixed", "callback_twice": True})
    tap = {"suggestionResponse": {"postbackData": "yes", "text": "Yes!", "type": "REPLY"}}
    for content in (tap, {"text": "Thanks"}):
        hub(sandbox, "/user", {"bot": BOT_ID, "msisdn": "+919811112222", "content": content})

    def replies() -> list[dict[str, Any]]:
        found = sandbox.call("GET", "/v1/inbound?from=919811112222", key=key)[1]["data"]
        return list(found) if len(found) >= 2 else []

    got = until(replies)
    assert sorted(one["text"] for one in got) == ["Thanks", "Yes!"]
    assert {(one["to"], one["channel"], one["message_id"]) for one in got} == {
        ("sandbox_bot", "rcs", sent["id"])
    }
    hub(sandbox, "/settings", {"envelope": "bare", "callback_twice": False})
