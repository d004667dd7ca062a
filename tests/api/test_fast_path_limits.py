"""What the fast path refuses, cuts off or survives, and how both servers stop."""

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.api.fast_path_servers import Client, Server, wait_for
from tests.api.test_fast_path import GET, HOLD, WEBSOCKET, WHOLE, numbered, post
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cpaas.api import fast_path
from cpaas.api.fast_path import PIPELINE_MAX, FastPathProtocol

STOCK_AND_FAST = [(HttpToolsProtocol, False), (FastPathProtocol, True)]
both = pytest.mark.parametrize(("protocol", "offer"), STOCK_AND_FAST, ids=["stock", "fast"])


class Impatient(FastPathProtocol):
    body_seconds = 0.05


class Upgraded(asyncio.Protocol):
    """A websocket library that only says hello."""

    def __init__(self, config: Any, server_state: Any, app_state: Any) -> None:
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /health"):
            self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")


@pytest.fixture
def serve() -> Iterator[Any]:
    servers: list[Server] = []

    def start(protocol: type[HttpToolsProtocol], *, offer: bool = True, **options: Any) -> Server:
        servers.append(Server(protocol, offer=offer, **options))
        return servers[-1]

    yield start
    for server in servers:
        if server.thread.is_alive():
            server.release()
        server.stop()
    for server in servers:
        server.join()


def test_stock_source_is_the_known_one() -> None:
    """It changed: read what is new in the stock class, adapt, try all cases, pin the new hash."""
    assert fast_path.stock_source() == fast_path.STOCK_SOURCE
    assert fast_path.http_protocol() is FastPathProtocol


def test_unknown_source_falls_back_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert fast_path.http_protocol(known="another") is HttpToolsProtocol
    assert "ordinary way" in caplog.text


def test_without_handler_everything_is_stock(serve: Any) -> None:
    server = serve(FastPathProtocol, offer=False)
    with Client(server.address) as client:
        client.send(post())
        client.read(1)
    assert client.statuses == [202]
    assert server.handler.asgi_calls == 1


def test_root_path_is_left_to_stock(serve: Any) -> None:
    server = serve(FastPathProtocol, root_path="/behind")
    with Client(server.address) as client:
        client.send(post())
        client.read(1)
    assert client.statuses == [404]
    assert server.handler.stored == []


def test_flood_of_pipelined_requests_is_cut_off(serve: Any) -> None:
    server = serve(FastPathProtocol)
    with Client(server.address) as client:
        client.send(HOLD + GET * (PIPELINE_MAX + 1))
        client.read_to_end()
    assert client.statuses == [400]
    server.wait_idle()
    with Client(server.address) as client:
        client.send(numbered(PIPELINE_MAX + 1))
        client.read(PIPELINE_MAX + 1)
    assert set(client.statuses) == {202}


def test_flood_is_cut_off_without_handler_too(serve: Any) -> None:
    server = serve(FastPathProtocol, offer=False)
    with Client(server.address) as client:
        client.send(HOLD + GET * (PIPELINE_MAX + 1))
        client.read_to_end()
    assert client.statuses == [400]


def test_body_that_does_not_come_gets_408(serve: Any) -> None:
    server = serve(Impatient)
    with Client(server.address) as client:
        client.send(WHOLE[:-5])
        client.read_to_end()
    assert client.statuses == [408]
    assert b"body_timeout" in client.seen
    assert server.handler.stored == []


def test_body_in_time_is_not_cut(serve: Any) -> None:
    server = serve(Impatient)
    with Client(server.address) as client:
        client.send(WHOLE[:-5])
        client.send(WHOLE[-5:] + b"")
        client.read(1)
        client.send(HOLD)
        server.wait_held(1)
        server.loop.call_soon_threadsafe(server.loop.call_later, 0.1, server.release)
        client.read(1)
    assert client.statuses == [202, 202]


def test_raising_handler_answers_500_and_keeps_the_connection(serve: Any) -> None:
    server = serve(FastPathProtocol)
    with Client(server.address) as client:
        client.send(post(b'{"raise":true}'))
        client.read(1)
        client.send(post())
        client.read(1)
    assert client.statuses == [500, 202]
    assert b"internal_error" in client.seen


def test_second_answer_is_dropped(serve: Any) -> None:
    server = serve(FastPathProtocol)
    with Client(server.address) as client:
        client.send(post(b'{"answers":2}'))
        client.read(1)
        client.send(GET)
        client.read(1)
    assert client.statuses == [202, 200]


def test_header_cannot_split_an_answer(serve: Any) -> None:
    server = serve(FastPathProtocol)
    with Client(server.address) as client:
        client.send(post(b'{"break_header":true}'))
        client.read(1)
    assert client.statuses == [500]
    assert b"x-broken" not in client.seen


def test_unread_answers_are_left_to_stock_which_stops_reading(serve: Any) -> None:
    """A client that sends and never reads: once writing is paused, ASGI takes over and waits."""
    server = serve(FastPathProtocol)
    answer_of_60_kb = post(b'{"now":true}', b"X-Request-Id: " + b"r" * 60_000)
    with Client(server.address) as client:
        for sent in range(1, 2_000):
            client.send(answer_of_60_kb)
            wait_for(lambda: server.write_paused() or len(server.handler.stored) >= sent)  # noqa: B023
            if server.write_paused():
                break
        client.send(answer_of_60_kb)
        wait_for(lambda: server.handler.asgi_calls > 0)
        client.reset()


@both
def test_concurrency_limit(serve: Any, protocol: type[HttpToolsProtocol], offer: bool) -> None:
    server = serve(protocol, offer=offer, limit_concurrency=2)
    with Client(server.address) as first:
        first.send(post())
        first.read(1)
        with Client(server.address) as second:
            second.send(post())
            second.read_to_end()
    assert (first.statuses, second.statuses) == ([202], [503])


@both
def test_websocket_upgrade_behind_a_plain_request(
    serve: Any, protocol: type[HttpToolsProtocol], offer: bool
) -> None:
    """Handed over once, though the upgrade ends a message while the first one's cycle stands."""
    server = serve(protocol, offer=offer, ws=Upgraded)
    with Client(server.address) as client:
        client.send(HOLD + WEBSOCKET)
        client.read(1)
        server.wait_held(1)
        server.release()
        client.read(1)
    assert client.statuses == [101, 202]
    assert len(server.handler.stored) == 1


@both
def test_idle_connection_is_closed(
    serve: Any, protocol: type[HttpToolsProtocol], offer: bool
) -> None:
    server = serve(protocol, offer=offer, timeout_keep_alive=0.05)
    with Client(server.address) as client:
        client.send(post())
        client.read(1)
        client.read_to_end()
    assert client.statuses == [202]


@both
def test_keep_alive_timer_spares_the_next_request(
    serve: Any, protocol: type[HttpToolsProtocol], offer: bool
) -> None:
    """An answer given at once must not leave its timer running under the request behind it."""
    server = serve(protocol, offer=offer, timeout_keep_alive=0.05)
    with Client(server.address) as client:
        client.send(post(b'{"now":true}') + HOLD)
        server.wait_held(1)
        server.loop.call_soon_threadsafe(server.loop.call_later, 0.15, server.release)
        client.read(2)
    assert client.statuses == [202, 202]


@both
def test_keep_alive_counts_from_the_last_answer(
    serve: Any, protocol: type[HttpToolsProtocol], offer: bool
) -> None:
    server = serve(protocol, offer=offer, timeout_keep_alive=0.4)
    with Client(server.address) as client:
        for _ in range(4):
            client.send(post())
            client.read(1)
            # Together they take longer than the timer that the first answer started.
            time.sleep(0.15)
        client.send(HOLD)
        server.wait_held(1)
        time.sleep(0.5)
        server.release()
        client.read(1)
        client.read_to_end()
    assert client.statuses == [202] * 5


@both
def test_stop_answers_what_was_begun(
    serve: Any, protocol: type[HttpToolsProtocol], offer: bool
) -> None:
    server = serve(protocol, offer=offer)
    idle, fresh, running, piped, halfway, head = (Client(server.address) for _ in range(6))
    idle.send(post())
    idle.read(1)
    running.send(HOLD)
    piped.send(HOLD + GET)
    halfway.send(WHOLE[:-5])
    head.send(WHOLE[:20])
    server.wait_held(2)
    server.stop()
    for client in (idle, fresh, head):
        client.read_to_end()
    server.release()
    halfway.send(WHOLE[-5:])
    for client in (running, piped, halfway):
        client.read_to_end()
    server.join()
    seen = [client.statuses for client in (idle, fresh, head, running, piped, halfway)]
    assert seen == [[202], [], [], [202], [202, 200], [202]]
    for client in (running, piped, halfway):
        assert client.seen.count(b"connection: close") == 1
    assert len(server.handler.stored) == 4
    for client in (idle, fresh, running, piped, halfway, head):
        client.socket.close()


def test_stop_does_not_wait_for_ever(serve: Any) -> None:
    server = serve(FastPathProtocol, timeout_graceful_shutdown=1)
    with Client(server.address) as client:
        client.send(HOLD)
        server.wait_held(1)
        server.stop()
        server.join()
        client.read_to_end()
    assert client.statuses == []
