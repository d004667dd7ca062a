"""Events as the hub puts them on a bot's webhook: bare, wrapped in base64, or the GSMA's way."""

import base64
import itertools
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from cpaas.kit.ids import new_id

_GSMA: Final = {"SENT": "sent", "DELIVERED": "delivered", "READ": "read", "FAILED": "failed"}


def rfc3339(seconds: float) -> str:
    """A moment as the hub writes it."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def receipt(
    msisdn: str, message_id: str, kind: str, at: float, reason: str, code: int
) -> dict[str, Any]:
    """The inner JSON of an event about one of the bot's messages."""
    event: dict[str, Any] = {
        "senderPhoneNumber": msisdn, "eventType": kind, "eventId": str(new_id()),
        "messageId": message_id, "sendTime": rfc3339(at),
    }  # fmt: skip
    if reason:
        event["reason"] = reason
    if code:
        event["code"] = code
    return event


def message(msisdn: str, at: float, **content: Any) -> dict[str, Any]:
    """The inner JSON of what a user sent: text, suggestionResponse, location or userFile."""
    return {
        "senderPhoneNumber": msisdn, "messageId": str(new_id()), "sendTime": rfc3339(at), **content
    }  # fmt: skip


class Envelopes:
    """Puts inner JSON into the body that is posted."""

    def __init__(self) -> None:
        self._turn = itertools.cycle(("bare", "wrapped", "urlsafe"))

    def body(self, style: str, bot: str, inner: dict[str, Any], at: float) -> bytes:
        """The body; style: bare, wrapped, gsma, or mixed for each of the first two in turn."""
        if style == "mixed":
            style = next(self._turn)
        if style == "gsma" and inner.get("eventType") in _GSMA:
            return msgspec.json.encode(
                {
                    "event": "message_status",
                    "RCSMessage": {
                        "msgId": inner["messageId"], "status": _GSMA[inner["eventType"]],
                        "timestamp": inner["sendTime"],
                    },
                    "messageContact": {"userContact": inner["senderPhoneNumber"]},
                }
            )  # fmt: skip
        if style in ("bare", "gsma"):
            return msgspec.json.encode(inner)
        return _wrapped(bot, inner, at, urlsafe=style == "urlsafe")


def _wrapped(bot: str, inner: dict[str, Any], at: float, *, urlsafe: bool) -> bytes:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    attributes = {
        "business_id": bot, "product": "RBM",
        "type": "event" if "eventType" in inner else "message",
    }  # fmt: skip
    if "text" in inner:
        attributes["message_type"] = "TEXT"
    return msgspec.json.encode(
        {
            "subscription": f"projects/hub/subscriptions/{bot}",
            "message": {
                "data": encode(msgspec.json.encode(inner)).decode(),
                "attributes": attributes, "messageId": str(new_id()), "publishTime": rfc3339(at),
            },
        }
    )  # fmt: skip
