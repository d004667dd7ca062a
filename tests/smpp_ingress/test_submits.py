"""What customers submit: the checks, prices and ids of the API; long messages in every form."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.pipeline.accepting import PRICE
from tests.smpp_ingress.door import NUMBER, PASSWORD, Door, door, receipts, serving, text, until
from tests.smpp_ingress.raw import Raw

from cpaas.smpp.layout import Destination
from cpaas.smpp.pdu import (
    BindTransmitter,
    CancelSm,
    DataSm,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitSm,
)
from cpaas.smpp.receipt import MessageState
from cpaas.smpp.status import CommandStatus as St
from cpaas.smpp.text import Encoding, split
from cpaas.smpp.times import format_absolute, format_relative
from cpaas.smpp.tlv import Tag, tlv_text
from cpaas.webhooks.events import uuid_text

LONG = "Grüße, a text that needs several parts [with] an extension. " * 4


@pytest.fixture
async def made(dsn: str) -> AsyncIterator[Door]:
    async with door(dsn) as one:
        yield one


async def test_a_message_is_stored_charged_and_queued_as_the_api_does(made: Door) -> None:
    client, esme = await made.bind()
    ((status, shown),) = await made.send(client, esme, text(b"Hello \x00\x1b\x3c", tlvs={
        int(Tag.USER_MESSAGE_REFERENCE): [b"\x00\x2a"],
        0x1400: [b"1101000000000000001\0"], 0x1401: [b"1107000000000000001"],
        0x1403: [b"campaign 7\0"], 0x3FFF: [b"a", b""], 0x4000: [b"of SMPP's own range"],
    }))  # fmt: skip
    (row,) = await made.rows()
    assert (status, shown) == (0, uuid_text(row["id"]))
    assert (row["status"], row["origin"], row["recipient"], row["sender"]) == (
        "QUEUED", "smpp", f"+{NUMBER}", "MYBRAND",
    )  # fmt: skip
    assert (row["body"], row["reference"], row["price_micro"]) == ("Hello @[", "42", PRICE)
    assert row["dlt"] == {"pe_id": "1101000000000000001", "template_id": "1107000000000000001"}
    kept = {"0x1403": [b"campaign 7\0".hex()], "0x3FFF": [b"a".hex(), ""]}
    assert row["content"] == {"tlvs": kept}
    assert await made.world.balance(made.account_id) == 1_000_000_000 - PRICE
    assert await made.pool.fetchval("SELECT count(*) FROM queue_item") == 1


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"to": "12"}, St.ESME_RINVDSTADR),
    ({"source_addr": "OTHER"}, St.ESME_RINVSRCADR),
    ({"body": b""}, St.ESME_RINVMSGLEN),
    ({"body": b"", "tlvs": {0x1403: [b"x"]}}, St.ESME_RINVMSGLEN),
    ({"tlvs": {0x1403: [b"x"] * 17}}, St.ESME_RINVPARLEN),
    ({"tlvs": {0x1403: [b"x" * 1025]}}, St.ESME_RINVPARLEN),
    ({"body": b"\x00\x01", "data_coding": 4}, St.ESME_RINVDCS),
    ({"body": b"\x00\x01", "data_coding": 0xF5}, St.ESME_RINVDCS),
    ({"esm_class": 0x04}, St.ESME_RINVESMCLASS),
    ({"esm_class": 0x40, "body": b"\x06\x05\x04\x0b\x84\x23\xf0x"}, St.ESME_RINVESMCLASS),
    ({"tlvs": {int(Tag.MESSAGE_PAYLOAD): [b"both"]}}, St.ESME_ROPTPARNOTALLWD),
    ({"schedule_delivery_time": "tomorrow"}, St.ESME_RINVSCHED),
    ({"validity_period": "9999"}, St.ESME_RINVEXPIRY),
    ({"validity_period": "200101000000000+"}, St.ESME_RINVEXPIRY),
    ({"validity_period": "200101000000000R"[:-1] + "R"}, St.ESME_ROK),
    ({"esm_class": 0x40, "body": b"\x05\x00\x03\x07\x0b\x01x"}, St.ESME_RINVMSGLEN),
]


async def test_what_is_refused_is_told_by_its_status(made: Door) -> None:
    client, esme = await made.bind()
    for changes, expected in REFUSED:
        ((status, shown),) = await made.send(client, esme, text(**changes))
        assert status == expected, changes
        assert bool(shown) is (expected == St.ESME_ROK)
    await made.change("UPDATE wallet SET balance_micro = 0")
    await made.pool.execute("UPDATE account SET name = name")
    ((status, _),) = await made.send(client, esme, text())
    assert status == St.ESME_RSUBMITFAIL
    assert made.ingress.intake.refusals["insufficient_balance"] == 1


async def test_schedule_validity_and_lane(made: Door) -> None:
    client, esme = await made.bind()
    at = datetime.now(UTC) + timedelta(hours=2)
    await made.send(
        client, esme,
        text(schedule_delivery_time=format_absolute(at), service_type="PROMO",
             validity_period=format_relative(timedelta(hours=3))),
        text(validity_period=format_relative(timedelta(seconds=5)), service_type="OTP"),
    )  # fmt: skip
    one, two = await made.rows()
    assert (one["status"], one["lane"]) == ("SCHEDULED", "promotional")
    assert abs(one["send_at"] - at.timestamp() * 1e6) < 1_000_000
    assert 3595 < (one["valid_until"] - one["send_at"]) / 1e6 < 3605
    assert (two["lane"], (two["valid_until"] - two["created_at"]) // 1_000_000) == ("otp", 60)


def parts_of(form: str) -> list[SubmitSm]:
    if form == "payload":
        tlvs = {int(Tag.MESSAGE_PAYLOAD): [LONG.encode("utf-16-be")]}
        return [text(b"", data_coding=8, tlvs=tlvs)]
    bits = {"udh8": 8, "udh16": 16, "sar": None}[form]
    made = []
    for segment in split(LONG, Encoding.GSM7, 77, bits):  # type: ignore[arg-type]
        tlvs = {}
        if segment.sar is not None:
            reference, total, number = segment.sar
            tlvs = {
                int(Tag.SAR_MSG_REF_NUM): [reference.to_bytes(2, "big")],
                int(Tag.SAR_TOTAL_SEGMENTS): [bytes([total])],
                int(Tag.SAR_SEGMENT_SEQNUM): [bytes([number])],
            }
        made.append(text(segment.short_message, esm_class=segment.esm_class_udhi, tlvs=tlvs))
    return made


@pytest.mark.parametrize("form", ["udh8", "udh16", "sar", "payload"])
async def test_long_messages_in_every_form(made: Door, form: str) -> None:
    client, esme = await made.bind()
    pdus = parts_of(form)
    answers = []
    # One after the other, as synchronous clients send them, the last part first.
    for pdu in reversed(pdus):
        answers += await made.send(client, esme, pdu)
    (row,) = await made.rows()
    assert row["body"] == LONG
    assert set(answers) == {(0, uuid_text(row["id"]))}
    assert row["price_micro"] == PRICE * row["segments"]
    assert row["segments"] == 2
    await made.ingress.long_messages.drained()
    assert await made.pool.fetchval("SELECT count(*) FROM smpp_part") == 0


async def test_a_part_of_what_could_never_go_is_refused_at_once(made: Door) -> None:
    client, esme = await made.bind()
    first = parts_of("udh8")[0]
    for changes, status in (
        ({"source_addr": "OTHER"}, St.ESME_RINVSRCADR), ({"destination_addr": "12"},
                                                         St.ESME_RINVDSTADR),
    ):  # fmt: skip
        part = msgspec.structs.replace(first, **changes)
        assert await made.send(client, esme, part) == [(status, "")]
    assert len(made.ingress.long_messages) == 0
    assert await made.pool.fetchval("SELECT count(*) FROM smpp_part") == 0
    # What only the whole text decides waits for it.
    await made.change("UPDATE account SET pe_id = '1101000000000000001'")
    one, two = parts_of("udh8")
    assert (await made.send(client, esme, one))[0][0] == St.ESME_ROK
    assert (await made.send(client, esme, two))[0][0] == St.ESME_RSUBMITFAIL
    assert made.ingress.intake.refusals["dlt_template_not_found"] == 1


async def test_parts_survive_the_process(made: Door) -> None:
    first, last = parts_of("udh8")
    client, esme = await made.bind()
    ((status, shown),) = await made.send(client, esme, first)
    assert status == 0
    assert await made.rows() == []
    assert await made.pool.fetchval("SELECT count(*) FROM smpp_part") == 1
    async with serving(made.world, 10) as (_, port):
        other, esme2 = made.connect(port=port)
        await until(lambda: esme2.bound)
        assert await made.send(other, esme2, last) == [(0, shown)]
    (row,) = await made.rows()
    assert (uuid_text(row["id"]), row["body"]) == (shown, LONG)


async def test_a_message_whose_parts_never_come_is_told(made: Door) -> None:
    client, esme = await made.bind()
    ((_, shown),) = await made.send(client, esme, parts_of("sar")[0])
    made.ingress.long_messages._clock = lambda: 10**9
    assert made.ingress.long_messages.expire() == 1
    await until(lambda: receipts(esme))
    (receipt,) = receipts(esme)
    assert (receipt.message_id, receipt.state, receipt.err) == (shown, MessageState.REJECTD, "906")
    assert await made.rows() == []
    assert await made.pool.fetchval("SELECT count(*) FROM smpp_part") == 0


async def test_tps_throttles(made: Door) -> None:
    await made.change("UPDATE smpp_credential SET tps = 2")
    client, esme = await made.bind()
    answers = await made.send(client, esme, *[text() for _ in range(6)])
    statuses = [status for status, _ in answers]
    assert statuses[:2] == [0, 0]
    assert set(statuses[2:]) == {St.ESME_RTHROTTLED}


async def test_a_full_queue(made: Door) -> None:
    made.world.acceptor.admission.queue_items = 10**9
    client, esme = await made.bind()
    ((status, _),) = await made.send(client, esme, text())
    assert status == St.ESME_RMSGQFUL


async def test_submit_multi_data_sm_query_and_cancel(made: Door) -> None:
    raw = await Raw.connect(made.port)
    await raw.bind()
    destinations = (
        Destination(1, 1, NUMBER), Destination(1, 1, "12"), Destination(list_name="friends"),
        Destination(1, 1, "+919876543211"),
    )  # fmt: skip
    many = await raw.ask(
        SubmitMulti(
            source_addr="MYBRAND", destinations=destinations, registered_delivery=1,
            short_message=b"hi", sequence=2,
        )
    )  # fmt: skip
    assert many.status == 0
    assert [(one.address, one.error_status) for one in many.unsuccessful] == [
        ("12", St.ESME_RINVDSTADR), ("friends", St.ESME_RINVDLNAME),
    ]  # fmt: skip
    data = await raw.ask(
        DataSm(
            source_addr="MYBRAND", destination_addr=NUMBER, sequence=3,
            tlvs={int(Tag.MESSAGE_PAYLOAD): [b"by data"]},
        )
    )  # fmt: skip
    one, two, three = await made.rows()
    assert many.message_id == uuid_text(one["id"])
    assert (data.status, data.message_id) == (0, uuid_text(three["id"]))
    assert three["body"] == "by data"
    query = await raw.ask(QuerySm(many.message_id, sequence=4))
    assert (query.status, query.message_state) == (0, MessageState.ACCEPTD)
    cancel = await raw.ask(CancelSm(message_id=many.message_id, sequence=5))
    assert cancel.status == 0
    told = await raw.read()
    assert b"stat:DELETED" in told.short_message  # type: ignore[union-attr]
    query = await raw.ask(QuerySm(many.message_id, sequence=6))
    assert query.message_state == MessageState.DELETED
    assert query.final_date.endswith("00+")
    for pdu, status in (
        (CancelSm(message_id=many.message_id, sequence=7), St.ESME_RCANCELFAIL),
        (CancelSm(message_id="", sequence=8), St.ESME_RCANCELFAIL),
        (QuerySm("nonsense", sequence=9), St.ESME_RQUERYFAIL),
        (ReplaceSm(many.message_id, sequence=10), St.ESME_RREPLACEFAIL),
        (SubmitMulti(source_addr="MYBRAND", short_message=b"x", sequence=11),
         St.ESME_RINVNUMDESTS),
    ):  # fmt: skip
        assert (await raw.ask(pdu)).status == status
    assert await made.world.balance(made.account_id) == 1_000_000_000 - 2 * PRICE
    await made.end(two["id"], "DELIVERED")
    told = await raw.read()
    assert f"id:{many.message_id} ".encode() in told.short_message  # type: ignore[union-attr]
    await raw.close()


async def test_cancel_by_addresses(made: Door) -> None:
    await made.change(
        "INSERT INTO sender (account_id, channel, value, status)"
        " VALUES ($1, 'sms', 'OTHER', 'APPROVED')",
        made.account_id,
    )
    client, esme = await made.bind()
    later = format_relative(timedelta(hours=2))
    await made.send(
        client, esme,
        text("promotional", schedule_delivery_time=later, service_type="PROMO"), text("waits"),
        text("to another", to="+919876543211"), text("from another", source_addr="OTHER"),
    )  # fmt: skip
    raw = await Raw.connect(made.port)
    await raw.bind(kind=BindTransmitter)
    both = {"source_addr": "MYBRAND", "destination_addr": NUMBER}

    async def cancelled(status: int, **asked: str) -> set[str]:
        answer = await raw.ask(CancelSm(**asked, sequence=2))  # type: ignore[arg-type]
        assert answer.status == status
        return {row["body"] for row in await made.rows() if row["status"] == "CANCELLED"}

    assert await cancelled(St.ESME_RCANCELFAIL, source_addr="MYBRAND") == set()
    assert await cancelled(0, **both, service_type="PROMO") == {"promotional"}
    assert await cancelled(0, **both) == {"promotional", "waits"}
    assert await cancelled(St.ESME_RCANCELFAIL, **both) == {"promotional", "waits"}
    assert await made.world.balance(made.account_id) == 1_000_000_000 - 2 * PRICE
    await until(lambda: len(receipts(esme)) == 2)
    await raw.close()


async def test_what_a_carrier_has_a_part_of_is_not_cancelled(made: Door) -> None:
    client, esme = await made.bind()
    await made.send(client, esme, text())
    (row,) = await made.rows()
    await made.pool.execute(
        "INSERT INTO message_part (message_id, attempt, part_no, account_id, route_id, status)"
        " VALUES ($1, 1, 1, $2, 1, 'SUBMITTED')",
        row["id"], made.account_id,
    )  # fmt: skip
    raw = await Raw.connect(made.port)
    await raw.bind(kind=BindTransmitter)
    by_id = CancelSm(message_id=uuid_text(row["id"]), sequence=2)
    for asked in (by_id, CancelSm(source_addr="MYBRAND", destination_addr=NUMBER, sequence=3)):
        assert (await raw.ask(asked)).status == St.ESME_RCANCELFAIL
    assert (await made.rows())[0]["status"] == "QUEUED"
    assert await made.world.balance(made.account_id) == 1_000_000_000 - PRICE
    await raw.close()


async def test_a_refusal_says_why_to_whom_knows_tlvs(made: Door) -> None:
    far = datetime.now(UTC) + timedelta(days=40)
    sent: list[tuple[Any, int, str]] = [
        (text(to="12"), St.ESME_RINVDSTADR, "invalid_number: '12' is too short"),
        (text(b"", data_coding=4), St.ESME_RINVDCS, "ESME_RINVDCS: binary messages are not"),
        (text(schedule_delivery_time=format_absolute(far)), St.ESME_RINVSCHED,
         "validation_error: send_at is more than 30 days ahead."),
        (DataSm(source_addr="OTHERS", destination_addr=NUMBER, tlvs={0x0424: [b"x"]}),
         St.ESME_RINVSRCADR, "sender_not_approved: "),
        (SubmitMulti(source_addr="MYBRAND", destinations=(Destination(1, 1, "12"),),
                     short_message=b"x"), St.ESME_RINVDSTADR, "invalid_number: "),
    ]  # fmt: skip
    for version in (0x50, 0x34, 0x33):
        raw = await Raw.connect(made.port)
        bound = await raw.ask(
            BindTransmitter(
                system_id="acme", password=PASSWORD, interface_version=version, sequence=1
            )
        )
        assert bound.status == 0
        for number, (pdu, status, why) in enumerate(sent, 2):
            answer = await raw.ask(msgspec.structs.replace(pdu, sequence=number))
            assert answer.status == status
            said = tlv_text(answer.tlvs, Tag.ADDITIONAL_STATUS_INFO_TEXT)
            knows = version >= (0x34 if isinstance(pdu, DataSm) else 0x50)
            assert said and said.startswith(why) if knows else said is None, (version, said)
        await raw.close()


async def test_another_accounts_message_is_not_seen(made: Door) -> None:
    other = await made.world.account("other")
    assert await made.world.send(other) is None
    (row,) = await made.rows()
    raw = await Raw.connect(made.port)
    await raw.bind()
    shown = uuid_text(row["id"])
    assert (await raw.ask(QuerySm(shown, sequence=2))).status == St.ESME_RQUERYFAIL
    cancel = await raw.ask(CancelSm(message_id=shown, sequence=3))
    assert cancel.status == St.ESME_RCANCELFAIL
    assert (await made.rows())[0]["status"] == "QUEUED"
    await raw.close()


async def test_the_window_of_an_account(made: Door) -> None:
    await made.change('UPDATE smpp_credential SET "window" = 3')
    client, esme = await made.bind(window=50)
    async with made.pool.acquire() as connection, connection.transaction():
        # Nothing can be committed while the wallet is held.
        await connection.execute("SELECT FROM wallet FOR UPDATE")
        client.submit([(n, text(b"hello")) for n in range(10)])
        await until(lambda: len(esme.answers) == 7)
        assert {status for _, status, _ in esme.answers} == {St.ESME_RTHROTTLED}
    await until(lambda: len(esme.answers) == 10)
    assert len(await made.rows()) == 3
    (bind,) = made.ingress.binds
    assert bind.row is not None
    assert bind.row.last_refusal == ("ESME_RTHROTTLED: more than 3 requests without an answer")
    await made.send(client, esme, text(b"hello", to="12"))
    assert bind.row.last_refusal.startswith("invalid_number: ")
