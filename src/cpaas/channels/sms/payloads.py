"""A message as submit_sm requests: addresses, coding, parts, receipts wanted, validity, DLT TLVs.

Pure, and made before the message is claimed, so that a message that cannot be written never looks
as if it had been sent.
"""

from datetime import timedelta
from functools import lru_cache
from typing import Any

from cpaas.channels.base import NotEncodableError
from cpaas.channels.sms.config import DltTag, SmsSettings
from cpaas.channels.sms.dlt_chain import chained
from cpaas.messages.envelopes import Outgoing
from cpaas.smpp.gsm import decode_gsm
from cpaas.smpp.pdu import CancelSm, SubmitSm
from cpaas.smpp.text import DATA_CODING, Encoding, Segment, encode_text, split
from cpaas.smpp.times import format_relative
from cpaas.smpp.tlv import Tag, Tlvs

ALPHANUMERIC, INTERNATIONAL, SHORT_CODE = (5, 0), (1, 1), (3, 0)
SHORT_CODE_DIGITS_MAX = 8
SENDER_OCTETS_MAX = 20
SHORT_MESSAGE_OCTETS_MAX = 254
#: longer validities are left to the carrier: a relative SMPP time ends at a month.
VALIDITY_SECONDS_MAX = 30 * 86_400
_ENCODINGS = {"GSM7": Encoding.GSM7, "UCS2": Encoding.UCS2, "LATIN1": Encoding.LATIN1}


def submit_parts(
    settings: SmsSettings, message: Outgoing, now_us: int
) -> tuple[int, list[tuple[int, SubmitSm]]]:
    """How many parts the message has, and those still to be sent with their numbers from 1.

    Errors: NotEncodableError.
    """
    segments = _segments(settings, message)
    ton, npi, source = sender(settings, message.sender)
    to_ton, to_npi, destination = _destination(settings, message.to)
    dlt: Tlvs = {}
    if message.dlt and settings.dlt:
        fields = chained(message.dlt, settings.dlt_chain, settings.dlt_tm_id)
        dlt = dlt_tlvs(settings.dlt, fields)
    if settings.pass_tlvs and message.content:
        dlt = _passed(settings.pass_tlvs, message.content) | dlt
    parts = []
    done = message.parts_done
    for number, segment in enumerate(segments, 1):
        if number in done:
            continue
        tlvs: Tlvs = dlt
        short_message = segment.short_message
        if segment.sar is not None:
            tlvs = dlt | _sar(segment.sar)
        elif len(short_message) > SHORT_MESSAGE_OCTETS_MAX:
            tlvs, short_message = dlt | {int(Tag.MESSAGE_PAYLOAD): [short_message]}, b""
        parts.append(
            (
                number,
                SubmitSm(
                    settings.service_type, ton, npi, source, to_ton, to_npi, destination,
                    esm_class=segment.esm_class_udhi,
                    validity_period=_validity(settings, message, now_us),
                    registered_delivery=_registered(settings, message),
                    data_coding=segment.data_coding,
                    short_message=short_message,
                    tlvs=tlvs,
                ),
            )
        )  # fmt: skip
    return len(segments), parts


def cancel_request(settings: SmsSettings, message_id: str, source: str, recipient: str) -> CancelSm:
    """The cancel_sm of one part; its addresses must be those of its submit_sm."""
    ton, npi, address = sender(settings, source)
    to_ton, to_npi, destination = _destination(settings, recipient)
    return CancelSm(
        settings.service_type, message_id, ton, npi, address, to_ton, to_npi, destination
    )


def _registered(settings: SmsSettings, message: Outgoing) -> int:
    forced = settings.registered_delivery
    return message.registered_delivery if forced is None else forced


def _segments(settings: SmsSettings, message: Outgoing) -> list[Segment]:
    encoding = _ENCODINGS.get(message.encoding)
    if encoding is None:
        raise NotEncodableError(f"{message.encoding!r} is no encoding of an SMS")
    try:
        if settings.gsm_charset == "latin1" and encoding is Encoding.GSM7:
            # This SMSC reads data_coding 0 as Latin-1 and turns it into septets itself; the cuts
            # are made where the alphabet of the air wants them.
            return [_as_latin1(one) for one in _cut(settings, message, encoding)]
        return _cut(settings, message, encoding)
    except ValueError as error:
        raise NotEncodableError(str(error)) from error


def _cut(settings: SmsSettings, message: Outgoing, encoding: Encoding) -> list[Segment]:
    if settings.long_message == "payload":
        return [Segment(encode_text(message.text, encoding), 0, DATA_CODING[encoding])]
    bits = {"udh8": 8, "udh16": 16, "sar": None}[settings.long_message]
    return split(message.text, encoding, message.parts_ref, bits)  # type: ignore[arg-type]


def _as_latin1(segment: Segment) -> Segment:
    head = segment.short_message[:1][0] + 1 if segment.esm_class_udhi else 0
    body = segment.short_message[head:]
    text = decode_gsm(body).encode("latin-1")
    return Segment(segment.short_message[:head] + text, segment.esm_class_udhi, 0, segment.sar)


def _sar(sar: tuple[int, int, int]) -> Tlvs:
    reference, total, number = sar
    return {
        int(Tag.SAR_MSG_REF_NUM): [reference.to_bytes(2, "big")],
        int(Tag.SAR_TOTAL_SEGMENTS): [bytes([total])],
        int(Tag.SAR_SEGMENT_SEQNUM): [bytes([number])],
    }


def _validity(settings: SmsSettings, message: Outgoing, now_us: int) -> str:
    if not settings.send_validity:
        return ""
    seconds = (message.valid_until_us - now_us) // 1_000_000
    return _relative(seconds) if 0 < seconds <= VALIDITY_SECONDS_MAX else ""


@lru_cache(maxsize=4096)
def _relative(seconds: int) -> str:
    return format_relative(timedelta(seconds=seconds))


def sender(settings: SmsSettings, value: str) -> tuple[int, int, str]:
    """TON, NPI and source_addr of a sender: letters 5/0, short code 3/0, international 1/1.

    Errors: NotEncodableError when no SMSC could read it.
    """
    ton, npi, address = _sender_by_form(value)
    if len(address) > SENDER_OCTETS_MAX:
        raise NotEncodableError(f"the sender {value!r} is longer than {SENDER_OCTETS_MAX} octets")
    return (
        ton if settings.source_ton is None else settings.source_ton,
        npi if settings.source_npi is None else settings.source_npi,
        address,
    )


@lru_cache(maxsize=4096)
def _sender_by_form(value: str) -> tuple[int, int, str]:
    if not value.isascii():
        raise NotEncodableError(f"the sender {value!r} is not plain ASCII")
    digits = value.removeprefix("+")
    if not digits.isdecimal():
        return (*ALPHANUMERIC, value)
    if value == digits and len(digits) <= SHORT_CODE_DIGITS_MAX:
        return (*SHORT_CODE, digits)
    return (*INTERNATIONAL, digits)


def _destination(settings: SmsSettings, to: str) -> tuple[int, int, str]:
    digits = to.removeprefix("+")
    ton = INTERNATIONAL[0] if settings.dest_ton is None else settings.dest_ton
    npi = INTERNATIONAL[1] if settings.dest_npi is None else settings.dest_npi
    return ton, npi, f"+{digits}" if settings.plus else digits


def _passed(tags: tuple[int, ...], content: dict[str, Any]) -> Tlvs:
    """The vendor TLVs that a customer gave and this carrier knows."""
    given = content.get("tlvs") or {}
    named = {tag: given.get(f"0x{tag:04X}") for tag in tags}
    return {tag: [bytes.fromhex(v) for v in values] for tag, values in named.items() if values}


def dlt_tlvs(tags: dict[str, DltTag], dlt: dict[str, str]) -> Tlvs:
    """The TLVs of a message's DLT fields that this route carries."""
    tlvs: Tlvs = {}
    for field, tag in tags.items():
        value = dlt.get(field)
        if not value:
            continue
        data = value.encode("ascii", "replace")
        if len(data) > tag.max_length:
            raise NotEncodableError(
                f"DLT {field} has {len(data)} octets, this carrier takes {tag.max_length}"
            )
        tlvs[tag.tag] = [data + b"\0" if tag.type == "cstring" else data]
    return tlvs
