"""The receiver itself: an HTTP server in the process, made to be embedded in tests and benches.

Each path has its own behaviour, so that a quick and a broken customer live on one port.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Literal, cast

import httptools
import msgspec

from cpaas.simulators.customer.signature import signature_fault

KEPT_MAX: Final = 100_000
BODY_BYTES_MAX: Final = 1024 * 1024
FAILURES_REMEMBERED_MAX: Final = 100_000

Trick = Literal["", "silent", "close", "half", "garbage", "continue", "chunked", "until_close"]


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """How a path answers.

    fail_first: this many attempts of each event get `fail_status` before `status` is given.
    trick: silent never answers, close hangs up, half hangs up within the body, garbage is no HTTP,
    continue sends 100 first, chunked and until_close frame the body that way.
    """

    status: int = 200
    delay_seconds: float = 0.0
    fail_first: int = 0
    fail_status: int = 500
    retry_after: str = ""
    location: str = ""
    body: bytes = b"ok"
    keep_alive: bool = True
    trick: Trick = ""
    secrets: tuple[str, ...] = ()


class Received(msgspec.Struct, frozen=True):
    """One request as it came; `fault` says why its signature does not hold, "" when it does."""

    path: str
    id: str
    headers: dict[str, str]
    body: bytes
    fault: str
    at: float


class CustomerSink:
    """The server: start it, read `received` and `counts`, stop it."""

    def __init__(
        self,
        *,
        behaviour: Behaviour | None = None,
        kept_max: int = KEPT_MAX,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.received: deque[Received] = deque(maxlen=kept_max)
        self.counts: Counter[str] = Counter()
        self.open_now: Counter[str] = Counter()
        self.open_most: Counter[str] = Counter()
        self._default = behaviour or Behaviour()
        self._paths: dict[str, Behaviour] = {}
        self._failed: dict[tuple[str, str], int] = {}
        self._now = now
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._arrived = asyncio.Event()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens; port 0 takes a free one, see `port`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), host, port)

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None, "start() first"  # noqa: S101
        return int(self._server.sockets[0].getsockname()[1])

    def url(self, path: str = "/") -> str:
        """The URL of a path here."""
        return f"http://127.0.0.1:{self.port}{path}"

    def behave(self, path: str, behaviour: Behaviour) -> None:
        """Sets how a path answers from now on."""
        self._paths[path] = behaviour

    def behaviour(self, path: str) -> Behaviour:
        """How a path answers."""
        return self._paths.get(path, self._default)

    async def stop(self) -> None:
        """Stops listening and hangs up on everyone."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.hang_up()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def hang_up_idle(self) -> None:
        """Closes every connection that waits for a request, as servers do after a while."""
        for connection in list(self._connections):
            if not connection.busy:
                connection.hang_up()

    async def wait_for(self, path: str, count: int, timeout_seconds: float = 20.0) -> None:
        """Returns when a path has had `count` requests. Errors: TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            while self.counts[path] < count:
                self._arrived.clear()
                await self._arrived.wait()

    def bodies(self, path: str) -> list[bytes]:
        """The kept bodies of a path, oldest first."""
        return [one.body for one in self.received if one.path == path]

    # -- called by connections

    def arrive(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Records a request and returns the status it gets."""
        behaviour = self.behaviour(path)
        fault = "not checked"
        if behaviour.secrets:
            fault = signature_fault(headers, body, behaviour.secrets, self._now())
            self.counts["signature_good" if not fault else "signature_bad"] += 1
        identity = headers.get("webhook-id", "")
        self.received.append(Received(path, identity, headers, body, fault, self._now()))
        self.counts[path] += 1
        self.counts["requests"] += 1
        self._arrived.set()
        if behaviour.secrets and fault:
            return 401
        key = (path, identity)
        failed = self._failed.get(key, 0)
        if failed < behaviour.fail_first:
            if len(self._failed) >= FAILURES_REMEMBERED_MAX:
                self._failed.clear()
            self._failed[key] = failed + 1
            return behaviour.fail_status
        return behaviour.status

    def began(self, path: str) -> None:
        """Counts a request under way."""
        self.open_now[path] += 1
        self.open_most[path] = max(self.open_most[path], self.open_now[path])

    def ended(self, path: str) -> None:
        """Counts it no longer."""
        self.open_now[path] -= 1

    def joined(self, connection: "Connection") -> None:
        """Knows a connection until it has left."""
        self._connections.add(connection)
        self.counts["connections"] += 1

    def left(self, connection: "Connection") -> None:
        """Forgets a connection."""
        self._connections.discard(connection)


class Connection(asyncio.Protocol):
    """One client's connection: one request at a time, answered as its path behaves."""

    def __init__(self, sink: CustomerSink) -> None:
        self.busy = False
        self._sink = sink
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._later: asyncio.TimerHandle | None = None
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._path = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._sink.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._transport = None
        if self._later is not None:
            self._later.cancel()
        if self.busy:
            self._done()
        self._sink.left(self)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.hang_up()

    def on_url(self, url: bytes) -> None:
        """Called by the parser."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body_bytes += len(body)
        if self._body_bytes > BODY_BYTES_MAX:
            self.hang_up()
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        path = self._url.decode("latin-1")
        if self._parser.get_method() != b"POST":
            self._answer_report(path)
            self._begin()
            return
        behaviour = self._sink.behaviour(path)
        self.busy = True
        self._path = path
        self._sink.began(path)
        status = self._sink.arrive(path, self._headers, b"".join(self._body))
        if behaviour.delay_seconds > 0:
            loop = asyncio.get_running_loop()
            self._later = loop.call_later(behaviour.delay_seconds, self._answer, status, behaviour)
        else:
            self._answer(status, behaviour)

    def hang_up(self) -> None:
        """Closes at once."""
        if self._transport is not None:
            self._transport.abort()

    def _done(self) -> None:
        self.busy = False
        self._sink.ended(self._path)
        self._begin()

    def _answer(self, status: int, behaviour: Behaviour) -> None:
        self._later = None
        if self._transport is None or behaviour.trick == "silent":
            return
        if behaviour.trick == "close":
            self.hang_up()
            return
        keep_alive = behaviour.keep_alive and behaviour.trick not in {"half", "until_close"}
        self._transport.write(_reply(status, behaviour, keep_alive=keep_alive))
        self._done()
        if not keep_alive:
            self._transport.close()

    def _answer_report(self, path: str) -> None:
        if self._transport is None:
            return
        found = path in {"/health", "/counts"}
        report: object = {"service": "customer", "status": "UP"}
        if path == "/counts":
            report = dict(self._sink.counts)
        body = msgspec.json.encode(report if found else {"error": "POST events; GET /counts"})
        head = f"HTTP/1.1 {200 if found else 404} OK\r\nContent-Type: application/json\r\n"
        self._transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def _reply(status: int, behaviour: Behaviour, *, keep_alive: bool) -> bytes:
    if behaviour.trick == "garbage":
        return b"220 mail.example ESMTP\r\n"
    head = f"HTTP/1.1 {status} Answer\r\nContent-Type: text/plain\r\n"
    if behaviour.retry_after:
        head += f"Retry-After: {behaviour.retry_after}\r\n"
    if behaviour.location:
        head += f"Location: {behaviour.location}\r\n"
    if not keep_alive:
        head += "Connection: close\r\n"
    body = behaviour.body
    if behaviour.trick == "continue":
        head = "HTTP/1.1 100 Continue\r\n\r\n" + head
    if behaviour.trick == "until_close":
        return head.encode() + b"\r\n" + body
    if behaviour.trick == "chunked":
        chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        return head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunk
    length = len(body) + (100 if behaviour.trick == "half" else 0)
    return head.encode() + b"Content-Length: %d\r\n\r\n" % length + body
