"""Programs by others as customers: node-smpp, smpplib and Kannel's bearerbox."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from tests.parts import require
from tests.simulators.test_smsc_with_kannel import kannel
from tests.smpp.test_smpp_peers import SmpplibEsme, node
from tests.smpp_ingress.door import NUMBER, PASSWORD, Door, door, until

from cpaas.smpp.status import CommandStatus as St
from cpaas.webhooks.events import uuid_text


@pytest.fixture
async def made(dsn: str) -> AsyncIterator[Door]:
    async with door(dsn) as one:
        yield one


async def test_node_smpp(made: Door) -> None:
    async with node("esme.js", str(made.port), "acme", PASSWORD, "MYBRAND", NUMBER, "12") as peer:
        await until(lambda: len(peer.of("answer")) == 7)
        assert peer.of("bound") == [{"event": "bound", "status": 0, "system_id": "cpaas"}]
        (refused,) = [event for event in peer.of("answer") if event["number"] == 6]
        assert refused["status"] == St.ESME_RINVDSTADR
        assert refused["why"].startswith("invalid_number: '12' is too short")
        stored = [event for event in peer.of("answer") if event is not refused]
        assert [event["status"] for event in stored] == [0] * 6
        rows = await made.rows()
        assert {row["body"] for row in rows} == {
            "Hello [€]", "नमस्ते 😀", "first second", "in the payload", "sar",
        }  # fmt: skip
        ids = {event["number"]: event["id"] for event in stored}
        assert ids[2] == ids[3], "the parts of one message have its id"
        assert {*ids.values()} == {uuid_text(row["id"]) for row in rows}
        await until(lambda: peer.of("query"))
        assert peer.of("query")[0]["status"] == 0x67
        await made.end(rows[0]["id"], "DELIVERED")
        await until(lambda: peer.of("unbound"))
        (told,) = peer.of("deliver_sm")
        assert (told["id"], told["state"]) == (uuid_text(rows[0]["id"]), 2)
        assert "stat:DELIVRD" in told["text"]
        assert not peer.of("error")


async def test_smpplib(made: Door) -> None:
    require("smpplib")
    esme = SmpplibEsme(made.port, login=("acme", PASSWORD), sender="MYBRAND", prefix=NUMBER[:-1])
    esme.start()

    async def stored() -> int:
        return int(await made.pool.fetchval("SELECT count(*) FROM message"))

    async with asyncio.timeout(60):
        while await stored() < 3 and esme.failure is None:
            await asyncio.sleep(0.02)
    assert esme.failure is None
    rows = await made.rows()
    await made.end(rows[0]["id"], "FAILED")
    await until(lambda: not esme.is_alive())
    assert esme.failure is None
    assert esme.answers == [uuid_text(row["id"]).encode() for row in rows]
    assert b"stat:UNDELIV" in esme.texts[0]


async def test_smpplib_takes_a_refusal_and_goes_on(made: Door) -> None:
    require("smpplib")

    def talk() -> dict[int, tuple[int, bytes]]:
        import smpplib.client

        said: dict[int, tuple[int, bytes]] = {}
        client = smpplib.client.Client("127.0.0.1", made.port, timeout=60)
        client.set_error_pdu_handler(lambda pdu: None)
        client.connect()
        client.bind_transmitter(system_id="acme", password=PASSWORD)
        for number in ("12", NUMBER):
            client.send_message(
                source_addr_ton=5, source_addr="MYBRAND", destination_addr=number,
                short_message=b"hello",
            )  # fmt: skip
        client.set_message_sent_handler(
            lambda pdu: said.update({pdu.sequence: (pdu.status, pdu.message_id)})
        )
        while len(said) < 2:
            client.read_once()
        client.unbind()
        client.disconnect()
        return said

    said = await asyncio.to_thread(talk)
    (row,) = await made.rows()
    assert [said[number] for number in sorted(said)] == [
        (St.ESME_RINVDSTADR, b""), (0, uuid_text(row["id"]).encode()),
    ]  # fmt: skip


def states(reports: list[str], number: str) -> list[str]:
    """What was reported of one recipient."""
    told = [dict(parse_qsl(report)) for report in reports]
    return [one["state"] for one in told if one["to"].lstrip("+ ") == number]


@pytest.mark.slow
async def test_kannel(made: Door, tmp_path: Path) -> None:
    require("kannel")
    long = "A long text with € and [brackets]. " * 8
    async with (
        kannel(tmp_path, made.port, user="acme", password=PASSWORD, ids="") as box,
        asyncio.timeout(60),
    ):
        wish = {"from": "MYBRAND", "charset": "UTF-8"}
        assert await box.send(to=f"+{NUMBER}", text="hello", **wish) == 202
        assert await box.send(to=f"+{NUMBER}", text="नमस्ते 😀", coding="2", **wish) == 202
        assert await box.send(to=f"+{NUMBER}", text=long, **wish) == 202
        while len(rows := await made.rows()) < 3:
            await asyncio.sleep(0.05)
        assert {row["body"] for row in rows} == {"hello", "नमस्ते 😀", long}
        for row in rows:
            await made.end(row["id"], "DELIVERED")
        # Those of its first messages, by which it is seen to be up, may come late.
        while len(found := states(box.reports, NUMBER)) < 3:
            await asyncio.sleep(0.05)
        assert found == ["1", "1", "1"]
        assert await box.send(to="+12", text="nowhere", **wish) == 202
        while not (found := states(box.reports, "12")):
            await asyncio.sleep(0.05)
        assert found == ["16"], "its SMSC refused it"
