"""Status callbacks of a Calls API: genuine ones, in our words.

Signature: base64(HMAC-SHA1(auth token, URL + every parameter's name and value in the order of
names)), compared with and without the URL's port, since proxies differ.
"""

import base64
import hmac
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import msgspec

SIGNATURE: Final = "X-Twilio-Signature"
FORM_BYTES_MAX: Final = 64 * 1024
PARAMETERS_MAX: Final = 200
TWIML_TYPE: Final = "text/xml"
NOTHING: Final = b'<?xml version="1.0" encoding="UTF-8"?><Response><Hangup/></Response>'


class CallbackError(Exception):
    """A callback that is not read; says why."""


class CallUpdate(msgspec.Struct, frozen=True):
    """One status callback. seconds None = it tells none. done_us 0 = it tells no time."""

    sid: str
    status: str
    to: str
    sender: str
    seconds: int | None
    digits: str
    sip_code: str
    answered_by: str
    done_us: int


def read_form(body: bytes) -> list[tuple[str, str]]:
    """The parameters of a callback. Errors: CallbackError."""
    if len(body) > FORM_BYTES_MAX:
        raise CallbackError(f"a callback of {len(body)} bytes")
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=PARAMETERS_MAX, errors="strict"
        )
    except ValueError as error:
        raise CallbackError(f"no form: {error}") from None


def sign(token: str, url: str, form: Sequence[tuple[str, str]]) -> str:
    """The signature of a callback to `url`."""
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


def genuine(token: str, url: str, form: Sequence[tuple[str, str]], signature: str) -> bool:
    """Whether a callback comes from who knows the auth token."""
    return bool(signature) and any(
        hmac.compare_digest(sign(token, one, form).encode(), signature.encode())
        for one in _spellings(url)
    )


def call_update(form: Sequence[tuple[str, str]]) -> CallUpdate:
    """What a status callback tells. Errors: CallbackError."""
    told = dict(form)
    sid, status = told.get("CallSid", ""), told.get("CallStatus") or told.get("Status", "")
    if not sid or not status:
        raise CallbackError("no CallSid or no CallStatus")
    duration = told.get("CallDuration", "")
    return CallUpdate(
        sid, status.lower(), told.get("To", ""), told.get("From", ""),
        int(duration) if duration.isdecimal() else None, told.get("Digits", ""),
        told.get("SipResponseCode", ""), told.get("AnsweredBy", ""),
        _moment(told.get("Timestamp", "")),
    )  # fmt: skip


def _spellings(url: str) -> list[str]:
    """The URL as it is, with its port and without."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return [url, *(urlunsplit(parts._replace(netloc=one)) for one in (host, f"{host}:{port}"))]


def _moment(text: str) -> int:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return 0
    return int(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1_000_000)
