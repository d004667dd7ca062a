"""A message's event as a call in another system's words: Kannel's, Jasmin's or Twilio's.

The event's own body says all there is to say, so what is retried or replayed is written anew.
"""

import base64
import calendar
import hmac
import re
import time
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from cpaas.messages.door_wish import (
    JASMIN_REPORTS,
    KANNEL_BITS,
    TWILIO_STATUSES,
    DoorWish,
)

FORM: Final = b"application/x-www-form-urlencoded"
ACK: Final = b"ACK/Jasmin"
_ESCAPE: Final = re.compile(r"%([a-zA-Z%])")
#: our error codes in Twilio's numbers; any other failure is 30008, unknown error.
_TWILIO_ERRORS: Final = {
    "blocked": "21610", "invalid_destination": "30005", "undeliverable": "30003",
    "expired": "30036", "expired_at_carrier": "30036", "no_receipt": "30036",
    "dlt_refused": "30007", "message_refused": "30007", "invalid_sender": "21606",
}  # fmt: skip


class DoorCall(msgspec.Struct, frozen=True):
    """One call; `ack`: what a success must answer, empty = any 2xx."""

    method: str
    url: str
    headers: list[tuple[bytes, bytes]] = []
    body: bytes = b""
    content_type: bytes = b""
    ack: bytes = b""


def call_of(wish: DoorWish, event_type: str, body: bytes, account_sid: str, token: str) -> DoorCall:
    """The call that tells an event; account_sid and token are Twilio's, "" where there are none."""
    document = msgspec.json.decode(body)
    data = document["data"]
    if wish.kind == "kannel":
        return DoorCall("GET", _kannel(wish.url, event_type, data, document["timestamp"]))
    if wish.kind == "jasmin_batch":
        return DoorCall("GET", _asked(wish.url, data))
    if wish.kind == "jasmin":
        return _jasmin(wish, event_type, data)
    return _twilio(wish.url, event_type, data, account_sid, token)


def account_sid(account_id: int) -> str:
    """An account's id in Twilio's form."""
    return f"AC{account_id:032x}"


def error_code(data: dict[str, Any]) -> str | None:
    """A message's error in Twilio's numbers; None without one."""
    found = data.get("error_code")
    return _TWILIO_ERRORS.get(found, "30008") if found else None


def signature(token: str, url: str, fields: dict[str, str]) -> bytes:
    """X-Twilio-Signature: HMAC-SHA1 over the URL and each field, by name."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1"))


def _receipt(data: dict[str, Any], stat: str) -> str:
    """A receipt's text as an SMSC writes it."""
    done = _compact(data.get("delivered_at") or data.get("submitted_at") or "")
    sent = _compact(data.get("submitted_at") or "")
    parts = f"{data.get('segments') or 1:03d}"
    err = data.get("error_code") or "000"
    arrived = parts if stat == "DELIVRD" else "000"
    return (
        f"id:{data['id']} sub:{parts} dlvrd:{arrived} submit date:{sent} done date:{done} "
        f"stat:{stat} err:{err} text:"
    )


def _compact(moment: str) -> str:
    digits = re.sub(r"\D", "", moment)
    return digits[2:12]


def _kannel(url: str, event_type: str, data: dict[str, Any], timestamp: str) -> str:
    """The dlr-url with its escapes filled in, each as a part of a URL."""
    bit = KANNEL_BITS[event_type]
    stat = JASMIN_REPORTS[event_type][1]
    if bit == 8:
        reply = "ACK/"
    elif bit == 16:
        reply = f"NACK/{data.get('error_code') or ''}/{data.get('error') or ''}"
    else:
        reply = _receipt(data, stat)
    moment = time.strptime(timestamp[:19], "%Y-%m-%dT%H:%M:%S")
    words = [*reply.split(" "), "", ""]
    values = {
        "d": str(bit), "A": reply, "a": reply, "b": reply, "k": words[0], "s": words[1],
        "S": words[2], "r": reply.partition(" ")[2], "p": data["to"], "q": data["to"],
        "P": data["from"], "Q": data["from"], "i": "cpaas", "I": data["id"],
        "F": data.get("provider_message_id") or data["id"],
        "t": time.strftime("%Y-%m-%d %H:%M:%S", moment), "T": str(_seconds(moment)), "n": "",
        "c": "-1", "m": "-1", "M": "-1", "C": "UTF-8", "u": "", "B": "",
        "o": data.get("reference") or "", "O": "00", "f": "", "D": "", "R": url, "%": "%",
    }  # fmt: skip
    return _ESCAPE.sub(lambda match: quote(values.get(match[1], match[0]), safe=""), url)


def _seconds(moment: time.struct_time) -> int:
    return calendar.timegm(moment)


def _jasmin(wish: DoorWish, event_type: str, data: dict[str, Any]) -> DoorCall:
    level, status = JASMIN_REPORTS[event_type]
    fields = {
        "id": data["id"], "level": str(level), "message_status": status, "connector": "cpaas",
    }  # fmt: skip
    if level == 2:
        parts = f"{data.get('segments') or 1:03d}"
        fields |= {
            "id_smsc": data.get("provider_message_id") or data["id"],
            "subdate": _compact(data.get("submitted_at") or ""),
            "donedate": _compact(data.get("delivered_at") or data.get("submitted_at") or ""),
            "sub": parts, "dlvrd": parts if status == "DELIVRD" else "000",
            "err": data.get("error_code") or "000", "text": "",
        }  # fmt: skip
    if wish.choice.endswith("G"):
        return DoorCall("GET", _asked(wish.url, fields), ack=ACK)
    return DoorCall("POST", wish.url, [], urlencode(fields).encode(), FORM, ACK)


def _asked(url: str, fields: dict[str, Any]) -> str:
    """A URL with these fields in its query."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}"


def _twilio(
    url: str, event_type: str, data: dict[str, Any], account_sid: str, token: str
) -> DoorCall:
    sid = "SM" + data["id"].replace("-", "")
    status = TWILIO_STATUSES[event_type]
    fields = {
        "SmsSid": sid, "SmsStatus": status, "MessageStatus": status, "To": data["to"],
        "MessageSid": sid, "AccountSid": account_sid, "From": data["from"],
        "ApiVersion": "2010-04-01",
    }  # fmt: skip
    code = error_code(data)
    if code is not None and status in {"failed", "undelivered"}:
        fields["ErrorCode"] = code
    headers = []
    if token:
        headers.append((b"X-Twilio-Signature", signature(token, url, fields)))
    return DoorCall("POST", url, headers, urlencode(fields).encode(), FORM)
