"""Encodings, segments and their reassembly, where a wrong count is a wrong bill."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpaas.smpp.gsm import BASIC, CHARACTERS, EXTENSION, decode_gsm, encode_gsm
from cpaas.smpp.parts import Part, PartCollector, part_of
from cpaas.smpp.text import Encoding, Segment, UdhBits, decode_text, plan, split
from cpaas.smpp.tlv import Tag

# Spot checks straight from GSM 03.38, so that the table is not only compared with itself.
GSM_SPOTS = {
    "@": "00",
    "£": "01",
    "$": "02",
    "ò": "08",
    "\n": "0a",
    "Å": "0e",
    "_": "11",
    "Δ": "10",
    "Ξ": "1a",
    "É": "1f",
    " ": "20",
    "¤": "24",
    "¡": "40",
    "A": "41",
    "Z": "5a",
    "Ä": "5b",
    "§": "5f",
    "¿": "60",
    "a": "61",
    "z": "7a",
    "ä": "7b",
    "à": "7f",
    "€": "1b65",
    "[": "1b3c",
    "]": "1b3e",
    "{": "1b28",
    "}": "1b29",
    "\\": "1b2f",
    "^": "1b14",
    "~": "1b3d",
    "|": "1b40",
    "\f": "1b0a",
}


def test_the_gsm_table() -> None:
    assert len(BASIC) == 128
    assert len(set(BASIC)) == 128
    assert len(EXTENSION) == 10
    assert "`" not in CHARACTERS
    assert "ç" not in CHARACTERS
    for char, octets in GSM_SPOTS.items():
        assert encode_gsm(char).hex() == octets, char
        assert decode_gsm(bytes.fromhex(octets)) == char


def test_unknown_escapes_show_the_plain_character() -> None:
    assert decode_gsm(b"a\x1bAb\x1b") == "aAb "


def test_a_foreign_character_is_named() -> None:
    with pytest.raises(ValueError, match="ç"):
        encode_gsm("français")


PLANS: list[tuple[str, str, int, str | None]] = [
    ("", "GSM7", 1, None),
    ("a" * 160, "GSM7", 1, None),
    ("a" * 161, "GSM7", 2, None),
    ("a" * 306, "GSM7", 2, None),
    ("a" * 307, "GSM7", 3, None),
    ("€" * 80, "GSM7", 1, None),
    ("€" * 81, "GSM7", 2, None),
    # 153 is odd: each part holds 76 pairs, the pair that would be torn goes to the next.
    ("€" * 152, "GSM7", 2, None),
    ("€" * 153, "GSM7", 3, None),
    ("a" * 152 + "€" + "a" * 152, "GSM7", 3, None),
    ("नमस्ते", "UCS2", 1, "न"),
    ("a" * 69 + "`", "UCS2", 1, "`"),
    ("a" * 70 + "`", "UCS2", 2, "`"),
    ("ж" * 134, "UCS2", 2, "ж"),
    ("ж" * 135, "UCS2", 3, "ж"),
    ("😀" * 35, "UCS2", 1, "😀"),
    ("😀" * 36, "UCS2", 2, "😀"),
    ("😀" * 66, "UCS2", 2, "😀"),
    ("😀" * 67, "UCS2", 3, "😀"),
]


@pytest.mark.parametrize(("text", "encoding", "segments", "forcing"), PLANS)
def test_plan(text: str, encoding: str, segments: int, forcing: str | None) -> None:
    made = plan(text)
    assert (made.encoding, made.segments, made.forcing_char) == (encoding, segments, forcing)


def test_headers_of_the_parts() -> None:
    eight = split("a" * 161, Encoding.GSM7, 0x1FF)
    assert [s.short_message[:6].hex() for s in eight] == ["050003ff0201", "050003ff0202"]
    assert [len(s.short_message) for s in eight] == [159, 14]
    assert {s.esm_class_udhi for s in eight} == {0x40}
    sixteen = split("a" * 161, Encoding.GSM7, 0x1FF, 16)
    assert sixteen[1].short_message[:7].hex() == "06080401ff0202"
    assert len(sixteen[0].short_message) == 7 + 152
    sar = split("a" * 161, Encoding.GSM7, 0x1FF, None)
    assert [(s.sar, s.esm_class_udhi) for s in sar] == [((0x1FF, 2, 1), 0), ((0x1FF, 2, 2), 0)]
    assert {s.data_coding for s in split("ж" * 71, Encoding.UCS2, 1)} == {8}
    assert split("hi", Encoding.LATIN1, 1) == [Segment(b"hi", 0, 3)]


def test_too_many_segments_are_refused() -> None:
    with pytest.raises(ValueError, match="255"):
        split("a" * (153 * 255 + 1), Encoding.GSM7, 1)


def reassembled(segments: list[Segment]) -> str | None:
    collector, text = PartCollector(), None
    for segment in reversed(segments):
        tlvs = {}
        if segment.sar:
            reference, total, number = segment.sar
            tlvs = {
                int(Tag.SAR_MSG_REF_NUM): [reference.to_bytes(2, "big")],
                int(Tag.SAR_TOTAL_SEGMENTS): [bytes((total,))],
                int(Tag.SAR_SEGMENT_SEQNUM): [bytes((number,))],
            }
        part = part_of(segment.short_message, segment.esm_class_udhi, segment.data_coding, tlvs)
        text = collector.add("a", "b", part)
    assert len(collector) == 0
    return text


@settings(max_examples=60)
@given(
    st.one_of(
        st.text(sorted(CHARACTERS), max_size=700),
        st.text("aж😀€\n", max_size=400),
    ),
    st.sampled_from([8, 16, None]),
    st.integers(0, 0xFFFF),
)
def test_split_is_what_plan_said_and_comes_back(
    text: str, bits: UdhBits | None, reference: int
) -> None:
    made = plan(text, bits)
    segments = split(text, made.encoding, reference, bits)
    assert len(segments) == made.segments
    assert all(len(s.short_message) <= (140 if s.data_coding == 8 else 160) for s in segments)
    for segment in segments if len(segments) > 1 else []:
        # A torn pair would show as a replacement or a lone escape.
        part = part_of(segment.short_message, segment.esm_class_udhi, segment.data_coding, {})
        assert "\ufffd" not in part.text()
        assert not (segment.data_coding == 0 and part.data.endswith(b"\x1b"))
    assert reassembled(segments) == text


@pytest.mark.parametrize(
    ("data", "coding", "text"),
    [
        (b"\x00", 0, "@"),
        (b"\x00", 0x10, "@"),
        (b"\x00A", 0x18, "A"),
        (b"\xe9", 3, "é"),
        (b"\xe9[\n", 1, "é[\n"),
        (b"\x1b<\x00\x02", 1, "[@$"),
        (b"\x01\xff", 4, "01ff"),
        (b"\x00", 0xF1, "@"),
        (b"\xff", 0xF5, "ff"),
        (b"\xd8\x3d\xde\x00", 8, "😀"),
        (b"A", 8, "\ufffd"),
        (b"\xb6", 6, "Ж"),
    ],
)
def test_decoding_by_data_coding(data: bytes, coding: int, text: str) -> None:
    assert decode_text(data, coding) == text


@given(st.binary(max_size=40), st.integers(0, 255))
def test_decoding_never_raises(data: bytes, coding: int) -> None:
    decode_text(data, coding)
    part_of(data, 0x40, coding, {}).text()


def test_a_surrogate_pair_torn_by_a_handset_is_mended() -> None:
    collector = PartCollector()
    emoji = "😀".encode("utf-16-be")
    assert collector.add("a", "b", Part(emoji[:2], 8, 1, 2, 1)) is None
    assert collector.add("a", "b", Part(emoji[2:], 8, 1, 2, 2)) == "😀"


def test_message_payload_and_malformed_headers() -> None:
    assert part_of(b"", 0, 0, {int(Tag.MESSAGE_PAYLOAD): [b"long"]}).text() == "long"
    assert part_of(b"\x05\x00\x03\x01\x02\x03x", 0x40, 0, {}).reference is None
    assert part_of(b"\xffabc", 0x40, 0, {}).text() == decode_gsm(b"\xffabc")


def test_the_collector_is_bounded() -> None:
    collector = PartCollector(messages_max=2)
    for reference in range(5):
        assert collector.add("a", "b", Part(b"x", 0, reference, 2, 1)) is None
    assert len(collector) == 2
    assert collector.add("a", "b", Part(b"y", 0, 4, 2, 2)) == "xy"
