"""SMSCs that nobody here wrote get short, long, Unicode and emoji texts; webhooks tell of each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journeys.outside import NodeSmsc, Receiver, drive_smpp, receiver
from tests.journeys.platform import Platform, until
from tests.postgres_keeper import free_port

pytestmark = pytest.mark.slow
__all__ = ["receiver"]

TEXTS = {
    "short": "Your code is 4821",
    "extension": "Euro € and [brackets] {braces} ~ ^ \\ |",
    "long": "This text does not fit into one segment. " * 9,
    "unicode": "आपका कोड 4821 है। किसी को न बताएं।",
    "emoji": "Parcel on its way 🚚📦 see you 👋🏽",
    "long unicode": "आपका पार्सल आज आएगा 🚚। " * 8,
}


@pytest.fixture(scope="module")
def node() -> Iterator[NodeSmsc]:
    made = NodeSmsc()
    yield made
    made.close()


@pytest.fixture(scope="module")
def customer(bare: Platform, node: NodeSmsc, receiver: Receiver) -> tuple[str, str]:
    """The account's key and its webhook's secret, once the route is bound."""
    key = str(bare.answer["acme"]["api_key"])
    bare.cpaas(
        "route", "create", "node", "--channel", "sms", "--host", "127.0.0.1", "--port",
        str(node.port), "--system-id", "me", "--password", "secret", "--window", "50",
    )  # fmt: skip
    bare.cpaas("rule", "create", "--channel", "sms", "--route", "node", "--priority", "1")
    status, webhook = bare.call("PUT", "/v1/webhook", {"url": receiver.url}, key=key)
    assert status == 200
    assert webhook["secret"].startswith("whsec_")
    again = bare.call("PUT", "/v1/webhook", {"url": receiver.url}, key=key)[1]
    assert "secret" not in again, "shown then and never again"
    until(lambda: node.of("bind"))
    return key, str(webhook["secret"])


@pytest.mark.parametrize("number", range(len(TEXTS)), ids=list(TEXTS))
def test_node_smpp_gets_the_text_and_the_customer_the_receipt(
    bare: Platform, node: NodeSmsc, receiver: Receiver, customer: tuple[str, str], number: int
) -> None:
    key, secret = customer
    text = list(TEXTS.values())[number]
    to = f"44790000010{number}"
    sent = bare.send(key, to=f"+{to}", text=text, **{"from": "MYBRAND"}, reference=f"r{number}")
    message = bare.becomes(key, sent["id"], "DELIVERED")
    assert message["reference"] == f"r{number}"
    assert len(node.texts(to)) == sent["segments"]
    assert "".join(node.texts(to)) == text
    events = until(lambda: receiver.events(sent["id"]))
    assert [event["type"] for event in events] == ["message.delivered"]
    data = events[0]["data"]
    assert data["status"] == "DELIVERED"
    assert data["to"] == f"+{to}"
    assert data["reference"] == f"r{number}"
    assert data["segments"] == sent["segments"]
    assert data["provider_message_id"] == message["provider_message_id"]
    assert receiver.verified(secret)


def test_a_refusal_of_the_carrier_is_told_and_refunded(
    bare: Platform, node: NodeSmsc, receiver: Receiver, customer: tuple[str, str]
) -> None:
    key, _ = customer
    before = bare.call("GET", "/v1/balance", key=key)[1]
    sent = bare.send(key, to="+447900000109", text="Refused", **{"from": "MYBRAND"})
    message = bare.becomes(key, sent["id"], "REJECTED")
    assert message["error_code"] == "invalid_destination"
    assert bare.call("GET", "/v1/balance", key=key)[1] == before
    events = until(lambda: receiver.events(sent["id"]))
    assert events[0]["type"] == "message.rejected"
    assert events[0]["data"]["price"] == "0.0000"


def test_kannels_smsc_gets_the_texts(
    bare: Platform, node: NodeSmsc, customer: tuple[str, str], tmp_path: Path
) -> None:
    """drive_smpp knows no receipts and gives no ids: it shows the submit, bind and texts."""
    key, _ = customer
    port = free_port()
    with drive_smpp(port, tmp_path) as log:
        bare.cpaas(
            "route", "create", "kannel", "--channel", "sms", "--host", "127.0.0.1", "--port",
            str(port), "--system-id", "me", "--password", "secret", "--bind-type", "tx",
            "--settings", '{"long_message": "sar"}',
        )  # fmt: skip
        bare.cpaas(
            "rule", "create", "--channel", "sms", "--route", "kannel", "--priority", "0",
            "--account", "acme",
        )  # fmt: skip
        for number, text in enumerate(("Hello Kannel", "A long one for Kannel. " * 12)):
            sent = bare.send(key, to=f"+44790000020{number}", text=text, **{"from": "MYBRAND"})
            bare.becomes(key, sent["id"], "SUBMITTED")
        written = log.read_bytes()
        assert b"Hello Kannel" in written
        assert written.count(b"A long one for Kannel.") >= 2
    bare.cpaas("route", "off", "kannel")
    sent = bare.send(key, to="+447900000300", text="Back", **{"from": "MYBRAND"})
    bare.becomes(key, sent["id"], "DELIVERED")
    assert node.texts("447900000300") == ["Back"]
