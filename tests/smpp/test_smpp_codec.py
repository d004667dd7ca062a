"""PDUs to bytes and back: every type by property, and golden bytes written out by hand."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpaas.smpp.codec import PDU_BYTES_MAX, PduBuffer, decode, encode
from cpaas.smpp.errors import DecodeError, EncodeError
from cpaas.smpp.layout import Destination, Field, Pdu, Unsuccessful
from cpaas.smpp.message_codec import decode_message_id, encode_deliver_resp, encode_submit_resp
from cpaas.smpp.pdu import (
    PDU_CLASSES,
    BindTransceiver,
    BindTransceiverResp,
    CancelSm,
    DataSm,
    DeliverSm,
    EnquireLink,
    QuerySmResp,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
)
from cpaas.smpp.status import CommandStatus, status_name

LATIN = st.characters(min_codepoint=1, max_codepoint=255)
BYTE = st.integers(0, 255)
TLVS = st.dictionaries(
    st.integers(1, 0xFFFF), st.lists(st.binary(max_size=30), min_size=1, max_size=3), max_size=4
)


def text(size: int) -> st.SearchStrategy[str]:
    return st.text(LATIN, max_size=size - 1)


DESTINATION = st.one_of(
    st.tuples(BYTE, BYTE, text(21)).map(lambda address: Destination(*address)),
    st.builds(lambda name: Destination(list_name=name), st.text(LATIN, min_size=1, max_size=20)),
)
UNSUCCESSFUL = st.builds(Unsuccessful, BYTE, BYTE, text(21), st.integers(0, 0xFFFFFFFF))


def values(field: Field) -> st.SearchStrategy[Any]:
    return {
        "cstring": text(field.size),
        "byte": BYTE,
        "octets": st.binary(max_size=254),
        "destinations": st.lists(DESTINATION, max_size=5).map(tuple),
        "unsuccessful": st.lists(UNSUCCESSFUL, max_size=5).map(tuple),
    }[field.kind]


def pdus(cls: type[Pdu]) -> st.SearchStrategy[Pdu]:
    fields = {field.name: values(field) for field in cls.layout}
    answers = bool(cls.command_id & 0x80000000)
    return st.builds(
        cls,
        **fields,
        sequence=st.integers(1, 0x7FFFFFFF),
        status=st.integers(0, 0xFFFFFFFF) if answers else st.just(0),
        tlvs=TLVS,
    )


@pytest.mark.parametrize("cls", PDU_CLASSES.values(), ids=lambda cls: cls.__name__)
def test_every_pdu_survives_the_wire(cls: type[Pdu]) -> None:
    @settings(max_examples=40)
    @given(pdus(cls))
    def survives(pdu: Pdu) -> None:
        assert decode(encode(pdu)) == pdu

    survives()


def test_all_commands_of_the_specification_are_there() -> None:
    requests = {c for c in PDU_CLASSES if not c & 0x80000000}
    assert requests == {1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0B, 0x15, 0x21, 0x102, 0x103}
    answered = requests - {0x0B, 0x102}
    assert {c for c in PDU_CLASSES if c & 0x80000000} == {
        0x80000000,
        *(c | 0x80000000 for c in answered),
    }


GOLDEN: list[tuple[str, Pdu]] = [
    # The bind_transmitter of the specification's own style: SMPP3TEST / secret08 / SUBMIT1.
    (
        (
            "0000002f 00000009 00000000 00000001"
            "534d50503354455354 00 7365637265743038 00 5355424d495431 00 34 01 01 00"
        ),
        BindTransceiver("SMPP3TEST", "secret08", "SUBMIT1", addr_ton=1, addr_npi=1, sequence=1),
    ),
    (
        "0000001e 80000009 00000000 00000001 5465737453 4d5343 00 0210 0001 34",
        BindTransceiverResp("TestSMSC", sequence=1, tlvs={0x0210: [b"\x34"]}),
    ),
    ("00000010 00000015 00000000 0000002a", EnquireLink(sequence=42)),
    (
        (
            "0000003e 00000004 00000000 00000005"
            "00 05 00 4d594252414e44 00 01 01 393139383736353433323130 00"
            "00 00 00 00 00 01 00 00 00 0a 48656c6c6f 20 00 2131 33"
        ),
        SubmitSm(
            "",
            5,
            0,
            "MYBRAND",
            1,
            1,
            "919876543210",
            registered_delivery=1,
            short_message=b"Hello \x00!13",
            sequence=5,
        ),
    ),
    (
        (
            "0000003d 00000005 00000000 00000007"
            "00 01 01 3931 00 05 00 41 00 04 00 00 00 00 00 00 00 00 00"
            "001e 0003 616200 0427 0001 02 0423 0003 030001 1400 0002 3131"
        ),
        DeliverSm(
            "",
            1,
            1,
            "91",
            5,
            0,
            "A",
            esm_class=4,
            sequence=7,
            tlvs={0x1E: [b"ab\0"], 0x427: [b"\x02"], 0x423: [b"\x03\x00\x01"], 0x1400: [b"11"]},
        ),
    ),
    ("00000014 80000004 00000000 00000005 41423100", SubmitSmResp("AB1", sequence=5)),
    (
        (
            "00000034 00000021 00000000 00000002"
            "00 00 00 53 00 02 01 01 01 3132 00 02 6c697374 00"
            "00 00 00 00 00 00 00 00 00 02 6869 0204 0002 0009"
        ),
        SubmitMulti(
            "",
            0,
            0,
            "S",
            (Destination(1, 1, "12"), Destination(list_name="list")),
            short_message=b"hi",
            sequence=2,
            tlvs={0x0204: [b"\0\x09"]},
        ),
    ),
    (
        "0000001c 80000021 00000000 00000002 6d00 01 01 01 313200 0000000b",
        SubmitMultiResp("m", (Unsuccessful(1, 1, "12", 0x0B),), sequence=2),
    ),
    (
        "00000025 80000003 00000000 00000009 6d003236313132333130303030303030302b 00 02 00",
        QuerySmResp("m", "261123100000000+", 2, 0, sequence=9),
    ),
    (
        "0000001b 00000008 00000000 00000003 00 6d00 00 00 61 00 00 00 62 00",
        CancelSm("", "m", 0, 0, "a", 0, 0, "b", sequence=3),
    ),
    (
        "00000022 00000103 00000000 00000004 00 0101 31 00 0101 32 00 00 01 08 0424 0002 0041",
        DataSm("", 1, 1, "1", 1, 1, "2", 0, 1, 8, sequence=4, tlvs={0x0424: [b"\0A"]}),
    ),
]


@pytest.mark.parametrize(("wire", "pdu"), GOLDEN, ids=[type(p).__name__ for _, p in GOLDEN])
def test_golden_bytes(wire: str, pdu: Pdu) -> None:
    data = bytes.fromhex(wire.replace(" ", ""))
    assert encode(pdu).hex() == data.hex()
    assert decode(data) == pdu


def test_repeated_and_unknown_tlvs_are_kept_raw() -> None:
    pdu = SubmitSm(sequence=1, tlvs={0x1400: [b"1" * 19, b"2"], 0x3FFF: [b""]})
    assert decode(encode(pdu)).tlvs == {0x1400: [b"1" * 19, b"2"], 0x3FFF: [b""]}


SUBMIT = encode(SubmitSm("", 1, 1, "1", 1, 1, "2", short_message=b"abc", sequence=9))


def resized(body: bytes) -> bytes:
    return (len(body)).to_bytes(4, "big") + body[4:]


BROKEN: list[tuple[str, bytes, int]] = [
    ("body missing", resized(SUBMIT[:16]), CommandStatus.ESME_RINVSERTYP),
    ("sm_length beyond the end", resized(SUBMIT[:-1]), CommandStatus.ESME_RINVMSGLEN),
    ("TLV cut off", resized(SUBMIT + b"\x14\0\0\x09ab"), CommandStatus.ESME_RINVOPTPARSTREAM),
    (
        "destination too long",
        resized(SUBMIT[:21] + b"\1\1" + b"9" * 30 + SUBMIT[24:]),
        CommandStatus.ESME_RINVDSTADR,
    ),
    (
        "unknown command",
        b"\0\0\0\x10\0\0\x0f\xff" + SUBMIT[8:16],
        CommandStatus.ESME_RINVCMDID,
    ),
]


@pytest.mark.parametrize(("what", "frame", "status"), BROKEN, ids=[b[0] for b in BROKEN])
def test_a_bad_pdu_says_which_status_it_deserves(what: str, frame: bytes, status: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(frame)
    assert caught.value.command_status == status, what
    assert caught.value.sequence == 9


def test_answers_are_read_leniently() -> None:
    long_id = b"x" * 80
    assert decode_message_id(b"\0" * 16 + long_id) == "x" * 80
    frame = resized(b"\0\0\0\0\x80\0\0\4\0\0\0\0\0\0\0\1" + long_id)
    assert decode(frame) == SubmitSmResp("x" * 80, sequence=1)
    assert decode(resized(frame[:16])) == SubmitSmResp(sequence=1)


def test_the_fast_answers_equal_the_general_ones() -> None:
    assert encode_submit_resp(5, 0x58, "") == encode(SubmitSmResp(sequence=5, status=0x58))
    answer = decode(encode_deliver_resp(6, 0x64))
    assert (answer.command_id, answer.sequence, answer.status) == (0x80000005, 6, 0x64)


@pytest.mark.parametrize(
    "pdu",
    [
        SubmitSm(source_addr="1" * 21),
        SubmitSm(destination_addr="a\0b"),
        SubmitSm(source_addr="€"),
        SubmitSm(short_message=b"x" * 255),
        SubmitSm(data_coding=256),
        SubmitSm(validity_period="1" * 17),
        SubmitSm(service_type="LONGER"),
        BindTransceiver(system_id="x" * 16),
        BindTransceiver(password="pass\0"),
        SubmitMulti(destinations=(Destination(),) * 255),
        DataSm(tlvs={0x0424: [b"x" * 65_530]}),
    ],
)
def test_what_does_not_fit_is_refused(pdu: Pdu) -> None:
    with pytest.raises(EncodeError):
        encode(pdu)


def test_a_password_never_shows() -> None:
    assert "secret" not in repr(BindTransceiver("me", "secret"))


def test_status_names() -> None:
    assert status_name(0x58) == "ESME_RTHROTTLED"
    assert status_name(0x14) == "ESME_RMSGQFUL"
    assert status_name(0x0401) == "0x00000401"


@given(st.lists(st.sampled_from([SUBMIT, encode(EnquireLink(sequence=2))])), st.data())
def test_the_buffer_splits_a_stream_cut_anywhere(frames: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(frames)
    buffer, found = PduBuffer(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += buffer.feed(stream[:size])
        stream = stream[size:]
    assert found == frames


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_fuzz_never_raises_anything_else(chunks: list[bytes]) -> None:
    buffer = PduBuffer()
    for chunk in chunks:
        try:
            for frame in buffer.feed(chunk):
                decode(frame)
        except DecodeError:
            pass


@given(st.sampled_from(sorted(PDU_CLASSES)), st.binary(max_size=120))
def test_fuzz_of_bodies(command_id: int, body: bytes) -> None:
    head = (16 + len(body)).to_bytes(4, "big") + command_id.to_bytes(4, "big")
    try:
        decode(head + b"\0\0\0\0\0\0\0\1" + body)
    except DecodeError as error:
        sequence = error.sequence
    else:
        sequence = 1
    assert sequence == 1


@pytest.mark.parametrize("length", [0, 15, PDU_BYTES_MAX + 1, 0xFFFFFFFF])
def test_a_bad_length_breaks_the_stream_after_what_was_whole(length: int) -> None:
    buffer = PduBuffer()
    bad = length.to_bytes(4, "big") + bytes.fromhex("000000040000000000000011")
    assert buffer.feed(SUBMIT + bad) == [SUBMIT]
    assert buffer.broken is not None
    assert buffer.broken.command_status == CommandStatus.ESME_RINVCMDLEN
    assert buffer.broken.sequence == 0x11
    with pytest.raises(DecodeError):
        buffer.feed(b"more")
