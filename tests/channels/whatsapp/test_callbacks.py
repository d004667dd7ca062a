"""Webhooks read: every status, reply and template event, and what is not ours."""

import hashlib
import hmac
from typing import Any

import msgspec
import pytest
from tests.gateway.harness import no_tools
from tests.pipeline.world import route as plain_route

from cpaas.channels.base import Callback, CallbackRefusedError, Heard
from cpaas.channels.whatsapp.channel import WhatsappChannel
from cpaas.channels.whatsapp.payloads import callback_data
from cpaas.channels.whatsapp.statuses import MetaError
from cpaas.kit.ids import new_id
from cpaas.messages.envelopes import Outgoing
from cpaas.snapshot.types import Identity

NOW = 1_764_000_100_000_000
NUMBER = Identity(
    1, "whatsapp", "+15550001000", "", 1, active=True,
    settings={"phone_number_id": "111", "waba_id": "222"}, secret=b"", accounts={},
)  # fmt: skip
OTHER = msgspec.structs.replace(
    NUMBER, id=2, value="+15550002000", settings={"phone_number_id": "333", "waba_id": "444"}
)
TOOLS = no_tools(
    identities=lambda _route: [NUMBER, OTHER],
    secrets=lambda one: {"app_secret": "first" if one.id == 1 else "second"},
)


def hear(field: str, value: Any, *, secret: str = "first", waba: str = "222") -> Heard:
    raw = msgspec.json.encode(
        {"object": "whatsapp_business_account",
         "entry": [{"id": waba, "changes": [{"field": field, "value": value}]}]}
    )  # fmt: skip
    sign = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    callback = Callback(
        "POST", "", {}, {"x-hub-signature-256": f"sha256={sign}"}, raw, "127.0.0.1", NOW
    )
    route = msgspec.structs.replace(plain_route(1), channel="whatsapp", settings={})
    return WhatsappChannel().hear(route, {}, callback, TOOLS)


def told(number_id: str = "111", **more: Any) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550001000", "phone_number_id": number_id}, **more,
    }  # fmt: skip


def status(word: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "wamid.A", "status": word, "timestamp": "1764000000", "recipient_id": "919876543210",
        **more,
    }  # fmt: skip


def test_statuses() -> None:
    ours = callback_data(Outgoing(new_id().bytes, "", "", "", "", 1, 1, 0, 0, 0))
    statuses = [
        status("sent", biz_opaque_callback_data=ours), status("sent"), status("delivered"),
        status("read"), status("played"), status("deleted"),
        status("failed", errors=[{"code": 131026, "title": "Message undeliverable",
                                  "error_data": {"details": "not on WhatsApp"}}]),
    ]  # fmt: skip
    found = hear("messages", told(statuses=statuses)).receipts
    assert [one.state for one in found] == ["ENROUTE", "DELIVERED", "READ", "READ", "FAILED"]
    assert found[0].message_id is not None
    assert found[1].done_us == 1_764_000_000_000_000
    assert (found[-1].error_code, found[-1].error) == ("not_capable", "not on WhatsApp")


def test_a_secret_speaks_for_its_own_numbers_only() -> None:
    value = told("333", statuses=[status("delivered")])
    assert not hear("messages", value).receipts
    assert hear("messages", value, secret="second").receipts[0].sender == "+15550002000"
    with pytest.raises(CallbackRefusedError):
        hear("messages", value, secret="third")
    event = {
        "event": "APPROVED", "message_template_id": 7, "message_template_name": "offer",
        "message_template_language": "en", "reason": "NONE",
    }  # fmt: skip
    assert not hear("message_template_status_update", event, waba="444").templates


@pytest.mark.parametrize(
    ("kind", "held", "text", "content"),
    [
        ("text", {"body": "Hi"}, "Hi", None),
        ("button", {"payload": "Y", "text": "Yes"}, "Yes", {"payload": "Y", "type": "button"}),
        ("interactive", {"type": "list_reply", "list_reply": {"id": "r1", "title": "Row"}}, "Row",
         {"payload": "r1", "type": "interactive"}),
        ("image", {"id": "9", "mime_type": "image/jpeg", "sha256": "x", "caption": "See"}, "See",
         {"media_id": "9", "media_type": "image/jpeg", "sha256": "x", "type": "image"}),
        ("location", {"latitude": 1.0, "longitude": 2.0}, "",
         {"location": {"latitude": 1.0, "longitude": 2.0}, "type": "location"}),
        ("reaction", {"message_id": "wamid.B", "emoji": "👍"}, "👍",
         {"reaction_to": "wamid.B", "type": "reaction"}),
        ("contacts", [{"name": {"formatted_name": "Asha"}}], "",
         {"contacts": [{"name": {"formatted_name": "Asha"}}], "type": "contacts"}),
        ("order", {"catalog_id": "7", "product_items": []}, "",
         {"order": {"catalog_id": "7", "product_items": []}, "type": "order"}),
        ("unsupported", {}, "", {"type": "unsupported"}),
    ],
)  # fmt: skip
def test_replies(kind: str, held: Any, text: str, content: Any) -> None:
    message = {
        "from": "919876543210", "id": "wamid.C", "timestamp": "1764000000", "type": kind,
        kind: held,
    }  # fmt: skip
    [found] = hear("messages", told(messages=[message])).inbound
    assert (found.body, found.content) == (text, content)
    assert (found.sender, found.recipient, found.key) == (
        "919876543210", "15550001000", "wamid.C"
    )  # fmt: skip


def test_templates() -> None:
    event = {
        "event": "REJECTED", "message_template_id": 7, "message_template_name": "offer",
        "message_template_language": "en", "reason": "INVALID_FORMAT",
        "rejection_info": {"reason": "the example is missing"},
    }  # fmt: skip
    [found] = hear("message_template_status_update", event).templates
    assert (found.name, found.status, found.reason, found.carrier_id) == (
        "offer", "rejected", "the example is missing", "7"
    )  # fmt: skip


@pytest.mark.parametrize(
    "value", [None, [], 7, {"statuses": 3}, {"metadata": "x", "messages": [1]}]
)
def test_what_makes_no_sense_is_passed_over(value: Any) -> None:
    heard = hear("messages", value)
    assert (heard.receipts, heard.inbound, heard.templates) == ([], [], [])


def test_codes_that_are_not_listed() -> None:
    assert MetaError(999_999, "").name == "message_refused"
    assert MetaError(999_999, "", transient=True).name == "carrier_temporary"
    assert MetaError(230, "").name == "account_stopped"
