"""Which encoding a text needs, how many segments it costs, and the segments themselves.

The plan that the price is taken from and the split that is sent are made by the same walk over
the text, so that a customer never pays for another number of parts than the carrier gets.
"""

import re
import struct
from enum import StrEnum
from typing import Literal

import msgspec

from cpaas.smpp.gsm import BASIC_CHARACTERS, CHARACTERS, decode_gsm, encode_gsm, gsm_length
from cpaas.smpp.layout import ESM_UDHI

SEGMENTS_MAX = 255


class Encoding(StrEnum):
    """The character sets that we send."""

    GSM7 = "GSM7"
    UCS2 = "UCS2"
    LATIN1 = "LATIN1"


DATA_CODING: dict[Encoding, int] = {Encoding.GSM7: 0, Encoding.UCS2: 8, Encoding.LATIN1: 3}

UdhBits = Literal[8, 16]

# Units (septets, UTF-16 code units, octets) of a single message and of a part, by UDH size.
# With sar TLVs the SMSC makes the 8-bit UDH, so parts are as long as with that.
_SINGLE: dict[Encoding, int] = {Encoding.GSM7: 160, Encoding.UCS2: 70, Encoding.LATIN1: 140}
_PART: dict[UdhBits, dict[Encoding, int]] = {
    8: {Encoding.GSM7: 153, Encoding.UCS2: 67, Encoding.LATIN1: 134},
    16: {Encoding.GSM7: 152, Encoding.UCS2: 66, Encoding.LATIN1: 133},
}
# Some ESMEs label GSM text as IA5 (1). Plain ASCII never holds other control characters than these.
_TEXT_CONTROLS = frozenset(b"\t\n\r")
#: the usual text: a pattern tells it many times faster than a set of its characters.
_PLAIN = re.compile(f"[{re.escape(''.join(sorted(BASIC_CHARACTERS)))}]*").fullmatch
_UDH8 = struct.Struct(">BBBBBB")
_UDH16 = struct.Struct(">BBBHBB")


class TextPlan(msgspec.Struct, frozen=True):
    """What a text needs; `forcing_char` is the first character that made it UCS-2."""

    encoding: Encoding
    segments: int
    forcing_char: str | None = None
    units: int = 0
    units_per_segment: int = 160


class Segment(msgspec.Struct, frozen=True):
    """One part ready for a submit_sm; OR `esm_class_udhi` into its esm_class.

    `sar` is (reference, total, number) and set only when the text was split without UDH.
    """

    short_message: bytes
    esm_class_udhi: int
    data_coding: int
    sar: tuple[int, int, int] | None = None


def plan(text: str, udh_bits: UdhBits | None = 8) -> TextPlan:
    """Choose GSM7 when the text allows it, else UCS-2, and count its segments."""
    if len(text) <= _SINGLE[Encoding.GSM7] and _PLAIN(text):
        return TextPlan(Encoding.GSM7, 1, None, len(text), _SINGLE[Encoding.GSM7])
    forcing_char = None
    encoding = Encoding.GSM7
    if not CHARACTERS.issuperset(text):
        encoding = Encoding.UCS2
        forcing_char = next(char for char in text if char not in CHARACTERS)
    units = _units(text, encoding)
    if units <= _SINGLE[encoding]:
        return TextPlan(encoding, 1, forcing_char, units, _SINGLE[encoding])
    per_part = _PART[udh_bits or 8][encoding]
    segments = len(_cuts(text, encoding, per_part))
    return TextPlan(encoding, segments, forcing_char, units, per_part)


def split(text: str, encoding: Encoding, ref: int, udh_bits: UdhBits | None = 8) -> list[Segment]:
    """Cut the text into parts; `udh_bits` None leaves the concatenation to sar TLVs."""
    coding = DATA_CODING[encoding]
    if _units(text, encoding) <= _SINGLE[encoding]:
        return [Segment(encode_text(text, encoding), 0, coding)]
    pieces = _cuts(text, encoding, _PART[udh_bits or 8][encoding])
    total = len(pieces)
    if total > SEGMENTS_MAX:
        raise ValueError(f"the text needs {total} segments, the most is {SEGMENTS_MAX}")
    segments: list[Segment] = []
    for number, piece in enumerate(pieces, 1):
        data = encode_text(piece, encoding)
        if udh_bits is None:
            segments.append(Segment(data, 0, coding, (ref & 0xFFFF, total, number)))
            continue
        if udh_bits == 8:
            udh = _UDH8.pack(5, 0, 3, ref & 0xFF, total, number)
        else:
            udh = _UDH16.pack(6, 8, 4, ref & 0xFFFF, total, number)
        segments.append(Segment(udh + data, ESM_UDHI, coding))
    return segments


def encode_text(text: str, encoding: Encoding) -> bytes:
    """Write the text in the encoding; raise ValueError if it does not fit."""
    if encoding is Encoding.GSM7:
        return encode_gsm(text)
    if encoding is Encoding.UCS2:
        return text.encode("utf-16-be", "surrogatepass")
    return text.encode("latin-1")


def decode_text(data: bytes, data_coding: int) -> str:
    """Read bytes by their data_coding; binary becomes hex, and nothing raises."""
    coding = data_coding
    if data_coding >= 0xF0:
        coding = 4 if data_coding & 0x04 else 0
    elif 0x10 <= data_coding < 0x40:
        # The general group of GSM 03.38: bits 2 and 3 name the alphabet (0x18 is flash UCS-2).
        coding = data_coding & 0x0C
    if coding == 0 or (coding == 1 and _looks_like_gsm(data)):
        return decode_gsm(data)
    if coding == 8:
        return data.decode("utf-16-be", "replace")
    if coding in (2, 4):
        return data.hex()
    names = {1: "latin-1", 3: "latin-1", 5: "shift_jis", 6: "iso8859-5", 7: "iso8859-8"}
    return data.decode(names.get(coding, "latin-1"), "replace")


def _looks_like_gsm(data: bytes) -> bool:
    return any(octet < 0x20 and octet not in _TEXT_CONTROLS for octet in data)


def _units(text: str, encoding: Encoding) -> int:
    if encoding is Encoding.GSM7:
        return gsm_length(text)
    if encoding is Encoding.UCS2:
        return len(text.encode("utf-16-be", "surrogatepass")) // 2
    return len(text)


def _cuts(text: str, encoding: Encoding, per_part: int) -> list[str]:
    """Cut so that no escape pair and no surrogate pair is torn apart."""
    if _units(text, encoding) == len(text):
        return [text[at : at + per_part] for at in range(0, len(text), per_part)]
    pieces: list[str] = []
    start = used = 0
    gsm = encoding is Encoding.GSM7
    for at, char in enumerate(text):
        double = char not in BASIC_CHARACTERS if gsm else ord(char) > 0xFFFF
        width = 2 if double else 1
        if used + width > per_part:
            pieces.append(text[start:at])
            start, used = at, 0
        used += width
    pieces.append(text[start:])
    return pieces
