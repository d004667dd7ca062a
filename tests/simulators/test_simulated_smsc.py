"""The simulated SMSC does what its settings say, seen through our own client."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import aiohttp
import msgspec
import pytest
from tests.smpp.smpp_ends import Esme, until

from cpaas.simulators.smsc import IdStyle, SimulatedSmsc, SmscSettings
from cpaas.simulators.smsc.control import start_control
from cpaas.smpp.client import BindParams, Client
from cpaas.smpp.parts import join_parts, read_part
from cpaas.smpp.pdu import DeliverSm, SubmitSm
from cpaas.smpp.receipt import MessageState, Receipt, parse_receipt
from cpaas.smpp.text import UdhBits, plan, split
from cpaas.smpp.tlv import Tag

S = MessageState


class Carrier:
    """A simulated SMSC with its clients, all closed at the end."""

    def __init__(self) -> None:
        self.port = 0
        self._smscs: list[SimulatedSmsc] = []
        self._clients: list[Client] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, **settings: Any) -> SimulatedSmsc:
        smsc = SimulatedSmsc(SmscSettings(**{"receipt_delay_seconds": 0.01} | settings))
        self.port = await smsc.start()
        self._smscs.append(smsc)
        return smsc

    async def bind(self, **params: Any) -> tuple[Client, Esme]:
        esme = Esme()
        full: dict[str, Any] = {"host": "127.0.0.1", "port": self.port, "system_id": "me"}
        full["password"] = "pw"
        client = Client(BindParams(**full | params), esme, backoff=lambda failures: 0.02)
        self._clients.append(client)
        self._tasks.append(asyncio.create_task(client.run()))
        await until(lambda: esme.bound or esme.lost)
        return client, esme

    async def close(self) -> None:
        for smsc in self._smscs:
            # A silent carrier would let every client wait for its answers.
            smsc.configure(silent=False)
        stopping = [asyncio.create_task(client.stop(0)) for client in self._clients]
        await asyncio.gather(*stopping)
        for smsc in self._smscs:
            await smsc.stop()


@pytest.fixture
async def carrier() -> AsyncIterator[Carrier]:
    made = Carrier()
    yield made
    await made.close()


def submit(destination: str = "919876543210", text: str = "hello", **extra: Any) -> SubmitSm:
    fields: dict[str, Any] = {"registered_delivery": 1} | extra
    return SubmitSm(
        "", 5, 0, "BRAND", 1, 1, destination, short_message=text.encode("latin-1"), **fields
    )


def receipts(esme: Esme) -> list[Receipt]:
    found = [parse_receipt(pdu) for pdu in esme.delivered]
    return [receipt for receipt in found if receipt is not None]


async def test_reserved_numbers(carrier: Carrier) -> None:
    await carrier.start(slow_receipt_seconds=0.3)
    client, esme = await carrier.bind()
    numbers = [f"{'+' if n % 2 else ''}99900000000{n}" for n in range(1, 8)]
    client.submit([(n, submit(n)) for n in numbers])
    await until(lambda: len(esme.answers) == 7)
    statuses = {tag: status for tag, status, _ in esme.answers}
    assert [statuses[n] for n in numbers] == [0, 0, 0x0B, 0, 0, 0, 0x58]
    await until(lambda: len(esme.delivered) == 3)
    states = {pdu.source_addr: r for pdu, r in zip(esme.delivered, receipts(esme), strict=True)}
    assert {n: r.state for n, r in states.items()} == {
        numbers[0]: S.DELIVRD,
        numbers[1]: S.UNDELIV,
        numbers[3]: S.EXPIRED,
    }
    assert states[numbers[1]].err != "000"
    client.submit([("again", submit(numbers[6]))])
    await until(lambda: len(esme.delivered) == 5)
    assert esme.answers[-1][1] == 0
    assert {pdu.source_addr for pdu in esme.delivered[3:]} == {numbers[4], numbers[6]}


async def test_receipts_name_their_message_and_go_back_to_the_sender(carrier: Carrier) -> None:
    await carrier.start(receipt_tlvs=True)
    client, esme = await carrier.bind()
    client.submit([("a", submit(text="hello there"))])
    await until(lambda: esme.delivered)
    [receipt], [pdu] = receipts(esme), esme.delivered
    assert receipt.message_id == esme.answers[0][2]
    assert pdu.tlvs[Tag.MESSAGE_STATE] == [b"\x02"]
    assert (pdu.destination_addr, pdu.dest_addr_ton) == ("BRAND", 5)
    assert pdu.short_message.endswith(b"text:hello there")


@pytest.mark.parametrize(
    ("style", "resp", "dlr"),
    [
        (IdStyle.SAME, "1", "1"),
        (IdStyle.RESP_HEX_DLR_DEC, "0000000B", "11"),
        (IdStyle.RESP_DEC_DLR_HEX, "11", "0000000B"),
    ],
)
async def test_id_styles(carrier: Carrier, style: IdStyle, resp: str, dlr: str) -> None:
    smsc = await carrier.start(id_style=style)
    smsc._last_id = 0 if style is IdStyle.SAME else 10
    client, esme = await carrier.bind()
    client.submit([("a", submit())])
    await until(lambda: esme.delivered)
    assert esme.answers[0][2] == resp
    assert receipts(esme)[0].message_id == dlr


@pytest.mark.parametrize(("wish", "count"), [(0, 0), (1, 2), (2, 1), (3, 1), (0x11, 2)])
async def test_registered_delivery_is_respected(carrier: Carrier, wish: int, count: int) -> None:
    smsc = await carrier.start()
    client, esme = await carrier.bind()
    numbers = ["999000000001", "999000000002"]
    client.submit([(n, submit(n, registered_delivery=wish)) for n in numbers])
    await until(lambda: len(esme.answers) == 2)
    await until(lambda: smsc.snapshot().receipts_pending == 0)
    await until(lambda: len(esme.delivered) == count)
    assert sum(smsc.stats.receipts.values()) == count


async def test_receipts_wait_for_a_receiver(carrier: Carrier) -> None:
    smsc = await carrier.start()
    client, _ = await carrier.bind(bind_type="tx")
    client.submit([(n, submit()) for n in range(5)])
    await until(lambda: smsc.snapshot().deliveries_waiting == 5)
    _, other = await carrier.bind(bind_type="rx", system_id="other")
    _, first = await carrier.bind(bind_type="rx")
    await until(lambda: len(first.delivered) == 5)
    assert not other.delivered
    await until(lambda: smsc.snapshot().deliveries_answered == 5)


async def test_unanswered_receipts_come_again_after_a_lost_link(carrier: Carrier) -> None:
    smsc = await carrier.start(window=2)
    client, esme = await carrier.bind()
    esme.answer_deliveries = False
    client.submit([(n, submit()) for n in range(3)])
    await until(lambda: len(esme.delivered) == 2)
    esme.answer_deliveries = True
    assert smsc.drop("me") == 1
    await until(lambda: len(esme.delivered) == 5)
    await until(lambda: smsc.snapshot().deliveries_answered == 3)
    assert smsc.stats.deliveries_waiting == 0


def has_written(smsc: SimulatedSmsc, count: int) -> bool:
    return sum(smsc.stats.receipts.values()) == count


async def test_kept_receipts_are_bounded(carrier: Carrier) -> None:
    smsc = await carrier.start(receipts_kept_max=3)
    client, _ = await carrier.bind(bind_type="tx")
    for batch in (1, 2, 3):
        client.submit([(f"{batch}.{n}", submit()) for n in range(2)])
        await until(partial(has_written, smsc, 2 * batch))
    assert smsc.snapshot().deliveries_waiting == 3
    assert smsc.stats.deliveries_discarded == 3


async def test_receipts_before_the_answer(carrier: Carrier) -> None:
    await carrier.start(receipt_before_answer=True)
    client, esme = await carrier.bind()
    client.submit([("a", submit())])
    await until(lambda: esme.delivered)
    assert not esme.answers
    await until(lambda: esme.answers)


async def test_throttling_and_a_full_queue(carrier: Carrier) -> None:
    smsc = await carrier.start(tps=5)
    client, esme = await carrier.bind()
    client.submit([(n, submit()) for n in range(20)])
    await until(lambda: len(esme.answers) == 20)
    throttled = [status for _, status, _ in esme.answers].count(0x58)
    assert 10 <= throttled <= 15
    smsc.configure(tps=0, queue_full=True)
    client.submit([("full", submit())])
    await until(lambda: len(esme.answers) == 21)
    assert esme.answers[-1] == ("full", 0x14, "")


async def test_mixes(carrier: Carrier) -> None:
    smsc = await carrier.start(
        error_mix={"ESME_RSYSERR": 0.5}, receipt_mix={"UNDELIV": 0.5}, receipt_err="633", seed=7
    )
    client, esme = await carrier.bind()
    client.submit([(n, submit()) for n in range(100)])
    await until(lambda: len(esme.answers) == 100)
    failed = [status for _, status, _ in esme.answers].count(0x08)
    assert 30 < failed < 70
    assert smsc.stats.answers == {"ESME_RSYSERR": failed}
    await until(lambda: len(esme.delivered) == 100 - failed)
    states = [(r.state, r.err) for r in receipts(esme)]
    assert set(states) == {(S.UNDELIV, "633"), (S.DELIVRD, "000")}


@pytest.mark.parametrize(("answering", "answered"), [(False, 0), (True, 3)])
async def test_a_drop_after_some_submits(carrier: Carrier, answering: bool, answered: int) -> None:
    smsc = await carrier.start(drop_after_submits=3, answer_before_drop=answering)
    client, esme = await carrier.bind()
    client.submit([(n, submit()) for n in range(5)])
    await until(lambda: esme.lost)
    assert len(esme.answers) == answered
    assert len(esme.lost[0][0]) == 5 - answered
    assert smsc.stats.accepted == 3
    await until(lambda: esme.bound == 2)
    await until(lambda: len(esme.delivered) == 3)
    client.submit([(n, submit()) for n in range(5)])
    await until(lambda: len(esme.answers) == answered + 5)


async def test_a_silent_smsc_takes_and_never_answers(carrier: Carrier) -> None:
    smsc = await carrier.start(silent=True)
    client, esme = await carrier.bind(response_timeout_seconds=0.1)
    client.submit([(n, submit()) for n in range(3)])
    await until(lambda: esme.timeouts == [0, 1, 2])
    assert smsc.stats.submits == 3
    assert not esme.answers
    assert not esme.delivered


async def test_who_may_bind(carrier: Carrier) -> None:
    smsc = await carrier.start(accounts={"me": "pw"}, bind_types=("trx",))
    _, good = await carrier.bind()
    assert good.bound
    for params, status in (
        ({"password": "no"}, "ESME_RINVPASWD"),
        ({"system_id": "you"}, "ESME_RINVSYSID"),
        ({"bind_type": "tx"}, "ESME_RBINDFAIL"),
    ):
        _, refused = await carrier.bind(**params)
        assert status in refused.lost[0][1]
    assert smsc.stats.binds == 1
    assert smsc.stats.binds_refused >= 3


LONG = "Grüße €[] 0123456789 " * 12


@pytest.mark.parametrize("bits", [8, 16, None])
@pytest.mark.parametrize("text", [LONG, "नमस्ते 😀 " * 20, "short"])
async def test_received_texts_are_whole(carrier: Carrier, text: str, bits: UdhBits | None) -> None:
    smsc = await carrier.start()
    client, esme = await carrier.bind()
    pdus = []
    for s in split(text, plan(text).encoding, 5, bits):
        tlvs = {}
        if s.sar:
            tlvs = {
                int(Tag.SAR_MSG_REF_NUM): [s.sar[0].to_bytes(2, "big")],
                int(Tag.SAR_TOTAL_SEGMENTS): [bytes(s.sar[1:2])],
                int(Tag.SAR_SEGMENT_SEQNUM): [bytes(s.sar[2:])],
            }
        pdus.append(
            SubmitSm(
                "",
                5,
                0,
                "BRAND",
                1,
                1,
                "91",
                s.esm_class_udhi,
                data_coding=s.data_coding,
                short_message=s.short_message,
                tlvs=tlvs,
            )
        )
    client.submit(list(enumerate(reversed(pdus))))
    await until(lambda: len(esme.answers) == len(pdus))
    [message] = smsc.messages()
    assert (message.text, message.complete, message.parts) == (text, True, len(pdus))
    assert len(message.message_ids) == len(pdus)
    assert smsc.messages(destination="92") == []


async def test_message_payload_and_incomplete_messages(carrier: Carrier) -> None:
    smsc = await carrier.start(messages_kept_max=2)
    client, esme = await carrier.bind()
    parts = split("a" * 200, plan("a" * 200).encoding, 1)
    pdus = [
        submit(text="gone"),
        submit(text="", tlvs={int(Tag.MESSAGE_PAYLOAD): [b"long"], 0x1400: [b"\x01"]}),
        SubmitSm(esm_class=0x40, short_message=parts[0].short_message),
    ]
    client.submit(list(enumerate(pdus)))
    await until(lambda: len(esme.answers) == 3)
    payload, half = smsc.messages()
    assert payload.text == "long"
    assert payload.tlvs["0x1400"] == ["01"]
    assert (half.complete, half.parts, half.total) == (False, 1, 2)
    assert smsc.messages(limit=0) == []


async def test_messages_from_handsets(carrier: Carrier) -> None:
    smsc = await carrier.start()
    _, esme = await carrier.bind()
    assert smsc.inject(source="919", destination="56789", text="STOP", system_id="me") == 1
    assert smsc.inject(source="919", destination="56789", text=LONG, system_id="me") == 2
    await until(lambda: len(esme.delivered) == 3)
    assert not receipts(esme)
    first, *rest = esme.delivered
    assert (first.short_message, first.source_addr, first.destination_addr) == (
        b"STOP",
        "919",
        "56789",
    )
    assert join_parts([read_part(pdu) for pdu in rest]) == LONG


async def test_a_refused_receipt_is_repeated_only_if_asked_for(carrier: Carrier) -> None:
    smsc = await carrier.start()
    client, esme = await carrier.bind()
    esme.answer_deliveries = False
    smsc.mailbox("me").add([DeliverSm(short_message=b"one")])
    await until(lambda: len(esme.delivered) == 1)
    client.deliver_resps([esme.delivered[0].sequence], 0x64, link_number=1)
    await until(lambda: len(esme.delivered) == 2)
    client.deliver_resps([esme.delivered[1].sequence], 0x08, link_number=1)
    await until(lambda: smsc.stats.deliveries_refused == 1)
    assert smsc.snapshot().deliveries_waiting == 0


async def test_cancelling(carrier: Carrier) -> None:
    smsc = await carrier.start(receipt_delay_seconds=0.2)
    client, esme = await carrier.bind()
    client.submit([("a", submit())])
    await until(lambda: esme.answers)
    assert smsc.cancel(esme.answers[0][2])
    assert not smsc.cancel("unknown")
    await until(lambda: esme.delivered)
    assert receipts(esme)[0].state is S.DELETED


async def test_the_control_port(carrier: Carrier) -> None:
    smsc = await carrier.start()
    port, stop = await start_control(smsc, 0)
    client, esme = await carrier.bind()
    client.submit([("a", submit(text="over http"))])
    await until(lambda: esme.answers)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        async with http.get("/stats") as answer:
            assert (await answer.json())["accepted"] == 1
        async with http.get("/messages", params={"limit": "5"}) as answer:
            assert (await answer.json())["messages"][0]["text"] == "over http"
        async with http.post("/settings", json={"queue_full": True}) as answer:
            assert (await answer.json())["queue_full"] is True
        async with http.post("/settings", json={"nonsense": 1}) as answer:
            assert answer.status == 400
        wish = {"source": "9", "destination": "5", "text": "hi", "system_id": "me"}
        async with http.post("/mo", json=wish) as answer:
            assert await answer.json() == {"parts": 1}
        async with http.post("/mo", json={}) as answer:
            assert answer.status == 400
        async with http.post("/drop") as answer:
            assert await answer.json() == {"dropped": 1}
    await until(lambda: esme.lost)
    assert smsc.settings.queue_full
    await stop()


def test_settings_are_checked() -> None:
    loaded = msgspec.json.decode(b'{"tps": 10, "id_style": "same"}', type=SmscSettings)
    assert loaded.tps == 10
    for wrong in ({"error_mix": {"NONSENSE": 0.1}}, {"receipt_mix": {"DELIVRD": 1.5}}, {"x": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, SmscSettings)
