"""The load generator against a tiny server, and the tally of the far ends."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator

import httptools
import msgspec
import pytest

from cpaas.simulators.load import Load, LoadError, LoadPlan
from cpaas.simulators.load.ends import Ports
from cpaas.simulators.load.requests import LONG_TEXT, Many, Single
from cpaas.simulators.load.tally import Ends, Tally


class Shop:
    """What the tiny server got, and how it answers."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, object]] = []
        self.keys: list[str] = []
        self.connections = 0
        self.status = 202
        self.close_every = 0
        self.hang_up_at = 0
        self.port = 0


class Till(asyncio.Protocol):
    """One connection of the tiny server."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""
        shop.connections += 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"Authorization":
            self.shop.keys.append(value.decode())

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        body, self.body = json.loads(self.body), b""
        self.shop.bodies.append(body)
        count = len(self.shop.bodies)
        if count == self.shop.hang_up_at:
            self.transport.abort()
            return
        to = body["to"]
        answer = {"accepted": len(to)} if isinstance(to, list) else {"id": "1"}
        text = json.dumps(answer).encode()
        close = self.shop.close_every and count % self.shop.close_every == 0
        self.transport.write(
            b"HTTP/1.1 %d Answer\r\nContent-Length: %d\r\n%b\r\n%b"
            % (self.shop.status, len(text), b"Connection: close\r\n" if close else b"", text)
        )
        if close:
            self.transport.close()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    server = await asyncio.get_running_loop().create_server(lambda: Till(shop), "127.0.0.1", 0)
    shop.port = server.sockets[0].getsockname()[1]
    yield shop
    server.close()
    await asyncio.sleep(0)


async def test_every_request_goes_once_with_a_number_of_its_own(shop: Shop) -> None:
    plan = LoadPlan(port=shop.port, keys=("k1", "k2"), requests=500, connections=8, first=1000)
    result = await Load(plan).run()
    assert result.statuses == {202: 500}
    assert result.accepted == len(result.latencies) == 500
    assert result.broken == 0
    assert shop.connections == 8
    assert sorted(str(b["to"]) for b in shop.bodies) == [f"+919{n:09d}" for n in range(1000, 1500)]
    assert {b["reference"] for b in shop.bodies} == {f"{n:09d}" for n in range(1000, 1500)}
    assert set(shop.keys) == {"Bearer k1", "Bearer k2"}


async def test_a_list_counts_as_many_as_were_accepted(shop: Shop) -> None:
    plan = LoadPlan(port=shop.port, keys=("k",), requests=3, connections=2, recipients=100)
    result = await Load(plan).run()
    assert result.accepted == 300
    numbers = [number for body in shop.bodies for number in list(body["to"])]  # type: ignore[call-overload]
    assert len(set(numbers)) == 300


async def test_a_server_that_closes_gets_new_connections(shop: Shop) -> None:
    shop.close_every = 10
    result = await Load(LoadPlan(port=shop.port, keys=("k",), requests=100, connections=4)).run()
    assert result.accepted == 100
    assert result.broken == 0
    assert shop.connections > 4


async def test_a_lost_answer_is_told_and_not_sent_again(shop: Shop) -> None:
    shop.hang_up_at = 20
    result = await Load(LoadPlan(port=shop.port, keys=("k",), requests=50, connections=4)).run()
    assert result.broken == 1
    assert result.accepted == 49
    assert len(shop.bodies) == 50


async def test_refusals_are_counted_and_shown(shop: Shop) -> None:
    shop.status = 402
    result = await Load(LoadPlan(port=shop.port, keys=("k",), requests=20, connections=2)).run()
    assert result.statuses == {402: 20}
    assert result.accepted == 0
    assert 0 < len(result.samples) <= 5
    assert result.samples[0].startswith("402 ")


async def test_a_rate_is_held_by_idle_connections(shop: Shop) -> None:
    plan = LoadPlan(port=shop.port, keys=("k",), requests=60, connections=10, rate=300)
    result = await Load(plan).run()
    assert result.accepted == 60
    # The last is due 59/300 s after the first, and is never sent before.
    assert result.ended - result.started >= 59 / 300


async def test_silence_and_nobody_there_are_errors(unused_tcp_port: int) -> None:
    with pytest.raises(LoadError, match="cannot connect"):
        await Load(LoadPlan(port=unused_tcp_port, keys=("k",), requests=1)).run()
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    plan = LoadPlan(port=port, keys=("k",), requests=3, connections=3, silence_seconds=0.1)
    with pytest.raises(LoadError, match="nothing was answered"):
        await Load(plan).run()
    server.close()


@pytest.fixture
def unused_tcp_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("text", ['100 % {sure} @ "home" ü €', LONG_TEXT])
def test_requests_are_whole(text: str) -> None:
    for made in (Single("h:1", "k%s", text).make(7), Many("h:1", "k%s", text, 3).make(7)):
        head, _, body = made.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert b"Bearer k%s" in head
        assert json.loads(body)["text"] == text
    assert json.loads(body)["to"] == ["+919000000021", "+919000000022", "+919000000023"]


def test_the_tally_knows_what_came_twice() -> None:
    tally = Tally(clock=lambda: 7.0)
    for to, text in (("91", b"a"), ("91", b"b"), ("92", b"a"), ("91", b"a")):
        tally.submit(to, text)
    for kind in ("submitted", "delivered", "delivered"):
        tally.event(b'{"type":"message.%b","data":{"id":"1","more":2}}' % kind.encode())
    tally.event(b"nonsense")
    ends = tally.ends()
    assert (ends.submits, ends.submitted_twice, ends.last_submit) == (4, 1, 7.0)
    assert (ends.finals, ends.final_twice, ends.unreadable) == (1, 1, 1)
    assert ends.events == {"message.submitted": 1, "message.delivered": 2}
    tally.clear()
    assert tally.ends() == Ends()


def test_the_far_ends_report_and_end_with_their_input() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "cpaas.simulators.load.ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ports = msgspec.json.decode(process.stdout.readline(), type=Ports)
        assert ports.smsc != ports.customer
        process.stdin.write(b"report\n")
        process.stdin.flush()
        assert msgspec.json.decode(process.stdout.readline(), type=Ends) == Ends()
        process.stdin.close()
        assert process.wait(60) == 0
