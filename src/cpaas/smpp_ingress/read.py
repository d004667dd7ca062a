"""Reads what a customer submits: text, wishes, DLT fields; refuses what cannot be sent."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from cpaas.messages.envelopes import Lane
from cpaas.messages.vendor_tlvs import dlt_of, kept_of
from cpaas.pipeline.check import VALIDITY_SECONDS_MAX, VALIDITY_SECONDS_MIN
from cpaas.pipeline.drafts import Draft
from cpaas.pipeline.units import SEGMENTS_MAX, TLVS
from cpaas.smpp.layout import ESM_UDHI
from cpaas.smpp.parts import Part, part_of
from cpaas.smpp.pdu import DataSm, SubmitMulti, SubmitSm
from cpaas.smpp.status import CommandStatus as St
from cpaas.smpp.times import parse_time
from cpaas.smpp.tlv import Tag, tlv_int

Submitted = SubmitSm | SubmitMulti | DataSm
#: bits 2 to 5 of esm_class: anything but a message of its own kind.
_MESSAGE_TYPE: Final = 0x3C
_BINARY: Final = (2, 4)
#: service_type -> lane; any other is transactional.
_LANES: Final[dict[str, Lane]] = {
    "OTP": "otp", "PROMO": "promotional", "PRM": "promotional", "MKT": "promotional",
}  # fmt: skip
_MICROS: Final = 1_000_000


class UnreadableError(Exception):
    """What was submitted cannot be sent; `status` is what the customer is told."""

    def __init__(self, status: St, why: str) -> None:
        super().__init__(why)
        self.status = status


class Wishes(msgspec.Struct, frozen=True):
    """What is asked beside the text. Times are Unix microseconds."""

    send_at_us: int | None
    validity_seconds: int | None
    lane: Lane
    reference: str
    dlt: dict[str, str] | None
    #: "0x1403" -> values in hex.
    tlvs: dict[str, list[str]] | None


def part(pdu: Submitted) -> Part:
    """The text or its part. Errors: UnreadableError."""
    if pdu.esm_class & _MESSAGE_TYPE:
        raise UnreadableError(St.ESME_RINVESMCLASS, "it is no message but a report")
    short_message = b"" if isinstance(pdu, DataSm) else pdu.short_message
    if short_message and Tag.MESSAGE_PAYLOAD in pdu.tlvs:
        raise UnreadableError(
            St.ESME_ROPTPARNOTALLWD, "a text stands in short_message and in message_payload"
        )
    found = part_of(short_message, pdu.esm_class, pdu.data_coding, pdu.tlvs)
    if pdu.esm_class & ESM_UDHI and found.reference is None:
        raise UnreadableError(St.ESME_RINVESMCLASS, "its header is no concatenation header")
    if _alphabet(pdu.data_coding) in _BINARY:
        raise UnreadableError(St.ESME_RINVDCS, "binary messages are not carried")
    if found.total > SEGMENTS_MAX:
        raise UnreadableError(St.ESME_RINVMSGLEN, f"more than {SEGMENTS_MAX} parts")
    return found


def _alphabet(data_coding: int) -> int:
    """The alphabet of a data_coding, as the decoder takes it."""
    if data_coding >= 0xF0:
        return 4 if data_coding & 0x04 else 0
    if 0x10 <= data_coding < 0x40:
        return data_coding & 0x0C
    return data_coding


def wishes(pdu: Submitted, now_us: int) -> Wishes:
    """Schedule, validity, lane, reference and DLT ids. Errors: UnreadableError."""
    now = datetime.fromtimestamp(now_us / _MICROS, UTC)
    schedule = "" if isinstance(pdu, DataSm) else pdu.schedule_delivery_time
    validity = "" if isinstance(pdu, DataSm) else pdu.validity_period
    send_at_us = _time(schedule, now, St.ESME_RINVSCHED)
    until_us = _time(validity, now, St.ESME_RINVEXPIRY)
    seconds = None
    if until_us is not None:
        seconds = (until_us - max(send_at_us or now_us, now_us)) // _MICROS
        if seconds <= 0:
            raise UnreadableError(St.ESME_RINVEXPIRY, "the validity ends before the message goes")
        seconds = min(max(seconds, VALIDITY_SECONDS_MIN), VALIDITY_SECONDS_MAX)
    number = tlv_int(pdu.tlvs, Tag.USER_MESSAGE_REFERENCE)
    try:
        kept = kept_of(pdu.tlvs) if pdu.tlvs else None
    except ValueError as error:
        raise UnreadableError(St.ESME_RINVPARLEN, str(error)) from None
    return Wishes(
        send_at_us, seconds, lane(pdu.service_type), "" if number is None else str(number),
        dlt_of(pdu.tlvs) if pdu.tlvs else None, kept,
    )  # fmt: skip


def lane(service_type: str) -> Lane:
    """The traffic class that a service_type stands for."""
    return _LANES.get(service_type.upper(), "transactional")


def _time(text: str, now: datetime, status: St) -> int | None:
    try:
        moment = parse_time(text, now)
    except (ValueError, OverflowError) as error:
        raise UnreadableError(status, str(error)) from None
    return None if moment is None else int(moment.timestamp() * _MICROS)


def draft(pdu: Submitted, text: str, asked: Wishes) -> Draft:
    """What all recipients share. The carrier's receipt is always wanted: we report by it."""
    return Draft(
        "sms", text, pdu.source_addr, asked.lane, asked.reference, "", asked.send_at_us,
        asked.validity_seconds, 1, asked.dlt,
        content={TLVS: asked.tlvs} if asked.tlvs else None,
    )  # fmt: skip
