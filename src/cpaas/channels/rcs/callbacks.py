"""The hub's webhook in our words: receipts, and what users write, tap and send.

Both envelopes are read: the bare event, and the one in base64 with its attributes. There is no
signature in this family, so nothing here trusts a value further than its form.
"""

import base64
import binascii
import re
from datetime import datetime
from typing import Any, Final

import msgspec

from cpaas.channels.base import CarrierReceipt
from cpaas.channels.rcs.statuses import receipt_failure, receipt_state

RAW_BYTES_MAX: Final = 4096
BODY_BYTES_MAX: Final = 256 * 1024
TEXT_CHARS_MAX: Final = 10_000
ID_CHARS_MAX: Final = 128
SECOND_US: Final = 1_000_000
BEHIND_US: Final = 7 * 86_400 * SECOND_US
_NUMBER: Final = re.compile(r"\+?([1-9][0-9]{6,14})")
_ID: Final = re.compile(r"[!-~]{1,128}")
_GSMA: Final = {
    "sent": "SENT", "delivered": "DELIVERED", "read": "READ", "displayed": "READ",
    "failed": "FAILED",
}  # fmt: skip


class CallbackError(Exception):
    """The body is none of the hub's; says why."""


class UserMessage(msgspec.Struct, frozen=True):
    """What a user sent: `body` as text; `postback` of a tap; `url` of a file."""

    sender: str
    message_id: str
    body: str
    kind: str
    postback: str = ""
    url: str = ""
    at_us: int = 0


class Told(msgspec.Struct, frozen=True):
    """One call of the webhook. bot_id "" = the body does not name it."""

    bot_id: str
    receipt: CarrierReceipt | None = None
    message: UserMessage | None = None


def read(raw: bytes, *, now_us: int, token: object = None) -> Told:
    """What a call tells; neither receipt nor message = it needs nothing done (typing).

    Errors: CallbackError.
    """
    if len(raw) > BODY_BYTES_MAX:
        raise CallbackError(f"the body is over {BODY_BYTES_MAX} bytes")
    outer = _decoded(raw)
    bot_id, event = _unwrapped(outer)
    bot_id = bot_id or _text(event.get("botId") or event.get("agentId"))
    if "eventType" in event:
        return Told(bot_id, receipt=_receipt(event, raw, now_us, token))
    return Told(bot_id, message=_message(event, now_us))


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CallbackError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise CallbackError("the body is no JSON object")
    return value


def _unwrapped(outer: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Bot and inner event."""
    gsma = outer.get("RCSMessage")
    if isinstance(gsma, dict):
        contact = outer.get("messageContact")
        return "", {
            "eventType": _GSMA.get(str(gsma.get("status")).lower(), str(gsma.get("status"))),
            "messageId": gsma.get("msgId"), "sendTime": gsma.get("timestamp"),
            "reason": gsma.get("reason", ""),
            "senderPhoneNumber": contact.get("userContact") if isinstance(contact, dict) else "",
        }  # fmt: skip
    message = outer.get("message")
    if not isinstance(message, dict) or "data" not in message:
        return "", outer
    data = message["data"]
    if not isinstance(data, str):
        raise CallbackError("message.data must be base64")
    attributes = message.get("attributes")
    bot = attributes.get("business_id") if isinstance(attributes, dict) else ""
    return _text(bot), _decoded(_base64(data))


def _base64(data: str) -> bytes:
    plain = data.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CallbackError(f"message.data is not base64: {error}") from None


def _receipt(
    event: dict[str, Any], raw: bytes, now_us: int, token: object
) -> CarrierReceipt | None:
    kind = _text(event.get("eventType")).upper()
    state = receipt_state(kind)
    if state is None:
        return None
    message_id = event.get("messageId")
    if not isinstance(message_id, str) or not _ID.fullmatch(message_id):
        raise CallbackError(f"{kind} names no messageId")
    code = event.get("code")
    error_code = error = ""
    if kind == "FAILED":
        reason = _text(event.get("reason"))
        state, error_code, error = receipt_failure(reason, _integer(code))
    elif state == "EXPIRED":
        error_code, error = "expired_at_carrier", "It expired before the handset could be reached."
    return CarrierReceipt(
        message_id, state, error_code, error, _moment_us(event.get("sendTime"), now_us),
        _number(event.get("senderPhoneNumber"), needed=False), "", raw[:RAW_BYTES_MAX], token,
    )  # fmt: skip


def _message(event: dict[str, Any], now_us: int) -> UserMessage:
    tap = event.get("suggestionResponse")
    place, file = event.get("location"), event.get("userFile")
    if not (isinstance(tap, dict) or isinstance(place, dict) or isinstance(file, dict)):
        if not isinstance(event.get("text"), str):
            raise CallbackError("the event has neither eventType nor content")
        tap = place = file = None
    sender = _number(event.get("senderPhoneNumber"), needed=True)
    message_id = _text(event.get("messageId"))[:ID_CHARS_MAX]
    at_us = _moment_us(event.get("sendTime"), now_us)
    if isinstance(tap, dict):
        body = _text(tap.get("text")) or _text(tap.get("postbackData"))
        return UserMessage(
            sender, message_id, body, "tap", postback=_text(tap.get("postbackData")), at_us=at_us
        )
    if isinstance(place, dict):
        body = f"{_degrees(place.get('latitude'))},{_degrees(place.get('longitude'))}"
        return UserMessage(sender, message_id, body, "location", at_us=at_us)
    if isinstance(file, dict):
        payload = file.get("payload")
        payload = payload if isinstance(payload, dict) else {}
        url = _text(payload.get("fileUri"))[:2048]
        name = _text(payload.get("fileName")) or _text(payload.get("mimeType"))
        body = " ".join(filter(None, (name, url)))
        return UserMessage(sender, message_id, body, "file", url=url, at_us=at_us)
    return UserMessage(sender, message_id, _text(event.get("text")), "text", at_us=at_us)


def _text(value: object) -> str:
    """Text that the database can hold: no NUL, no half of a surrogate pair, not endless."""
    if not isinstance(value, str):
        return ""
    return value[:TEXT_CHARS_MAX].replace("\0", "").encode(errors="replace").decode()


def _number(value: object, *, needed: bool) -> str:
    match = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        if needed:
            raise CallbackError("senderPhoneNumber is no number")
        return ""
    return match[1]


def _integer(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:6])
    return value if isinstance(value, int) and abs(value) < 1_000_000 else 0


def _degrees(value: object) -> str:
    return f"{value:.6f}" if isinstance(value, (int, float)) and abs(value) <= 360 else "?"


def _moment_us(value: object, now_us: int) -> int:
    """When the hub says it happened; now, where that cannot be."""
    if not isinstance(value, str):
        return now_us
    try:
        moment = datetime.fromisoformat(_microseconds(value))
        told = int(moment.timestamp() * SECOND_US)
    except (ValueError, OverflowError, OSError):
        return now_us
    if moment.tzinfo is None or not now_us - BEHIND_US <= told <= now_us:
        return now_us
    return told


def _microseconds(text: str) -> str:
    """Nanoseconds cut off: some hubs write nine digits."""
    return re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text[:40])
