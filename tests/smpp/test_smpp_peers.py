"""Our client and server against programs by others, whose codecs cannot share our mistakes."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import smpplib.client
import smpplib.consts
from tests.parts import require
from tests.smpp.smpp_ends import PATIENCE_SECONDS, Pair, until

from cpaas.smpp.layout import Pdu
from cpaas.smpp.parts import read_part
from cpaas.smpp.pdu import DeliverSm, SubmitSm
from cpaas.smpp.receipt import (
    MessageIdMode,
    MessageState,
    normalise_receipt_id,
    normalise_resp_id,
    parse_receipt,
)
from cpaas.smpp.text import plan, split
from cpaas.smpp.tlv import Tag

PEERS = Path(__file__).parent.parent / "peers"
RECEIPT = (
    b"id:255 sub:001 dlvrd:001 submit date:2611231200 done date:2611231201 stat:DELIVRD err:000"
)


class Peer:
    """A node program that reports what it sees as JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.events.append(json.loads(line))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]


@asynccontextmanager
async def node(script: str, *arguments: str) -> AsyncIterator[Peer]:
    require("node-smpp")
    process = await asyncio.create_subprocess_exec(
        "node", str(PEERS / script), *arguments, stdout=asyncio.subprocess.PIPE
    )
    peer = Peer(process)
    reading = asyncio.create_task(peer.read())
    try:
        yield peer
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await reading


def submit(text: str, destination: str = "+911") -> list[SubmitSm]:
    encoding = plan(text).encoding
    return [
        SubmitSm(
            "",
            5,
            0,
            "BRAND",
            1,
            1,
            destination,
            esm_class=s.esm_class_udhi,
            registered_delivery=1,
            data_coding=s.data_coding,
            short_message=s.short_message,
        )
        for s in split(text, encoding, 7)
    ]


async def test_node_smpp_as_smsc(pair: Pair) -> None:
    async with node("smsc.js") as peer:
        await until(lambda: peer.of("listening"))
        pair.port = peer.of("listening")[0]["port"]
        client, esme, _ = pair.connect(enquire_link_seconds=0.05)
        await until(lambda: esme.bound)
        long = "Grüße €[] " * 20
        texts = ["Hello @£$_", "नमस्ते 😀", long]
        pdus = [pdu for text in texts for pdu in submit(text)]
        pdus.append(SubmitSm("", 5, 0, "BRAND", 1, 1, "+919", short_message=b"no"))
        payload = {int(Tag.MESSAGE_PAYLOAD): [b"payload"], 0x1400: [b"1101000000000000001"]}
        pdus.append(SubmitSm("", 5, 0, "BRAND", 1, 1, "+911", tlvs=payload))
        client.submit(list(enumerate(pdus)))
        await until(lambda: len(esme.answers) == len(pdus))
        await until(lambda: len(peer.of("deliver_sm_resp")) == len(pdus) - 1)
        await until(lambda: peer.of("enquire_link"))
        seen = peer.of("submit_sm")
        assert [event["text"] for event in seen[:2]] == texts[:2]
        parts = [event["text"] for event in seen[2:4]]
        assert "".join(parts) == long
        assert [event["udh"] for event in seen[2:4]] == [["0003070201"], ["0003070202"]]
        assert seen[-1]["payload"] == "payload"
        assert {event["ton"] for event in seen} == {5}
        answers = {tag: (status, message_id) for tag, status, message_id in esme.answers}
        assert answers[len(pdus) - 2][0] == 0x0B
        receipts = [parse_receipt(pdu) for pdu in esme.delivered]
        assert {r.state for r in receipts if r} == {MessageState.DELIVRD}
        assert {r.message_id for r in receipts if r} == {i for s, i in answers.values() if s == 0}
        mode = MessageIdMode.RESP_HEX_DLR_DEC
        text_id = parse_receipt(
            DeliverSm(esm_class=4, short_message=esme.delivered[0].short_message)
        )
        assert text_id is not None
        assert normalise_receipt_id(text_id.message_id, mode) == normalise_resp_id(
            answers[0][1], mode
        )
        await client.stop(1)
        await until(lambda: peer.of("unbind"))
        assert not peer.of("error")


async def test_node_smpp_as_esme(pair: Pair) -> None:
    port = await pair.serve()
    async with node("esme.js", str(port)) as peer:
        await until(lambda: len(peer.of("answer")) == 6)
        smsc = pair.handlers[0]
        parts = [read_part(pdu) for pdu in smsc.requests if isinstance(pdu, SubmitSm)]
        assert [part.text() for part in parts] == [
            "Hello [€]",
            "नमस्ते 😀",
            "first ",
            "second",
            "in the payload",
            "sar",
        ]
        assert [(p.reference, p.total, p.number) for p in parts[2:4]] == [(7, 2, 1), (7, 2, 2)]
        assert peer.of("bound")[0] == {"event": "bound", "status": 0, "system_id": "smsc"}
        assert peer.of("answer")[0]["id"].startswith("id")
        await until(lambda: peer.of("enquire_link_resp"))
        tlvs = {int(Tag.RECEIPTED_MESSAGE_ID): [b"ff\0"], int(Tag.MESSAGE_STATE): [b"\x02"]}
        receipt = DeliverSm("", 1, 1, "91", 5, 0, "NODE", 4, short_message=RECEIPT, tlvs=tlvs)
        smsc.connection.deliver([("r", receipt)])
        await until(lambda: peer.of("unbound"))
        [delivered] = peer.of("deliver_sm")
        assert (delivered["id"], delivered["state"]) == ("ff", 2)
        assert delivered["text"] == RECEIPT.decode()
        assert smsc.answers == [("r", 0, "")]
        assert not peer.of("error")


class SmpplibEsme(threading.Thread):
    """smpplib is blocking, so it has a thread of its own."""

    def __init__(
        self, port: int, *, login: tuple[str, str] = ("me", "secret"), sender: str = "BRAND",
        prefix: str = "91",
    ) -> None:  # fmt: skip
        super().__init__(daemon=True)
        self.port = port
        self.login = login
        self.sender = sender
        self.prefix = prefix
        self.answers: list[bytes] = []
        self.texts: list[bytes] = []
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            self.talk()
        except Exception as error:
            self.failure = error

    def talk(self) -> None:
        client = smpplib.client.Client(
            "127.0.0.1", self.port, timeout=PATIENCE_SECONDS, allow_unknown_opt_params=True
        )
        client.set_message_sent_handler(lambda pdu: self.answers.append(pdu.message_id))
        client.set_message_received_handler(lambda pdu: self.texts.append(pdu.short_message))
        client.connect()
        client.bind_transceiver(system_id=self.login[0], password=self.login[1])
        for number in range(3):
            client.send_message(
                source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
                source_addr=self.sender,
                destination_addr=f"{self.prefix}{number}",
                short_message=b"hello",
                registered_delivery=True,
            )
        while len(self.answers) < 3 or not self.texts:
            client.read_once()
        client.unbind()
        client.disconnect()


async def test_smpplib_as_esme(pair: Pair) -> None:
    esme = SmpplibEsme(await pair.serve())
    esme.start()
    await until(lambda: esme.failure or (pair.handlers and len(pair.handlers[0].requests) == 3))
    assert esme.failure is None
    smsc = pair.handlers[0]
    requests: list[Pdu] = smsc.requests
    assert [r.destination_addr for r in requests if isinstance(r, SubmitSm)] == [
        "910",
        "911",
        "912",
    ]
    assert all(r.short_message == b"hello" for r in requests if isinstance(r, SubmitSm))
    tlvs = {int(Tag.RECEIPTED_MESSAGE_ID): [b"ff\0"], 0x1400: [b"vendor"]}
    smsc.connection.deliver([("r", DeliverSm(esm_class=4, short_message=RECEIPT, tlvs=tlvs))])
    await until(lambda: not esme.is_alive())
    assert esme.failure is None
    assert esme.answers == [f"id{pdu.sequence}".encode() for pdu in requests]
    assert esme.texts == [RECEIPT]
    assert smsc.answers == [("r", 0, "")]
