"""Receipts as carriers really write them, SMPP times, and ids that differ between the two PDUs."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpaas.smpp.pdu import DataSm, DeliverSm
from cpaas.smpp.receipt import (
    MessageIdMode,
    MessageState,
    Receipt,
    is_receipt,
    normalise_receipt_id,
    normalise_resp_id,
    parse_receipt,
    receipt_text,
)
from cpaas.smpp.times import format_absolute, format_relative, parse_receipt_date, parse_time

S = MessageState


def deliver(text: bytes, **extra: object) -> DeliverSm:
    return DeliverSm(short_message=text, **({"esm_class": 4} | extra))  # type: ignore[arg-type]


def parsed(text: bytes, **extra: object) -> Receipt:
    receipt = parse_receipt(deliver(text, **extra))
    assert receipt is not None
    return receipt


TEXTS: list[tuple[bytes, str, MessageState, str]] = [
    (
        (
            b"id:12AB sub:001 dlvrd:001 submit date:2611231200 done date:2611231201 "
            b"stat:DELIVRD err:000 text:hello"
        ),
        "12AB",
        S.DELIVRD,
        "000",
    ),
    (
        (
            b"id:7 sub:001 dlvrd:000 submit date:261123120000 done date:261123120101 "
            b"stat:UNDELIV err:633 Text:id:99 stat:DELIVRD"
        ),
        "7",
        S.UNDELIV,
        "633",
    ),
    (b"stat:EXPIRED id:5 err:E0A done date:2611231201", "5", S.EXPIRED, "E0A"),
    (b"ID:5 STAT:REJECTD ERR:1A2B TEXT:", "5", S.REJECTD, "1A2B"),
    (b"id:5 stat:Delivered", "5", S.DELIVRD, ""),
    (b"id:5, sub:001, stat:undeliverable, err:021", "5", S.UNDELIV, "021"),
    (b"id:5 stat:NONSENSE err:0", "5", S.UNKNOWN, "0"),
    (
        b"id:abc-def.1 sub:1 dlvrd:1 submit date:0 done date:0 stat:ACCEPTD err:",
        "abc-def.1",
        S.ACCEPTD,
        "",
    ),
]


@pytest.mark.parametrize(("text", "message_id", "state", "err"), TEXTS)
def test_texts(text: bytes, message_id: str, state: MessageState, err: str) -> None:
    receipt = parsed(text)
    assert (receipt.message_id, receipt.state, receipt.err) == (message_id, state, err)
    assert parsed(text.decode().encode("utf-16-be"), data_coding=8).message_id == message_id


def test_dates() -> None:
    assert parsed(TEXTS[0][0]).done_at() == datetime(2026, 11, 23, 12, 1, tzinfo=UTC)
    assert parsed(TEXTS[1][0]).done_at() == datetime(2026, 11, 23, 12, 1, 1, tzinfo=UTC)
    assert parsed(TEXTS[4][0]).done_at() is None
    assert parse_receipt_date("2613991299") is None
    assert parse_receipt_date("20261123120101") == datetime(2026, 11, 23, 12, 1, 1, tzinfo=UTC)


def test_tlvs_win_over_the_text() -> None:
    tlvs = {0x1E: [b"real\0"], 0x427: [b"\x05"], 0x423: [b"\x03\x02\x79"]}
    receipt = parsed(TEXTS[0][0], tlvs=tlvs)
    assert (receipt.message_id, receipt.state, receipt.err) == ("real", S.UNDELIV, "633")
    assert receipt.done_date == "2611231201"
    bare = parse_receipt(DataSm(esm_class=4, tlvs=tlvs))
    assert bare is not None
    assert bare.message_id == "real"


def test_a_reply_is_no_receipt() -> None:
    assert parse_receipt(deliver(b"id:1 stat:DELIVRD", esm_class=0)) is None
    assert parse_receipt(deliver(b"no id at all")) is None
    assert is_receipt(DeliverSm(esm_class=0x44))
    assert not is_receipt(DeliverSm(esm_class=0x40))


def test_intermediate_receipts_are_not_final() -> None:
    assert not parsed(b"id:1 stat:ENROUTE", esm_class=0x20).final
    assert not parsed(b"id:1 stat:DELIVRD", esm_class=0x20).final
    assert parsed(b"id:1 stat:DELIVRD").final


@given(st.binary(max_size=100), st.integers(0, 255))
def test_parsing_never_raises(text: bytes, coding: int) -> None:
    parse_receipt(deliver(text, data_coding=coding))


@pytest.mark.parametrize("state", MessageState)
def test_what_we_write_we_read(state: MessageState) -> None:
    moment = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
    text = receipt_text("ab12", state, submitted=moment, done=moment, err="00A", text="x" * 30)
    receipt = parsed(text)
    assert (receipt.message_id, receipt.state, receipt.err) == ("ab12", state, "00A")
    assert receipt.text == "x" * 20
    assert receipt.done_at() == moment


IDS: list[tuple[MessageIdMode, str, str, bool]] = [
    (MessageIdMode.SAME, "abc", "abc", True),
    (MessageIdMode.SAME, "abc", "ABC", False),
    (MessageIdMode.RESP_HEX_DLR_DEC, "00FF", "255", True),
    (MessageIdMode.RESP_HEX_DLR_DEC, "ff", "0000000255", True),
    (MessageIdMode.RESP_HEX_DLR_DEC, "10", "10", False),
    (MessageIdMode.RESP_DEC_DLR_HEX, "255", "FF", True),
    (MessageIdMode.RESP_DEC_DLR_HEX, "0255", "00ff", True),
    (MessageIdMode.RESP_DEC_DLR_HEX, "not-a-number", "NOT-A-NUMBER", True),
]


@pytest.mark.parametrize(("mode", "resp", "dlr", "same"), IDS)
def test_ids(mode: MessageIdMode, resp: str, dlr: str, same: bool) -> None:
    assert (normalise_resp_id(resp, mode) == normalise_receipt_id(dlr, mode)) is same


NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        ("261123120000000+", datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("261123173000022+", datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("261123070000520-", datetime(2026, 11, 23, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("000000000100000R", NOW + timedelta(minutes=1)),
        ("000103000000000R", datetime(2027, 1, 2, 12, tzinfo=UTC)),
        ("000300000000000R", datetime(2027, 2, 28, 12, tzinfo=UTC)),
    ],
)
def test_times(text: str, moment: datetime | None) -> None:
    assert parse_time(text, NOW) == moment


@pytest.mark.parametrize("text", ["nonsense", "261323120000000+", "261123120000099+", "2611231200"])
def test_bad_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"SMPP time|not a date|quarter"):
        parse_time(text, NOW)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1)))  # noqa: DTZ001
def test_absolute_times_survive(moment: datetime) -> None:
    tenths = moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 100_000 * 100_000)
    assert parse_time(format_absolute(tenths), NOW) == tenths


@given(st.integers(0, 31 * 86_400 - 1))
def test_relative_times_survive(seconds: int) -> None:
    delay = timedelta(seconds=seconds)
    assert parse_time(format_relative(delay), NOW) == NOW + delay


def test_times_that_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="31 days"):
        format_relative(timedelta(days=40))
    with pytest.raises(ValueError, match="zone"):
        format_absolute(datetime(2026, 1, 1))  # noqa: DTZ001
