"""The hub's webhook is read in both envelopes, and nothing it may hold makes the reader fall."""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpaas.channels.rcs.callbacks import BODY_BYTES_MAX, CallbackError, Told, read
from cpaas.simulators.rcs.events import Envelopes, message, receipt

NOW_US = 1_800_000_000_000_000
NOW = NOW_US / 1_000_000
BOT = "AGeCe4BMDXPH2rOC"
TO = "+919812345678"


def wrapped(event: Any, **attributes: str) -> bytes:
    data = base64.b64encode(msgspec.json.encode(event)).decode()
    return msgspec.json.encode({"message": {"data": data, "attributes": attributes}})


@pytest.mark.parametrize("style", ["bare", "wrapped", "urlsafe"])
@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("SENT", "ENROUTE"), ("DELIVERED", "DELIVERED"), ("READ", "READ"), ("FAILED", "FAILED"),
        ("TTL_EXPIRATION_REVOKED", "EXPIRED"), ("TTL_EXPIRATION_REVOKE_FAILED", "ENROUTE"),
    ],
)  # fmt: skip
def test_receipts_in_every_envelope(style: str, kind: str, state: str) -> None:
    # "?>" and the like make base64 differ between its two alphabets.
    event = receipt(TO, "m-1", kind, NOW - 5, "a??>>~~" if kind == "FAILED" else "", 0)
    told = read(Envelopes().body(style, BOT, event, NOW), now_us=NOW_US, token="t")
    assert told.bot_id == ("" if style == "bare" else BOT)
    assert told.receipt is not None
    assert told.message is None
    one = told.receipt
    assert (one.provider_message_id, one.state, one.recipient) == ("m-1", state, TO[1:])
    assert (one.done_us, one.token) == (NOW_US - 5_000_000, "t")


def test_the_gsma_way() -> None:
    event = receipt(TO, "m-1", "DELIVERED", NOW, "", 0)
    told = read(Envelopes().body("gsma", BOT, event, NOW), now_us=NOW_US)
    assert told.receipt is not None
    assert (told.receipt.provider_message_id, told.receipt.state) == ("m-1", "DELIVERED")


def test_a_failure_tells_why() -> None:
    event = receipt(TO, "m-1", "FAILED", NOW, "rcs_disabled", 404)
    one = read(msgspec.json.encode(event), now_us=NOW_US).receipt
    assert one is not None
    assert (one.state, one.error_code) == ("REJECTED", "not_capable")


@pytest.mark.parametrize(
    ("content", "body", "kind"),
    [
        ({"text": "yes, please"}, "yes, please", "text"),
        ({"suggestionResponse": {"postbackData": "yes", "text": "Yes!", "type": "REPLY"}},
         "Yes!", "tap"),
        ({"suggestionResponse": {"postbackData": "yes"}}, "yes", "tap"),
        ({"location": {"latitude": 18.95, "longitude": 72.8}}, "18.950000,72.800000", "location"),
        ({"userFile": {"payload": {"fileName": "a.png", "fileUri": "https://f.example/a"}}},
         "a.png https://f.example/a", "file"),
    ],
)  # fmt: skip
def test_what_users_send(content: dict[str, Any], body: str, kind: str) -> None:
    event = message(TO, NOW, **content)
    told = read(wrapped(event, business_id=BOT, type="message"), now_us=NOW_US)
    assert told.receipt is None
    assert told.message is not None
    assert (told.message.sender, told.message.body, told.message.kind) == (TO[1:], body, kind)
    assert told.message.message_id == event["messageId"]
    if kind == "tap":
        assert told.message.postback == "yes"


def test_typing_needs_nothing() -> None:
    event = {"senderPhoneNumber": TO, "eventType": "IS_TYPING", "eventId": "e"}
    assert read(msgspec.json.encode(event), now_us=NOW_US) == Told("")


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b'"a"', b"{", b"{}", b'{"message":{"data":5}}', b'{"message":{"data":"%%"}}',
        b'{"message":{"data":"AAAA"}}', b'{"eventType":"DELIVERED"}',
        b'{"eventType":"DELIVERED","messageId":"a b"}', b'{"text":"a"}',
        b'{"text":"a","senderPhoneNumber":"call me"}', b"[" * 100_000,
        b" " * (BODY_BYTES_MAX + 1),
    ],
)  # fmt: skip
def test_what_is_none_of_the_hubs(raw: bytes) -> None:
    with pytest.raises(CallbackError):
        read(raw, now_us=NOW_US)


@pytest.mark.parametrize(
    "time", ["", "yesterday", "2026-11-26T10:00:00", "1999-01-01T00:00:00Z", "9999-12-31T00:00:00Z"]
)
def test_a_moment_that_cannot_be_is_now(time: str) -> None:
    event = {"eventType": "READ", "messageId": "m", "sendTime": time}
    one = read(msgspec.json.encode(event), now_us=NOW_US).receipt
    assert one is not None
    assert one.done_us == NOW_US


def test_nanoseconds_are_read() -> None:
    event = receipt(TO, "m", "READ", NOW - 1, "", 0)
    event["sendTime"] = event["sendTime"].replace("Z", "456789Z")
    one = read(msgspec.json.encode(event), now_us=NOW_US).receipt
    assert one is not None
    assert one.done_us < NOW_US


def test_nothing_reaches_the_database_that_it_cannot_hold() -> None:
    raw = (
        b'{"senderPhoneNumber":"919812345678","messageId":"m","text":"a\\u0000b\\ud800c",'
        b'"sendTime":"x"}'
    )
    told = read(raw.replace(b"\\ud800", b"?"), now_us=NOW_US)
    assert told.message is not None
    assert told.message.body == "ab?c"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = (
    "eventType", "messageId", "senderPhoneNumber", "sendTime", "text", "reason", "code",
    "suggestionResponse", "location", "userFile", "RCSMessage", "messageContact", "message",
    "agentId", "data", "attributes", "payload", "postbackData", "status", "msgId",
)  # fmt: skip
_KNOWN = st.recursive(
    _JSON | st.sampled_from([TO, "DELIVERED", "FAILED", "m-1", "e30="]),
    lambda inner: st.dictionaries(st.sampled_from(_FIELDS), inner, max_size=5),
    max_leaves=12,
)


def _survives(raw: bytes) -> None:
    try:
        told = read(raw, now_us=NOW_US)
    except CallbackError:
        return
    one = told.receipt
    for text in (
        told.bot_id,
        *((told.message.body, told.message.postback) if told.message else ()),
        *((one.provider_message_id, one.error, one.recipient) if one else ()),
    ):
        assert "\0" not in text
        text.encode()


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    _survives(raw)


@given(_KNOWN)
def test_any_json_bare(value: Any) -> None:
    _survives(msgspec.json.encode(value))


@given(_KNOWN)
def test_any_json_wrapped(value: Any) -> None:
    _survives(wrapped(value, business_id=BOT))
