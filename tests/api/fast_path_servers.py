"""A stock and a fast uvicorn over one small application, and a client that speaks bytes.

Both answer through the same handler, so that any difference is the connection's.
"""

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cpaas.api.fast_path import Headers, Reply, offering

BODY_BYTES_MAX = 1_000_000
WAIT_SECONDS_MAX = 60.0
JSON = (b"content-type", b"application/json")


class Handler:
    """Stores a body and answers it: after a turn of the loop, at once, or when told to."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []
        self.clients: set[str] = set()
        self.held: list[Callable[[], None]] = []
        self.asgi_calls = 0

    def submit(self, headers: dict[bytes, bytes], body: bytes, client: str, reply: Reply) -> None:
        try:
            asked = json.loads(body)
        except ValueError:
            reply(400, [JSON], b'{"code":"malformed"}')
            return
        if asked.get("raise"):
            raise LookupError("as asked")
        if asked.get("reject"):
            reply(422, [JSON], b'{"code":"rejected"}')
            return
        self.stored.append(body)
        self.clients.add(client)
        given = [JSON]
        if request_id := headers.get(b"x-request-id"):
            given.append((b"x-request-id", request_id))
        if asked.get("break_header"):
            given.append((b"x-broken", b"a\r\nb"))
        text = b'{"length":%d,"n":%d}' % (len(body), asked.get("n", 0))

        def answer() -> None:
            for _ in range(asked.get("answers", 1)):
                reply(202, given, text)

        if asked.get("hold"):
            self.held.append(answer)
        elif asked.get("now"):
            answer()
        else:
            asyncio.get_running_loop().call_later(0.002, answer)


def application(handler: Handler) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """The ordinary way: the same handler behind an ASGI route, and two other routes."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["path"] == "/health":
            await _answer(send, 200, [JSON], b'{"status":"UP"}')
        elif scope["path"] != "/v1/messages":
            await _answer(send, 404, [JSON], b'{"code":"not_found"}')
        elif scope["method"] != "POST":
            await _answer(send, 405, [JSON], b'{"code":"method_not_allowed"}')
        else:
            await _message(handler, scope, receive, send)

    return app


async def _message(handler: Handler, scope: Any, receive: Any, send: Any) -> None:
    handler.asgi_calls += 1
    body = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        body += event["body"]
        if len(body) > BODY_BYTES_MAX:
            await _answer(send, 413, [JSON, (b"connection", b"close")], b'{"code":"too_large"}')
            return
        if not event["more_body"]:
            break
    answered: asyncio.Future[tuple[int, Headers, bytes]] = (
        asyncio.get_running_loop().create_future()
    )

    def reply(status: int, headers: Headers, text: bytes) -> None:
        answered.set_result((status, headers, text))

    handler.submit(dict(scope["headers"]), body, scope["client"][0], reply)
    await _answer(send, *await answered)


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _answer(send: Any, status: int, headers: Headers, body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    head = {"type": "http.response.start", "status": status, "headers": [*headers, length]}
    await send(head)
    await send({"type": "http.response.body", "body": body})


class Server:
    """One uvicorn on its own loop and thread, at a free port."""

    def __init__(self, protocol: type[HttpToolsProtocol], *, offer: bool, **options: Any) -> None:
        self.handler = Handler()
        app = application(self.handler)
        settings: dict[str, Any] = {
            "lifespan": "on",
            "ws": "none",
            "log_config": None,
            "access_log": False,
            "date_header": False,
            "proxy_headers": False,
            "timeout_graceful_shutdown": 5,
            **options,
        }
        offered = offering(app, self.handler.submit) if offer else app
        self.uvicorn = uvicorn.Server(uvicorn.Config(offered, http=protocol, **settings))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = self.socket.getsockname()
        self.loop = uvloop.new_event_loop()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        wait_for(lambda: self.uvicorn.started)

    def _run(self) -> None:
        self.loop.run_until_complete(self.uvicorn.serve(sockets=[self.socket]))
        # A process would end here, and its sockets with it.
        for connection in list(self.uvicorn.server_state.connections):
            connection.transport.abort()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def stop(self) -> None:
        """What SIGTERM sets; `join` waits for the end."""
        self.uvicorn.should_exit = True

    def join(self) -> None:
        self.thread.join(WAIT_SECONDS_MAX)
        assert not self.thread.is_alive(), "the server did not stop"
        self.socket.close()

    def release(self) -> None:
        """Gives the answers that the handler holds."""
        held, self.handler.held = self.handler.held, []
        for answer in held:
            self.loop.call_soon_threadsafe(answer)

    def wait_idle(self) -> None:
        """Until no connection is open and no request runs."""
        state = self.uvicorn.server_state
        wait_for(lambda: not state.connections and not state.tasks)

    def write_paused(self) -> bool:
        connections = self.uvicorn.server_state.connections
        return any(isinstance(c, HttpToolsProtocol) and c.flow.write_paused for c in connections)

    def wait_held(self, count: int) -> None:
        wait_for(lambda: len(self.handler.held) >= count)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


@dataclass
class Client:
    """A connection: sends what it is given, reads whole responses, keeps every byte."""

    address: tuple[str, int]
    seen: bytes = b""
    statuses: list[int] = field(default_factory=list)
    _rest: bytes = b""

    def __post_init__(self) -> None:
        self.socket = socket.create_connection(self.address, timeout=WAIT_SECONDS_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def finish(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def read(self, count: int, *, head_only: bool = False) -> None:
        """The next responses; 100 Continue counts as one."""
        for _ in range(count):
            while b"\r\n\r\n" not in self._rest:
                self._receive()
            head, _, self._rest = self._rest.partition(b"\r\n\r\n")
            self.statuses.append(int(head.split(b" ", 2)[1]))
            length = 0 if head_only else _length(head)
            while len(self._rest) < length:
                self._receive()
            self.seen += head + b"\r\n\r\n" + self._rest[:length]
            self._rest = self._rest[length:]

    def read_to_end(self) -> None:
        """Whatever comes until the server closes; a reset counts as a close."""
        try:
            while data := self.socket.recv(65536):
                self._rest += data
        except ConnectionError:
            pass
        while b"\r\n\r\n" in self._rest:
            self.read(1)
        self.seen += self._rest
        self._rest = b""

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        assert data, f"closed after {self.statuses}, rest {self._rest!r}"
        self._rest += data


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
