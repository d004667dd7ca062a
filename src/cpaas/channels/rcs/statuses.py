"""The hub's answers and events in our words: the error catalogue and the states of receipts.

The hub's words decide before its HTTP status, since the same status is used for several faults
and a fault has been seen inside a 200.
"""

from typing import Any, Final

import msgspec

from cpaas.channels.base import ReceiptState
from cpaas.channels.errors import CATALOGUE, CarrierError

#: word or part of the hub's text, in lower case -> code of the catalogue; the first that fits.
WORDS: Final[tuple[tuple[str, str], ...]] = (
    # Its text advises a template, so it comes before what is about templates.
    ("open conversation", "no_conversation"),
    ("insufficient_balance", "carrier_balance"),
    ("insufficient balance", "carrier_balance"),
    ("curfew", "carrier_curfew"),
    ("rcs_disabled", "not_capable"),
    ("not rcs", "not_capable"),
    ("invalid_template", "template_refused"),
    ("invalid template", "template_refused"),
    ("opted_out", "opted_out"),
    ("opted out", "opted_out"),
    ("dnd", "opted_out"),
    ("rate_limit", "carrier_throttled"),
    ("rate limit", "carrier_throttled"),
    ("requests per second", "carrier_throttled"),
    ("requests-per-second", "carrier_throttled"),
    ("too many requests", "carrier_throttled"),
    ("invalid client", "account_stopped"),
    ("ip address", "account_stopped"),
    ("internal_server_error", "carrier_temporary"),
)
_BY_STATUS: Final[dict[int, str]] = {
    400: "message_refused",
    402: "carrier_balance",
    403: "carrier_refused_route",
    404: "not_capable",
    410: "opted_out",
    423: "opted_out",
    429: "carrier_throttled",
}
_DUPLICATE_WORDS: Final = ("already exists", "duplicate")
_STATES: Final[dict[str, ReceiptState]] = {
    "SENT": "ENROUTE",
    "DELIVERED": "DELIVERED",
    "READ": "READ",
    "FAILED": "FAILED",
    "TTL_EXPIRATION_REVOKED": "EXPIRED",
    # It may still arrive: the hub could not take it back.
    "TTL_EXPIRATION_REVOKE_FAILED": "ENROUTE",
}
#: what the hub tells later but would have refused at once: nothing reached a handset.
_REFUSED: Final = frozenset({"not_capable", "template_refused", "no_conversation", "opted_out"})


class Answered(msgspec.Struct, frozen=True):
    """What an answer to a send means.

    message_id: the hub has it under this id. stale: the token holds no longer. known: the hub had
    it already, from an attempt whose answer was lost.
    """

    message_id: str | None = None
    error: CarrierError | None = None
    code: str = ""
    stale: bool = False
    known: bool = False


def read_answer(
    status: int, raw: bytes, message_id: str, duplicate_statuses: tuple[int, ...] = (409,)
) -> Answered:
    """The meaning of an HTTP answer to the send of `message_id`."""
    body = _object(raw)
    word, text, inner = _fault(body)
    said = f"{word} {text}".lower()
    code = f"HTTP {status}{f' {text or word}' if text or word else ''}"[:500]
    if 200 <= status < 300 and not (word or text):
        return Answered(_named(body) or message_id)
    if status == 401 or word == "invalid_token":
        return Answered(error=CATALOGUE["account_stopped"], code=code, stale=True)
    shown = inner if 200 <= status < 300 and inner else status
    duplicate = any(one in said for one in _DUPLICATE_WORDS)
    if duplicate or (shown in duplicate_statuses and "template" not in said):
        return Answered(message_id, code=code, known=True)
    return Answered(error=CATALOGUE[_class(said, shown)], code=code)


def receipt_state(event_type: str) -> ReceiptState | None:
    """The state that an event tells; None for one that is about no message's way."""
    return _STATES.get(event_type)


def receipt_failure(reason: str, code: int) -> tuple[ReceiptState, str, str]:
    """State, error code and what a customer reads, of an event FAILED."""
    said = reason.lower()
    known = next((name for word, name in WORDS if word in said), "") or (
        _BY_STATUS.get(code, "") if code not in (400, 403) else ""
    )
    if known in _REFUSED:
        return "REJECTED", known, CATALOGUE[known].text
    own = reason.strip()[:300] or "no reason given"
    return "FAILED", known or "undeliverable", f"The carrier could not deliver it: {own}."


def token_error(status: int) -> CarrierError:
    """What the token endpoint's refusal means for the messages that wait for it."""
    if status == 429:
        return CATALOGUE["carrier_throttled"]
    if 400 <= status < 500:
        return CATALOGUE["account_stopped"]
    return CATALOGUE["carrier_temporary"]


def _class(said: str, status: int) -> str:
    for word, name in WORDS:
        if word in said:
            return name
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return "carrier_temporary" if status >= 500 or status == 408 else "message_refused"


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _fault(body: dict[str, Any]) -> tuple[str, str, int]:
    """Word, text and code of a fault told in a body; empty when it tells none."""
    error = body.get("error")
    if isinstance(error, str):
        return error, str(body.get("error_description") or ""), 0
    if isinstance(error, dict):
        inner = error.get("code")
        text = str(error.get("message") or "")
        word = str(error.get("status") or "")
        return word or "error", text, inner if isinstance(inner, int) else 0
    if "name" not in body and ("reason" in body or body.get("eventType") == "FAILED"):
        return str(body.get("eventType") or "FAILED"), str(body.get("reason") or ""), 0
    return "", "", 0


def _named(body: dict[str, Any]) -> str | None:
    for field in ("messageId", "name", "id", "msgId"):
        value = body.get(field)
        if isinstance(value, str) and value:
            return value.rpartition("/")[2] or None
    return None
