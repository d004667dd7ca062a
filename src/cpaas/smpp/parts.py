"""Reading what arrives: user data headers, sar TLVs, message_payload, and parts back into a text.

The collector is bounded in both directions, because parts whose siblings never come are sent by
real handsets every day and must not pile up.
"""

from collections import OrderedDict

import msgspec

from cpaas.smpp.layout import ESM_UDHI
from cpaas.smpp.pdu import DataSm, ShortMessage
from cpaas.smpp.text import decode_text
from cpaas.smpp.tlv import Tag, Tlvs, tlv_int

_CONCAT_8, _CONCAT_16 = 0x00, 0x08


class Part(msgspec.Struct, frozen=True):
    """One short message without its header; `reference` None means that it is whole."""

    data: bytes
    data_coding: int
    reference: int | None = None
    total: int = 1
    number: int = 1

    def text(self) -> str:
        """Decode this part alone."""
        return decode_text(self.data, self.data_coding)


def read_part(pdu: ShortMessage | DataSm) -> Part:
    """Take the message out of a PDU, wherever it was put and however it is concatenated."""
    short_message = pdu.short_message if isinstance(pdu, ShortMessage) else b""
    return part_of(short_message, pdu.esm_class, pdu.data_coding, pdu.tlvs)


def part_of(short_message: bytes, esm_class: int, data_coding: int, tlvs: Tlvs) -> Part:
    """Do the same from the fields themselves; a malformed header counts as text."""
    data = short_message
    if tlvs:
        payload = tlvs.get(Tag.MESSAGE_PAYLOAD)
        if payload and not data:
            data = payload[0]
    if esm_class & ESM_UDHI and data and len(data) > data[0]:
        header, body = data[1 : data[0] + 1], data[data[0] + 1 :]
        found = _concatenation(header)
        if found is not None:
            return Part(body, data_coding, *found)
        return Part(body, data_coding)
    if tlvs:
        reference = tlv_int(tlvs, Tag.SAR_MSG_REF_NUM)
        total = tlv_int(tlvs, Tag.SAR_TOTAL_SEGMENTS)
        number = tlv_int(tlvs, Tag.SAR_SEGMENT_SEQNUM)
        if reference is not None and total and number and number <= total <= 255:
            return Part(data, data_coding, reference, total, number)
    return Part(data, data_coding)


def _concatenation(header: bytes) -> tuple[int, int, int] | None:
    at = 0
    while at + 2 <= len(header):
        element, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        at += 2 + length
        if element == _CONCAT_8 and len(value) == 3:
            reference, total, number = value
        elif element == _CONCAT_16 and len(value) == 4:
            reference, total, number = int.from_bytes(value[:2], "big"), value[2], value[3]
        else:
            continue
        if 1 <= number <= total:
            return reference, total, number
    return None


def join_parts(parts: list[Part]) -> str:
    """Put the parts of one message in order and decode them together.

    Together, since some handsets cut a surrogate pair or an escape pair in two.
    """
    ordered = sorted(parts, key=lambda part: part.number)
    coding = ordered[0].data_coding
    if all(part.data_coding == coding for part in ordered):
        return decode_text(b"".join(part.data for part in ordered), coding)
    return "".join(part.text() for part in ordered)


class PartCollector:
    """Holds the parts of unfinished messages; the oldest message gives way when it is full."""

    def __init__(self, messages_max: int = 10_000) -> None:
        self._messages_max = messages_max
        self._waiting: OrderedDict[tuple[str, str, int, int], dict[int, Part]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, source: str, destination: str, part: Part) -> str | None:
        """Return the whole text once its last part is there, else None."""
        if part.reference is None or part.total == 1:
            return part.text()
        key = (source, destination, part.reference, part.total)
        held = self._waiting.setdefault(key, {})
        held[part.number] = part
        if len(held) == part.total:
            del self._waiting[key]
            return join_parts(list(held.values()))
        if len(self._waiting) > self._messages_max:
            self._waiting.popitem(last=False)
        return None
