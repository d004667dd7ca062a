"""The POST client against a real server on real sockets, and its parsing on arbitrary bytes."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from tests.certificates import make_certificate

from cpaas.kit.exchange import Exchange, PostError, StaleError
from cpaas.kit.guard import Guard
from cpaas.kit.http import PostClient, parse_retry_after
from cpaas.simulators.customer.sink import Behaviour, CustomerSink

LOCAL = ["127.0.0.0/8"]


@pytest.fixture
async def sink() -> AsyncIterator[CustomerSink]:
    made = CustomerSink()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client() -> AsyncIterator[PostClient]:
    made = PostClient(Guard(LOCAL))
    yield made
    await made.close()


async def test_a_post_arrives_whole_and_the_connection_is_kept(
    sink: CustomerSink, client: PostClient
) -> None:
    for number in range(5):
        reply = await client.post(sink.url("/a?b=c"), [(b"X-Own", b"%d" % number)], b"{}")
        assert (reply.status, reply.body_start, reply.retry_after) == (200, b"ok", None)
    assert sink.counts["connections"] == 1
    assert sink.counts["/a?b=c"] == 5
    last = sink.received[-1]
    assert last.headers["x-own"] == "4"
    assert last.headers["host"] == f"127.0.0.1:{sink.port}"
    assert last.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("behaviour", "status", "connections"),
    [
        (Behaviour(trick="chunked"), 200, 1),
        (Behaviour(trick="continue", status=202), 202, 1),
        (Behaviour(trick="until_close"), 200, 2),
        (Behaviour(trick="half"), 200, 2),
        (Behaviour(keep_alive=False), 200, 2),
        (Behaviour(status=204, body=b""), 204, 1),
        (Behaviour(status=301, location="https://elsewhere.example/"), 301, 1),
        (Behaviour(status=410), 410, 1),
        (Behaviour(status=503, retry_after="120"), 503, 1),
        (Behaviour(body=b"x" * 50_000), 200, 1),
        (Behaviour(body=b"x" * 200_000), 200, 2),
    ],
)
async def test_answers_of_every_form(
    sink: CustomerSink, client: PostClient, behaviour: Behaviour, status: int, connections: int
) -> None:
    sink.behave("/", behaviour)
    for _ in range(2):
        reply = await client.post(sink.url(), [], b"{}")
        assert reply.status == status
        assert reply.body_start == behaviour.body[:1024]
    assert sink.counts["connections"] == connections
    assert reply.retry_after == (120.0 if behaviour.retry_after else None)


@pytest.mark.parametrize(("trick", "kind"), [("close", "closed"), ("garbage", "protocol")])
async def test_answers_that_are_none(
    sink: CustomerSink, client: PostClient, trick: str, kind: str
) -> None:
    sink.behave("/", Behaviour(trick=trick))  # type: ignore[arg-type]
    with pytest.raises(PostError) as caught:
        await client.post(sink.url(), [], b"{}")
    assert caught.value.kind == kind


async def test_silence_ends_at_the_limit(sink: CustomerSink) -> None:
    sink.behave("/", Behaviour(trick="silent"))
    client = PostClient(Guard(LOCAL), timeout_seconds=0.05)
    with pytest.raises(PostError) as caught:
        await client.post(sink.url(), [], b"{}")
    assert caught.value.kind == "timeout"


async def test_each_request_has_its_own_limit(sink: CustomerSink) -> None:
    """A connection's timer outlives its request, and shall neither end the next nor spare it."""
    sink.behave("/later", Behaviour(delay_seconds=0.3))
    sink.behave("/never", Behaviour(trick="silent"))
    loop = asyncio.get_running_loop()
    _, exchange = await loop.create_connection(Exchange, "127.0.0.1", sink.port)

    def request(path: str) -> bytes:
        return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode()

    await exchange.send(request("/later"), 0.5)
    # Rings in the middle of this one, whose limit is further away.
    await exchange.send(request("/later"), 30)
    assert exchange.reusable
    # And would ring long after this one's.
    with pytest.raises(PostError, match="no answer in time"):
        async with asyncio.timeout(10):
            await exchange.send(request("/never"), 0.2)


async def test_a_stalled_body_does_not_take_the_status_away(sink: CustomerSink) -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(stall, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = PostClient(Guard(LOCAL), timeout_seconds=0.2)
    reply = await client.post(f"http://127.0.0.1:{port}/", [], b"{}")
    assert (reply.status, reply.body_start) == (200, b"abc")
    server.close()


async def test_a_connection_closed_while_idle_is_replaced_unseen(
    sink: CustomerSink, client: PostClient
) -> None:
    await client.post(sink.url(), [], b"1")
    sink.hang_up_idle()
    assert (await client.post(sink.url(), [], b"2")).status == 200
    assert sink.bodies("/") == [b"1", b"2"]


async def test_a_kept_connection_that_hangs_up_on_the_request_is_tried_once_more(
    sink: CustomerSink, client: PostClient
) -> None:
    await client.post(sink.url(), [], b"1")
    sink.behave("/", Behaviour(trick="close"))
    with pytest.raises(PostError) as caught:
        await client.post(sink.url(), [], b"2")
    assert caught.value.kind == "closed"
    # On the kept connection, then once on a fresh one; never a third time.
    assert sink.bodies("/") == [b"1", b"2", b"2"]


async def test_customers_on_one_host_share_no_connection(
    sink: CustomerSink, client: PostClient
) -> None:
    for partition in (1, 2, 1, 2):
        await client.post(sink.url(), [], b"{}", partition=partition)
    assert sink.counts["connections"] == 2


async def test_old_and_idle_connections_are_dropped(sink: CustomerSink) -> None:
    clock = [0.0]
    client = PostClient(Guard(LOCAL), now=lambda: clock[0])
    for moment in (0.0, 14.0, 30.0):  # the third finds the kept one idle for 16 s
        clock[0] = moment
        await client.post(sink.url(), [], b"{}")
    assert sink.counts["connections"] == 2
    clock[0] = 60.0
    client.drop_idle()
    assert client._idle_total == 0
    await client.close()


async def test_the_guard_stands_before_every_connection(sink: CustomerSink) -> None:
    client = PostClient(Guard())
    for url, kind in ((sink.url(), "url"), ("ftp://x.example/", "url")):
        with pytest.raises(PostError) as caught:
            await client.post(url, [], b"{}")
        assert caught.value.kind == kind
    assert sink.counts["requests"] == 0


async def test_the_checked_address_is_the_one_connected_to(sink: CustomerSink) -> None:
    asked: list[str] = []

    async def rebinding(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.255.255.1"]

    client = PostClient(Guard(LOCAL, resolve=rebinding))
    reply = await client.post(f"http://hook.example:{sink.port}/", [], b"{}")
    assert reply.status == 200
    assert asked == ["hook.example"]
    assert sink.received[0].headers["host"] == f"hook.example:{sink.port}"


async def test_nobody_listens(client: PostClient) -> None:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(PostError) as caught:
        await client.post(f"http://127.0.0.1:{port}/", [], b"{}")
    assert caught.value.kind == "connect"


async def test_tls_certificates_are_verified_by_name(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "good.example")
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]

    async def resolve(host: str) -> list[str]:
        return ["127.0.0.1"]

    trusting = ssl.create_default_context(cafile=str(certificate))
    client = PostClient(Guard(LOCAL, resolve=resolve), tls=trusting)
    assert (await client.post(f"https://good.example:{port}/", [], b"{}")).status == 200
    for url, other in (
        (f"https://evil.example:{port}/", client),
        (f"https://good.example:{port}/", PostClient(Guard(LOCAL, resolve=resolve))),
    ):
        with pytest.raises(PostError) as caught:
            await other.post(url, [], b"{}")
        assert caught.value.kind == "tls"
    server.close()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"", None),
        (b"120", 120.0),
        (b" 5 ", 5.0),
        (b"-5", None),
        (b"soon", None),
        (b"9" * 400, 10.0**7),
        (b"Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        (b"Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        (b"\xff\xfe", None),
    ],
)
def test_retry_after(value: bytes, seconds: float | None) -> None:
    assert parse_retry_after(value, 60.0) == seconds


class FakeTransport:
    """What an Exchange needs of a transport, to feed it bytes without a socket."""

    def __init__(self) -> None:
        self.closed = False

    def write(self, data: bytes) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


async def _feed(pieces: list[bytes]) -> Exchange | Exception:
    exchange = Exchange()
    exchange.connection_made(FakeTransport())  # type: ignore[arg-type]
    sending = asyncio.ensure_future(exchange.send(b"POST / HTTP/1.1\r\n\r\n", 5))
    await asyncio.sleep(0)
    for piece in pieces:
        exchange.data_received(piece)
    exchange.connection_lost(None)
    try:
        await sending
    except (PostError, StaleError) as error:
        return error
    return exchange


def _cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    return [piece for piece in pieces if piece]


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=5))
def test_any_bytes_end_in_an_answer_or_an_error(pieces: list[bytes]) -> None:
    result = asyncio.run(_feed(pieces))
    if isinstance(result, Exchange):
        assert 200 <= result.status <= 999
    elif not pieces:
        assert isinstance(result, StaleError)
    else:
        assert isinstance(result, PostError)


@given(
    status=st.integers(200, 599).filter(lambda s: s not in {204, 304}),
    body=st.binary(max_size=3000),
    framing=st.sampled_from(["length", "chunked", "close"]),
    informational=st.integers(0, 3),
    places=st.lists(st.integers(0, 10_000), max_size=8),
)
def test_good_answers_however_cut(
    status: int, body: bytes, framing: str, informational: int, places: list[int]
) -> None:
    data = b"HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n" * informational
    data += b"HTTP/1.1 %d X\r\n" % status
    if framing == "length":
        data += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    elif framing == "chunked":
        chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        data += b"Transfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % chunk
    else:
        data += b"\r\n" + body
    result = asyncio.run(_feed(_cut(data, places)))
    assert isinstance(result, Exchange)
    assert (result.status, result.body, result.retry_after) == (status, body[:1024], b"")


async def _twice_within_a_moment() -> bool:
    """Whether both requests were answered; the limit may also end them, as is its right."""
    exchange = Exchange()
    exchange.connection_made(FakeTransport())  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()
    try:
        for seconds in (0.0004, 0.0002):
            loop.call_soon(exchange.data_received, b"HTTP/1.1 204 X\r\n\r\n")
            await exchange.send(b"POST / HTTP/1.1\r\n\r\n", seconds)
    except (PostError, StaleError):
        return False
    return True


async def _some() -> list[bool]:
    return [await _twice_within_a_moment() for _ in range(50)]


def test_limits_below_what_the_quick_loop_can_time() -> None:
    assert any(uvloop.run(_some()))


def test_an_answer_without_end_is_cut_off() -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"X-Padding: aaaaaaaaaaaaaaaaaaaaaaa\r\n" * 2000
    result = asyncio.run(_feed([head]))
    assert isinstance(result, PostError)
    assert result.kind == "protocol"


def test_a_second_answer_spoils_the_connection() -> None:
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    async def run() -> bool:
        exchange = Exchange()
        transport = FakeTransport()
        exchange.connection_made(transport)  # type: ignore[arg-type]
        sending = asyncio.ensure_future(exchange.send(b"", 5))
        await asyncio.sleep(0)
        exchange.data_received(one + b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        await sending
        assert exchange.status == 200
        return exchange.reusable or not transport.closed

    assert asyncio.run(run()) is False
