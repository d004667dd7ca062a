"""submit_sm and deliver_sm packed and unpacked by hand, because nearly all traffic is those two.

The general codec walks a layout; here the layout is written out, which is several times faster.
Anything unusual is left to the general codec, so that the errors are written in one place only.
"""

import struct
from typing import TypeVar

from cpaas.smpp.errors import EncodeError
from cpaas.smpp.layout import DELIVER_SM, RESPONSE, SUBMIT_SM
from cpaas.smpp.pdu import ShortMessage
from cpaas.smpp.tlv import TlvError, decode_tlvs, encode_tlvs, status_text

M = TypeVar("M", bound=ShortMessage)

_HEADER = struct.Struct(">IIII")
_ANSWER = struct.Struct(">IIIIB")
_CHAR = tuple(map(chr, range(256)))

DELIVER_SM_RESP = DELIVER_SM | RESPONSE
SUBMIT_SM_RESP = SUBMIT_SM | RESPONSE


def encode_message(command_id: int, pdu: ShortMessage, sequence: int) -> bytes:
    """Write a submit_sm or deliver_sm with the given sequence number."""
    service, source, dest = pdu.service_type, pdu.source_addr, pdu.destination_addr
    schedule, validity, body = pdu.schedule_delivery_time, pdu.validity_period, pdu.short_message
    if "\0" in source or "\0" in dest or "\0" in service or "\0" in schedule or "\0" in validity:
        raise EncodeError("a text field of the message contains a NUL")
    if len(source) > 20 or len(dest) > 20 or len(service) > 5 or len(body) > 254:
        raise EncodeError(_too_long(pdu))
    if len(schedule) > 16 or len(validity) > 16:
        raise EncodeError("schedule_delivery_time or validity_period is longer than 16 characters")
    c = _CHAR
    try:
        head = (
            f"{service}\0{c[pdu.source_addr_ton]}{c[pdu.source_addr_npi]}{source}\0"
            f"{c[pdu.dest_addr_ton]}{c[pdu.dest_addr_npi]}{dest}\0"
            f"{c[pdu.esm_class]}{c[pdu.protocol_id]}{c[pdu.priority_flag]}"
            f"{schedule}\0{validity}\0"
            f"{c[pdu.registered_delivery]}{c[pdu.replace_if_present_flag]}"
            f"{c[pdu.data_coding]}{c[pdu.sm_default_msg_id]}{c[len(body)]}"
        ).encode("latin-1")
    except IndexError:
        raise EncodeError("a one-byte field of the message is outside 0..255") from None
    except UnicodeEncodeError as error:
        raise EncodeError(f"a text field of the message is not Latin-1: {error}") from None
    if pdu.tlvs:
        body += encode_tlvs(pdu.tlvs)
    length = 16 + len(head) + len(body)
    return _HEADER.pack(length, command_id, 0, sequence) + head + body


def _too_long(pdu: ShortMessage) -> str:
    for name, limit in (("source_addr", 20), ("destination_addr", 20), ("service_type", 5)):
        if len(getattr(pdu, name)) > limit:
            return f"{name} is longer than {limit} characters"
    return "short_message is longer than 254 bytes; use more segments or message_payload"


def decode_message(frame: bytes, cls: type[M], sequence: int) -> M | None:
    """Read a submit_sm or deliver_sm; None when it needs the general codec's closer look."""
    try:
        index = frame.index
        service = index(0, 16)
        source = index(0, service + 3)
        dest = index(0, source + 3)
        schedule = index(0, dest + 4)
        validity = index(0, schedule + 1)
        start = validity + 6
        stop = start + frame[start - 1]
    except (ValueError, IndexError):
        return None
    end = len(frame)
    if (
        stop > end
        or service > 21
        or source - service > 23
        or dest - source > 23
        or schedule - dest > 20
        or validity - schedule > 17
    ):
        return None
    try:
        tlvs = decode_tlvs(frame, stop) if stop < end else {}
    except TlvError:
        return None
    text = frame[:validity].decode("latin-1")
    return cls(
        text[16:service],
        frame[service + 1],
        frame[service + 2],
        text[service + 3 : source],
        frame[source + 1],
        frame[source + 2],
        text[source + 3 : dest],
        frame[dest + 1],
        frame[dest + 2],
        frame[dest + 3],
        text[dest + 4 : schedule],
        text[schedule + 1 : validity],
        frame[validity + 1],
        frame[validity + 2],
        frame[validity + 3],
        frame[validity + 4],
        frame[start:stop],
        sequence=sequence,
        tlvs=tlvs,
    )


def encode_submit_resp(sequence: int, status: int, message_id: str, why: str = "") -> bytes:
    """Write a submit_sm_resp; an error has no message_id, and `why` in a TLV."""
    body = message_id.encode("latin-1") + b"\0"
    if why:
        body += encode_tlvs(status_text(why))
    return _HEADER.pack(16 + len(body), SUBMIT_SM_RESP, status, sequence) + body


def encode_deliver_resp(sequence: int, status: int) -> bytes:
    """Write a deliver_sm_resp, whose message_id is always empty."""
    return _ANSWER.pack(17, DELIVER_SM_RESP, status, sequence, 0)


def decode_message_id(frame: bytes) -> str:
    """Read the message_id of a submit_sm_resp; empty when the answer has no body."""
    if len(frame) <= 17:
        return ""
    end = frame.find(0, 16)
    return frame[16 : end if end >= 0 else len(frame)].decode("latin-1")
