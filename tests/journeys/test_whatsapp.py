"""WhatsApp as a customer meets it: by API key, over the sandbox's Cloud API, with SMS behind it."""

import json
import urllib.request
from typing import Any

import pytest
from tests.journeys.platform import Platform, until

from cpaas.services.simulator_whatsapp import DISPLAY, NUMBER_ID

pytestmark = pytest.mark.slow
CONTROL = 8093


@pytest.fixture(scope="module")
def channels() -> str:
    return "sms,whatsapp,rcs"


def control(sandbox: Platform, path: str, body: Any = None) -> Any:
    """One call of the simulated Cloud API's control port."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{CONTROL + sandbox.offset}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


def writes(sandbox: Platform, key: str, sender: str, text: str) -> Any:
    """A handset writes to the number; the reply as the API tells it."""
    message = {"type": "text", "text": {"body": text}}
    control(sandbox, "/user", {"number": NUMBER_ID, "sender": sender, "message": message})

    def there() -> Any:
        found = sandbox.call("GET", "/v1/inbound", key=key)[1]["data"]
        return next((one for one in found if one["text"] == text), None)

    return until(there)


def test_the_window_and_the_sms_behind_it(sandbox: Platform) -> None:
    key = str(sandbox.answer["account"]["api_key"])
    to = "+919876543210"
    step = {"channel": "sms", "from": "SANDBX", "text": "by SMS"}
    sent = sandbox.send(key, channel="whatsapp", to=to, text="Hello", fallback=[step])
    assert sent["from"] == DISPLAY
    closed = sandbox.becomes(key, sent["id"], "REJECTED")
    assert closed["error_code"] == "no_conversation"
    other = str(until(lambda: sandbox.message(key, sent["id"])["fallback"][0]["message_id"]))
    assert sandbox.becomes(key, other, "DELIVERED")["channel"] == "sms"
    reply = writes(sandbox, key, to, "Where is it?")
    assert reply["channel"] == "whatsapp"
    buttons = {"buttons": [{"type": "reply", "text": "Fine", "id": "ok"}]}
    sent = sandbox.send(key, channel="whatsapp", to=to, text="On its way", whatsapp=buttons)
    sandbox.becomes(key, sent["id"], "DELIVERED")
    last = control(sandbox, "/messages")["messages"][-1]["body"]
    assert last["interactive"]["action"]["buttons"][0]["reply"] == {"id": "ok", "title": "Fine"}


def test_the_sandboxs_template_goes_outside_the_window(sandbox: Platform) -> None:
    key = str(sandbox.answer["account"]["api_key"])
    template = {"template": "order_update", "variables": {"name": "Asha", "order": "17"}}
    for channel in ("whatsapp", "rcs"):

        def approved(channel: str = channel) -> bool:
            known = sandbox.call("GET", f"/v1/templates?channel={channel}", key=key)[1]["data"]
            return [one["carrier_status"] for one in known] == ["approved"]

        until(approved)
        sent = sandbox.send(key, channel=channel, to="+919822223333", **template)
        arrived = sandbox.becomes(key, sent["id"], "DELIVERED")
        assert arrived["text"] == "Hello Asha, your order 17 has been shipped."


def test_a_test_key_reaches_the_carrier_that_is_built_in(sandbox: Platform) -> None:
    key = str(sandbox.answer["account"]["test_key"])
    before = control(sandbox, "/stats")["messages"]
    for tail, status in (("01", "DELIVERED"), ("02", "FAILED"), ("03", "REJECTED")):
        sent = sandbox.send(key, channel="whatsapp", to=f"+9990000000{tail}", text="Hello")
        assert sandbox.becomes(key, sent["id"], status)["price"] == "0.0000"
    assert control(sandbox, "/stats")["messages"] == before


def test_identities_are_told(sandbox: Platform) -> None:
    key = str(sandbox.answer["account"]["api_key"])
    status, told = sandbox.call("GET", "/v1/identities?channel=whatsapp", key=key)
    assert status == 200
    assert [(one["identity"], one["default"]) for one in told["data"]] == [(DISPLAY, True)]
    status, told = sandbox.call(
        "POST", "/v1/messages",
        {"channel": "whatsapp", "to": "+919876543210", "text": "x", "from": "+15559999999"},
        key=key,
    )  # fmt: skip
    assert (status, told["code"]) == (422, "sender_not_approved")


def test_rcs_then_whatsapp_then_sms(sandbox: Platform) -> None:
    key = str(sandbox.answer["account"]["api_key"])
    # A handset without RCS, whose owner has not written on WhatsApp lately.
    steps = [
        {"channel": "whatsapp", "text": "by WhatsApp"},
        {"channel": "sms", "from": "SANDBX", "text": "by SMS"},
    ]
    sent = sandbox.send(key, channel="rcs", to="+999000000011", text="by RCS", fallback=steps)
    first = sandbox.becomes(key, sent["id"], "FAILED", "REJECTED")
    assert first["error_code"] == "not_capable"

    def attempts() -> Any:
        found = [one.get("message_id") for one in sandbox.message(key, sent["id"])["fallback"]]
        return found if all(found) else None

    by_whatsapp, by_sms = until(attempts)
    closed = sandbox.becomes(key, by_whatsapp, "REJECTED")
    assert closed["error_code"] == "no_conversation"
    arrived = sandbox.becomes(key, by_sms, "DELIVERED")
    assert (arrived["channel"], arrived["text"]) == ("sms", "by SMS")
    # Where WhatsApp's window is open, it ends there.
    to = "+999000000011"
    writes(sandbox, key, to, "I am here")
    sent = sandbox.send(key, channel="rcs", to=to, text="by RCS", fallback=steps[:1])
    sandbox.becomes(key, sent["id"], "FAILED", "REJECTED")
    other = until(lambda: sandbox.message(key, sent["id"])["fallback"][0].get("message_id"))
    # This number's messages fail at WhatsApp, too; what matters is that they got there.
    assert sandbox.becomes(key, str(other), "FAILED")["error_code"] == "not_capable"
