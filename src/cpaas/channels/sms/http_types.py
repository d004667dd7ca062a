"""SMS over HTTP: what a dialect writes and reads. Values and one protocol; no socket here."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from cpaas.channels.base import ReceiptState
from cpaas.channels.errors import CATALOGUE, CarrierError
from cpaas.messages.envelopes import Outgoing

#: dialects of a route of channel sms that speak HTTP.
HTTP_DIALECTS: Final = ("kannel", "jasmin", "template")
BODY_SHOWN_MAX: Final = 120


class Call(msgspec.Struct, frozen=True):
    """One HTTP request to a carrier; `reference` is our own id of it, "<message>.<attempt>"."""

    method: str
    url: str
    reference: str
    headers: dict[str, str] = {}
    body: bytes = b""


class Said(msgspec.Struct, frozen=True):
    """What an answer means; error None = accepted under `provider_id`."""

    provider_id: str | None
    error: CarrierError | None = None
    code: str = ""


class Report(msgspec.Struct, frozen=True):
    """What a carrier brought to a route's receipt address.

    fields: query and form, or a JSON body as it is under "". to and sender stand in the path, if
    the address was given with a message.
    """

    fields: Mapping[str, Any]
    to: str = ""
    sender: str = ""
    raw: bytes = b""


class Told(msgspec.Struct, frozen=True):
    """One receipt in our words, before it is known of which route."""

    provider_id: str
    state: ReceiptState
    error_code: str = ""
    error: str = ""
    to: str = ""
    sender: str = ""
    done_us: int = 0


class UnreadableCallbackError(Exception):
    """A call to the receipt address is no receipt of this dialect; says what is missing."""


class Dialect(Protocol):
    """How one kind of HTTP gateway is spoken to."""

    @property
    def ack(self) -> bytes:
        """What the carrier wants to read when its receipt is stored."""

    def calls(self, message: Outgoing, now_us: int) -> tuple[int, list[tuple[int, Call]]]:
        """How many parts the message has and those still to be sent. Errors: NotEncodableError."""

    def answer(self, call: Call, status: int, body: bytes) -> Said:
        """What the carrier's answer means."""

    def receipts(self, report: Report) -> Sequence[Told]:
        """The receipts of a report. Errors: UnreadableCallbackError."""


def refused(code: str, words: str) -> Said:
    """The carrier did not take the message; `words` are its own."""
    return Said(None, CATALOGUE[code], words)


def unknown(words: str) -> Said:
    """Nobody can tell whether the carrier took the message."""
    return Said(None, CATALOGUE["unknown_outcome"], words)


def words_of(status: int, body: bytes) -> str:
    """An answer in one short line, for people: "HTTP 403: Authorization failed"."""
    text = body[: BODY_SHOWN_MAX * 4].decode("utf-8", "replace")
    text = "".join(c if c.isprintable() else " " for c in text).strip()[:BODY_SHOWN_MAX]
    return f"HTTP {status}: {text}" if text else f"HTTP {status}"


def by_status(status: int, words: str) -> Said:
    """An answer that only its HTTP status explains; for what is no success.

    A status that a proxy gives for a carrier that went silent leaves the outcome open.
    """
    if status == 429:
        return refused("carrier_throttled", words)
    if status == 503:
        return refused("carrier_temporary", words)
    if status in {401, 403}:
        return refused("route_down", words)
    if status == 404 or 300 <= status < 400:
        return refused("carrier_refused_route", words)
    if status >= 500 or status < 200:
        return unknown(words)
    return refused("message_refused", words)


def reference(message: Outgoing, number: int = 0) -> str:
    """Our own id of one attempt at a message, and of one of its parts."""
    base = f"{message.id.hex()}.{message.attempt}"
    return f"{base}.{number}" if number else base
