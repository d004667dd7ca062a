"""Receipts and replies as deliver_sm, from the events that webhooks tell, too."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from cpaas.smpp.layout import ESM_INTERMEDIATE, ESM_RECEIPT
from cpaas.smpp.pdu import DeliverSm
from cpaas.smpp.receipt import FINAL_STATES, MessageState, receipt_text
from cpaas.smpp.text import DATA_CODING, encode_text, plan
from cpaas.smpp.tlv import Tag, Tlvs

RECEIPT: Final = "receipt"
REPLY: Final = "reply"
STATES: Final[dict[str, MessageState]] = {
    "SCHEDULED": MessageState.SCHEDULED, "QUEUED": MessageState.ACCEPTD,
    "SENDING": MessageState.ENROUTE, "SUBMITTED": MessageState.ENROUTE,
    "DELIVERED": MessageState.DELIVRD, "READ": MessageState.DELIVRD,
    "FAILED": MessageState.UNDELIV, "REJECTED": MessageState.REJECTD,
    "EXPIRED": MessageState.EXPIRED, "BLOCKED": MessageState.REJECTD,
    "CANCELLED": MessageState.DELETED,
}  # fmt: skip
#: our own codes as the three digits that `err:` has room for.
ERRORS: Final[dict[str, str]] = {
    "blocked": "901", "no_route": "902", "channel_disabled": "903", "unknown_outcome": "904",
    "no_receipt": "905", "parts_missing": "906", "expired": "907", "cancelled": "908",
    "invalid_destination": "911", "invalid_sender": "912", "message_refused": "913",
    "dlt_refused": "914", "not_encodable": "915", "undeliverable": "916",
}  # fmt: skip
_OTHER_ERROR: Final = "900"
_CODE_CHARS_MAX: Final = 6
SHORT_MESSAGE_MAX: Final = 254
_ALPHANUMERIC: Final = (5, 0)
_NUMBER: Final = (1, 1)
_SHORT: Final = (3, 0)
_SHORT_DIGITS_MAX: Final = 8


class Data(msgspec.Struct, rename={"sender": "from"}):
    """What a receipt needs of an event's data."""

    id: str
    to: str
    sender: str
    status: str
    error_code: str | None = None
    submitted_at: str | None = None


class Told(msgspec.Struct):
    """What is kept of a receipt: the event's own time and data."""

    timestamp: str
    data: Data


class Reply(msgspec.Struct, rename={"sender": "from"}):
    """What is kept of a reply from a handset."""

    sender: str
    to: str
    text: str


class _ReplyEvent(msgspec.Struct):
    data: Reply


_told: Final = msgspec.json.Decoder(Told)
_reply: Final = msgspec.json.Decoder(Reply)
_reply_event: Final = msgspec.json.Decoder(_ReplyEvent)
encode: Final = msgspec.json.Encoder().encode


def kept(body: bytes, message_id: str) -> bytes:
    """An event's body cut to what its receipt needs; message_id: as the ESME knows it, or ""."""
    told = _told.decode(body)
    if message_id:
        told.data.id = message_id
    return encode(told)


def kept_reply(body: bytes) -> bytes:
    """The body of a message.received event cut to what its deliver_sm needs."""
    return encode(_reply_event.decode(body).data)


def deliver_sm(kind: str, body: bytes) -> DeliverSm:
    """The PDU of a kept receipt or reply."""
    if kind == REPLY:
        return _reply_pdu(_reply.decode(body))
    told = _told.decode(body)
    data = told.data
    state = STATES.get(data.status, MessageState.UNKNOWN)
    done = _moment(told.timestamp)
    text = receipt_text(
        data.id, state, submitted=_moment(data.submitted_at or told.timestamp), done=done,
        err=_err(state, data.error_code or ""),
    )  # fmt: skip
    tlvs: Tlvs = {
        int(Tag.RECEIPTED_MESSAGE_ID): [data.id.encode() + b"\0"],
        int(Tag.MESSAGE_STATE): [bytes([state])],
    }
    return DeliverSm(
        "", *_address(data.to), *_address(data.sender),
        esm_class=ESM_RECEIPT if state in FINAL_STATES else ESM_INTERMEDIATE,
        short_message=text, tlvs=tlvs,
    )  # fmt: skip


def _reply_pdu(reply: Reply) -> DeliverSm:
    encoding = plan(reply.text).encoding
    data = encode_text(reply.text, encoding)
    is_long = len(data) > SHORT_MESSAGE_MAX
    tlvs: Tlvs = {int(Tag.MESSAGE_PAYLOAD): [data]} if is_long else {}
    return DeliverSm(
        "", *_address(reply.sender), *_address(reply.to), data_coding=DATA_CODING[encoding],
        short_message=b"" if is_long else data, tlvs=tlvs,
    )  # fmt: skip


def _err(state: MessageState, code: str) -> str:
    if state is MessageState.DELIVRD:
        return "000"
    known = ERRORS.get(code)
    if known is not None:
        return known
    if code and len(code) <= _CODE_CHARS_MAX and code.isalnum():
        return code.rjust(3, "0")
    return _OTHER_ERROR if code else "000"


def _address(value: str) -> tuple[int, int, str]:
    digits = value.removeprefix("+")
    if not digits.isdecimal():
        return (*_ALPHANUMERIC, value[:20])
    if value == digits and len(digits) <= _SHORT_DIGITS_MAX:
        return (*_SHORT, digits)
    return (*_NUMBER, digits[:20])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
