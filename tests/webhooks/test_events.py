"""Events of messages: the exact body, which are wanted, how they are packed."""

import json
from typing import Any
from uuid import UUID

import msgspec
import pytest

from cpaas.kit.ids import new_id
from cpaas.messages.envelopes import unpack_events
from cpaas.messages.statuses import FINAL
from cpaas.snapshot.types import Snapshot, WebhookEndpoint
from cpaas.webhooks import events
from cpaas.webhooks.events import EventMessage

AT = 1_790_000_000_123_456


def message(**changes: Any) -> EventMessage:
    made = EventMessage(
        id=new_id().bytes,
        account_id=7,
        reference="order-17",
        channel="sms",
        to="+919876543210",
        sender="MYBRAND",
        status="DELIVERED",
        provider_message_id="smsc-1",
        price_micro=120_000,
        error_code="",
        error="",
        segments=1,
        submitted_us=AT - 2_000_000,
        delivered_us=AT,
        campaign_id=0,
        webhook_url="",
    )
    return msgspec.structs.replace(made, **changes)


def snapshot(*endpoints: WebhookEndpoint) -> Snapshot:
    return Snapshot(
        version=1,
        accounts={},
        keys={},
        senders={},
        default_senders={},
        prices={},
        routes={},
        routes_by_name={},
        rules={},
        assigned={},
        webhooks={endpoint.account_id: endpoint for endpoint in endpoints},
        settings={},
    )


def endpoint(*types: str, active: bool = True) -> WebhookEndpoint:
    return WebhookEndpoint(7, "https://a.example/", frozenset(types), b"", None, None, active)


def test_body_has_exactly_the_published_fields() -> None:
    told = message(error_code="absent", error="Absent subscriber", status="FAILED", campaign_id=3)
    event = events.message_event("message.failed", told, AT, "INR")
    assert json.loads(event.body) == {
        "type": "message.failed",
        "timestamp": "2026-09-21T14:13:20.123Z",
        "data": {
            "id": str(UUID(bytes=told.id)),
            "reference": "order-17",
            "channel": "sms",
            "to": "+919876543210",
            "from": "MYBRAND",
            "status": "FAILED",
            "provider_message_id": "smsc-1",
            "price": "0.1200",
            "currency": "INR",
            "error_code": "absent",
            "error": "Absent subscriber",
            "segments": 1,
            "submitted_at": "2026-09-21T14:13:18.123Z",
            "delivered_at": "2026-09-21T14:13:20.123Z",
            "campaign_id": 3,
        },
    }
    assert event.message_id == told.id
    assert UUID(bytes=event.id).version == 7


def test_what_is_not_known_is_null() -> None:
    told = message(reference="", provider_message_id=None, submitted_us=None, delivered_us=None)
    data = json.loads(events.message_event("message.rejected", told, AT, "INR").body)["data"]
    for name in ("reference", "provider_message_id", "error_code", "error"):
        assert data[name] is None
    assert data["submitted_at"] is data["delivered_at"] is data["campaign_id"] is None


def test_default_events_are_final_states_and_read() -> None:
    for status, event_type in events.STATUS_EVENT.items():
        assert (event_type in events.DEFAULT_EVENTS) == (status in FINAL)
    assert events.status_event_type("SUBMITTED") == "message.submitted"
    assert events.status_event_type("QUEUED") == ""


@pytest.mark.parametrize(
    ("given", "url", "event_type", "wanted"),
    [
        ([], "", "message.delivered", False),
        ([], "https://own.example/", "message.delivered", True),
        ([], "https://own.example/", "message.submitted", False),
        ([endpoint()], "", "message.delivered", True),
        ([endpoint()], "", "message.submitted", False),
        ([endpoint()], "", "", False),
        ([endpoint("message.submitted")], "", "message.submitted", True),
        ([endpoint("message.submitted")], "", "message.delivered", False),
        ([endpoint("message.submitted")], "https://own.example/", "message.delivered", False),
        ([endpoint(active=False)], "", "message.delivered", False),
        ([endpoint(active=False)], "https://own.example/", "message.delivered", True),
    ],
)
def test_who_wants_what(
    given: list[WebhookEndpoint], url: str, event_type: str, wanted: bool
) -> None:
    assert events.event_wanted(snapshot(*given), 7, url, event_type) is wanted


def test_items_hold_at_most_a_hundred_events_in_order() -> None:
    made = [events.message_event("message.delivered", message(), AT, "INR") for _ in range(201)]
    items = events.event_items(7, made)
    assert [item.messages for item in items] == [100, 100, 1]
    assert {(item.queue, item.account_id) for item in items} == {("cpaas.webhook", 7)}
    unpacked = [event for item in items for event in unpack_events(item.payload).events]
    assert unpacked == made
    assert events.event_items(7, []) == []
