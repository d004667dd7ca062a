"""What carriers say, in our words: answers, receipts, replies."""

from datetime import UTC, datetime

import pytest

from cpaas.channels.sms.callbacks import inbound_of, receipt_of
from cpaas.channels.sms.config import SmsSettings
from cpaas.channels.sms.statuses import carrier_code, carrier_error
from cpaas.smpp.layout import ESM_RECEIPT
from cpaas.smpp.pdu import DeliverSm
from cpaas.smpp.receipt import MessageIdMode, MessageState, receipt_text
from cpaas.smpp.text import Encoding, split

NOW = int(datetime(2026, 11, 20, 10, 30, 20, tzinfo=UTC).timestamp()) * 1_000_000
WHEN = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
SETTINGS = SmsSettings(dlt_codes={"777": "DLT: ours"})

STATUSES = [
    (0x00, None), (0x58, "carrier_throttled"), (0x14, "carrier_queue_full"),
    (0x08, "carrier_temporary"), (0x0B, "invalid_destination"), (0x0A, "invalid_sender"),
    (0x01, "not_encodable"), (0x15, "carrier_refused_route"), (0x45, "message_refused"),
    (0xC3, "dlt_refused"), (0x401, "dlt_refused"), (633, "dlt_refused"), (777, "dlt_refused"),
    (5307, "dlt_refused"), (0x9999, "message_refused"), (0xFE, "undeliverable"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code"), STATUSES)
def test_every_answer_has_its_place_in_the_catalogue(status: int, code: str | None) -> None:
    error = carrier_error(status, SETTINGS.dlt_codes)
    assert (error.code if error else None) == code


def test_a_carriers_own_words() -> None:
    assert carrier_code(0x58) == "ESME_RTHROTTLED 0x58"
    assert carrier_code(0x4A1) == "0x000004A1"


def receipt(state: MessageState, err: str = "000", message_id: str = "1A") -> DeliverSm:
    text = receipt_text(message_id, state, submitted=WHEN, done=WHEN, err=err)
    return DeliverSm(
        "", 1, 1, "919876543210", 5, 0, "MYBRAND", esm_class=ESM_RECEIPT, short_message=text
    )


STATES = [
    (MessageState.DELIVRD, "000", "DELIVERED", ""),
    (MessageState.ACCEPTD, "000", "ENROUTE", ""),
    (MessageState.EXPIRED, "000", "EXPIRED", "It expired before the handset could be reached."),
    (MessageState.UNDELIV, "001", "FAILED", "The carrier could not deliver it."),
    (
        MessageState.REJECTD,
        "0633",
        "REJECTED",
        "DLT: text does not match the template; compare it character by character",
    ),
    (MessageState.UNDELIV, "5308", "FAILED", "DLT: template id missing; send its id"),
    (MessageState.REJECTD, "777", "REJECTED", "DLT: ours"),
]


@pytest.mark.parametrize(("state", "err", "ours", "text"), STATES)
def test_receipts(state: MessageState, err: str, ours: str, text: str) -> None:
    read = receipt_of(receipt(state, err), SETTINGS, MessageIdMode.SAME, now_us=NOW, token=7)
    assert read is not None
    assert (read.state, read.error) == (ours, text)
    assert (read.recipient, read.sender, read.token) == ("919876543210", "MYBRAND", 7)
    # A date to the minute that is as good as now is now.
    assert read.done_us == NOW


def test_a_receipts_id_is_written_as_the_answers() -> None:
    mode = MessageIdMode.RESP_DEC_DLR_HEX
    read = receipt_of(receipt(MessageState.DELIVRD), SETTINGS, mode, now_us=NOW, token=None)
    assert read is not None
    assert read.provider_message_id == "26"


def test_dates_that_cannot_be_are_not_believed() -> None:
    for now in (NOW - 3600_000_000, NOW + 30 * 86_400_000_000):
        read = receipt_of(
            receipt(MessageState.DELIVRD), SETTINGS, MessageIdMode.SAME, now_us=now, token=None
        )
        assert read is not None
        assert read.done_us == now
    later = receipt_of(
        receipt(MessageState.DELIVRD), SETTINGS, MessageIdMode.SAME, now_us=NOW + 3600_000_000,
        token=None,
    )  # fmt: skip
    assert later is not None
    assert later.done_us == int(WHEN.timestamp()) * 1_000_000


def mo(part: bytes, esm_class: int = 0, coding: int = 0) -> DeliverSm:
    return DeliverSm(
        "", 1, 1, "919876543210", 1, 1, "56161", esm_class=esm_class, data_coding=coding,
        short_message=part,
    )  # fmt: skip


def test_a_reply_is_no_receipt() -> None:
    assert receipt_of(mo(b"id:1 hi"), SETTINGS, MessageIdMode.SAME, now_us=NOW, token=1) is None


def test_parts_of_a_reply_are_handed_on_with_their_bytes() -> None:
    text = "A reply of some length \N{SNOWMAN}. " * 8
    segments = split(text, Encoding.UCS2, 9)
    got = [
        inbound_of(mo(one.short_message, one.esm_class_udhi, one.data_coding), number)
        for number, one in enumerate(segments)
    ]
    parts = [one.part for one in got if one.part is not None]
    assert [(p.reference, p.total, p.number) for p in parts] == [
        (9, len(segments), number) for number in range(1, len(segments) + 1)
    ]
    assert b"".join(p.data for p in parts).decode("utf-16-be") == text
    assert {p.data_coding for p in parts} == {8}
    assert [one.tokens for one in got] == [[number] for number in range(len(segments))]


def test_a_whole_reply_has_no_part() -> None:
    assert inbound_of(mo(b"STOP"), 1).part is None
    assert inbound_of(mo(b"STOP"), 1).body == "STOP"


def test_a_reply_has_nothing_the_database_cannot_hold() -> None:
    reply = inbound_of(mo(b"\xd8\x00\x00\x00\x00a", 0, 8), 1)
    assert "\0" not in reply.body
    reply.body.encode()
