"""Takes plain `POST /v1/messages` from uvicorn's parser straight to the core, past ASGI.

Half of the time an accepted message costs the HTTP layer is ASGI's; everything that is not the
one plain request goes the stock way, where the same endpoint is an ordinary route.

The handler stands in the lifespan state under `fast_submit` (see `offering`); none there means
stock behaviour. ASGI middleware is passed by: whatever a request must meet (client address behind
a proxy, request id, limits, counts) belongs in the handler, which both ways share.
"""

import asyncio
import functools
import hashlib
import inspect
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final, Protocol, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

#: sha256 of the source this class was written against: a check that a newer stock
#: `on_headers_complete` makes would be skipped unseen for the requests taken here.
STOCK_SOURCE: Final = "18fdf324b11bf160e38739eed01a48516b460be9e88f1e20e4546e7363fd9232"
STATE_KEY: Final = "fast_submit"
PATH: Final = b"/v1/messages"
#: the stock class's high-water mark: up to it a body needs no flow control.
BODY_BYTES_MAX: Final = 64 * 1024
PIPELINE_MAX: Final = 64

_JSON: Final = re.compile(rb"application/json(; ?charset=utf-8)?", re.IGNORECASE)
_LEFT_TO_STOCK: Final = frozenset({b"expect", b"transfer-encoding", b"content-encoding"})
_UNFIT_FOR_HEADER: Final = re.compile(b"[\x00-\x08\x0a-\x1f\x7f]")
_PROBLEM: Final = [(b"content-type", b"application/problem+json")]
_FAILED: Final = (
    b'{"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal_error"}'
)
_TOO_SLOW: Final = (
    b'{"type":"about:blank","title":"The body did not arrive in time","status":408,'
    b'"code":"body_timeout"}'
)
_COME_AGAIN: Final = [*_PROBLEM, (b"retry-after", b"1")]
_BUSY: Final = (
    b'{"type":"about:blank","title":"Too many connections are open","status":503,"code":"busy"}'
)
#: what the stock class sets to wake an application; nobody waits for a taken request's.
_NO_EVENT: Final = asyncio.Event()
_log: Final = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]
Reply = Callable[[int, Headers, bytes], None]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class Submit(Protocol):
    """The handler: takes one request, and calls `reply` once, now or later."""

    def __call__(self, headers: dict[bytes, bytes], body: bytes, client: str, reply: Reply) -> None:
        """Header names are in lower case; `client` is the peer's address without its port."""


def offering(application: Application, submit: Submit) -> Application:
    """The application, which at start-up puts the handler where the connections look for it."""

    async def offered(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" and "state" in scope:
            scope["state"][STATE_KEY] = submit
        await application(scope, receive, send)

    return offered


def http_protocol(known: str = STOCK_SOURCE) -> type[HttpToolsProtocol]:
    """What to give `uvicorn.Config(http=…)`: the fast class, or stock if uvicorn has changed."""
    if stock_source() == known:
        return FastPathProtocol
    _log.warning(
        "This uvicorn is not the one the fast path was written for, so all requests take the "
        "ordinary way; install the pinned version to get it back"
    )
    return HttpToolsProtocol


@functools.cache
def stock_source() -> str:
    """The sha256 of the installed stock class's source; empty if there is no source."""
    try:
        source = inspect.getsource(HttpToolsProtocol)
    except OSError:
        return ""
    return hashlib.sha256(source.encode()).hexdigest()


class _Taken:
    """Stands as `cycle` while a taken request runs.

    Slots, so that a field which a newer stock class would write fails loudly. The first six are
    the ones it reads and writes.
    """

    __slots__ = (
        *("response_complete", "more_body", "body", "disconnected", "keep_alive", "message_event"),
        *("handing_over", "headers", "late", "protocol", "replied"),
    )

    def __init__(self, protocol: "FastPathProtocol", headers: dict[bytes, bytes]) -> None:
        self.response_complete = False
        self.more_body = True
        self.body = bytearray()
        self.disconnected = False
        self.keep_alive = protocol.parser.should_keep_alive()
        self.message_event = _NO_EVENT
        self.protocol = protocol
        self.headers = headers
        self.replied = False
        self.handing_over = False
        self.late: asyncio.TimerHandle | None = None

    def reply(self, status: int, headers: Headers, body: bytes) -> None:
        if self.replied:
            _log.error("A second answer (%d) to one request was dropped", status)
            return
        self.replied = True
        if self.handing_over:
            # Within the parser's callback the stock class has not seen the rest of the bytes:
            # its keep-alive timer would be armed under the next request's feet.
            self.protocol.loop.call_soon(self.write, status, headers, body)
        else:
            self.write(status, headers, body)

    def write(self, status: int, headers: Headers, body: bytes) -> None:
        protocol = self.protocol
        if self.disconnected or protocol.transport.is_closing():
            self.response_complete = True
            return
        if _UNFIT_FOR_HEADER.search(b"".join([value for _, value in headers])):
            _log.error("An answer had a control character in a header: %r", headers)
            status, headers, body = 500, _PROBLEM, _FAILED
        lines = [b"%b: %b\r\n" % line for line in protocol.server_state.default_headers]
        lines += [b"%b: %b\r\n" % line for line in headers]
        answer = b"%b%bcontent-length: %d\r\n%b\r\n%b" % (
            STATUS_LINE[status],
            b"".join(lines),
            len(body),
            b"" if self.keep_alive else b"connection: close\r\n",
            body,
        )
        if protocol.access_log:
            # The pieces that stock logs, in the order its formatter wants them.
            peer = "{}:{}".format(*protocol.client) if protocol.client else ""
            line = (peer, "POST", PATH.decode(), "1.1", status)
            protocol.access_logger.info('%s - "%s %s HTTP/%s" %d', *line)
        protocol.transport.write(answer)
        self.response_complete = True
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()

    def give_up(self) -> None:
        """The body did not come in time."""
        if self.more_body and not self.disconnected:
            self.keep_alive = False
            self.reply(408, _PROBLEM, _TOO_SLOW)


class FastPathProtocol(HttpToolsProtocol):
    """uvicorn's connection, which hands plain `POST /v1/messages` to the handler itself."""

    #: from the end of the headers to the end of the body: 64 KiB at 8 kB/s.
    body_seconds: ClassVar[float] = 8.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.submit: Submit | None = app_state.get(STATE_KEY)
        #: since when the connection waits for a request, by the loop's clock; None while it works.
        self._idle_since: float | None = None

    def data_received(self, data: bytes) -> None:
        """As stock; and a taken request whose body is still to come gets a deadline."""
        super().data_received(data)
        cycle: object = self.cycle
        if type(cycle) is _Taken and cycle.more_body and cycle.late is None:
            cycle.late = self.loop.call_later(self.body_seconds, cycle.give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """As stock; and the keep-alive timer ends."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def on_response_complete(self) -> None:
        """As stock, but the keep-alive timer of an earlier answer stands and sees the new time.

        To start one for every answer and cancel it for every request costs as much as parsing.
        """
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._ring_in(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _ring_in(self, seconds: float) -> None:
        ring = self.timeout_keep_alive_handler
        self.timeout_keep_alive_task = self.loop.call_later(seconds, ring)

    def timeout_keep_alive_handler(self) -> None:
        """Closes a connection that has waited long enough; else rings again when it has."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._ring_in(left)
        else:
            super().timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        """As stock, but what only the stock way needs is made when the request goes there."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Takes the request if it is the plain one; everything else is the stock class's."""
        if len(self.pipeline) >= PIPELINE_MAX:
            # The stock class reads on after each answer however many wait: a client that sends
            # and never reads would fill the memory. Raised here, it becomes a 400 and a close.
            raise BufferError(f"more than {PIPELINE_MAX} requests wait on one connection")
        if self.url == PATH and self.submit is not None and self._may_take():
            headers = dict(self.headers)
            if len(headers) == len(self.headers) and _is_plain(headers):
                self.cycle = cast("RequestResponseCycle", _Taken(self, headers))
                return
        begun = self.url, self.expect_100_continue, self.headers
        super().on_message_begin()
        self.url, self.expect_100_continue, self.headers = begun
        self.scope["headers"] = self.headers
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """As stock; and a taken request, now whole, goes to the handler."""
        cycle: object = self.cycle
        # An upgrade request behind a taken one arrives here with the taken one's cycle: only
        # the step from more to no more body is the end of the taken one.
        waiting = type(cycle) is _Taken and cycle.more_body
        super().on_message_complete()
        if waiting and type(cycle) is _Taken and not cycle.more_body:
            self._hand_over(cycle)

    def _may_take(self) -> bool:
        return (
            self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and (self.cycle is None or self.cycle.response_complete)
            and not self.pipeline
            and not self.transport.is_closing()
            and not self.flow.write_paused
            and not self.parser.should_upgrade()
            and not self.root_path
        )

    def _is_full(self) -> bool:
        limit = self.limit_concurrency
        return limit is not None and max(len(self.connections), len(self.tasks)) >= limit

    def _hand_over(self, cycle: _Taken) -> None:
        submit = self.submit
        if cycle.late is not None:
            cycle.late.cancel()
        if submit is None:
            raise RuntimeError("a request was taken without a handler")
        client = self.client[0] if self.client else ""
        cycle.handing_over = True
        try:
            if self._is_full():
                # Closed, so that it makes room; stock says the same without a word.
                cycle.keep_alive = False
                cycle.reply(503, _COME_AGAIN, _BUSY)
                return
            submit(cycle.headers, bytes(cycle.body), client, cycle.reply)
        except Exception:  # noqa: BLE001 - the parser would make it a 400 and close
            _log.exception("The handler of %s failed", PATH.decode())
            if not cycle.replied:
                cycle.reply(500, _PROBLEM, _FAILED)
        finally:
            cycle.handing_over = False


def _is_plain(headers: dict[bytes, bytes]) -> bool:
    """A JSON body of a stated, small length, and nothing that asks for more."""
    length = headers.get(b"content-length", b"")
    return (
        _JSON.fullmatch(headers.get(b"content-type", b"")) is not None
        and length.isdigit()
        and len(length) <= 5
        and int(length) <= BODY_BYTES_MAX
        and _LEFT_TO_STOCK.isdisjoint(headers)
    )
