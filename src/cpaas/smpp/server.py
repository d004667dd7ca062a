"""An SMPP listener: one handler per connection, batches in, batches out.

It serves both the simulated SMSC and the customers' door, which differ only in what their
handlers decide; the protocol's manners (wrong state, unknown command, bad length) are kept here.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from cpaas.smpp.codec import encode
from cpaas.smpp.events import Answer, Limits, Received
from cpaas.smpp.layout import Pdu
from cpaas.smpp.link import Link
from cpaas.smpp.message_codec import encode_submit_resp
from cpaas.smpp.pdu import BindRequest, DeliverSm
from cpaas.smpp.session import UNBIND_PATIENCE_SECONDS
from cpaas.smpp.states import BIND_TYPES, BOUND, Role


class ServerLimits(msgspec.Struct, frozen=True):
    """Bounds of a listener; `inbound_max` requests unanswered stop the reading of a link."""

    link: Limits = Limits()
    connections_max: int = 1_000
    inbound_max: int = 5_000


_DEFAULT_LIMITS = ServerLimits()


class ConnectionHandler(Protocol):
    """What a connection tells its owner; all calls come from the event loop, none may block."""

    def on_bind(self, request: BindRequest) -> None:
        """Decide, now or later, with `accept_bind` or `reject_bind`."""

    def on_requests(self, pdus: list[Pdu]) -> None:
        """All requests of one read; answer each, now or later."""

    def on_deliver_resps(self, answers: list[Answer]) -> None:
        """(tag, command_status, "") of all answers of one read."""

    def on_timeouts(self, tags: list[Any]) -> None:
        """deliver_sm that got no answer in time."""

    def on_room(self) -> None:
        """There is room for deliver_sm again after there was none."""

    def on_lost(self, unanswered: list[Any], reason: str) -> None:
        """The connection is gone; `unanswered` deliver_sm may or may not have arrived."""


class Connection(Link):
    """One ESME's connection."""

    def __init__(self, server: "Server") -> None:
        limits = server.limits
        super().__init__(Role.SMSC, limits.link, server.clock, inbound_max=limits.inbound_max)
        self.request: BindRequest | None = None
        self._server = server
        self._handler: ConnectionHandler | None = None
        self._full = False

    @property
    def bound(self) -> bool:
        """Tell whether the bind was accepted and holds."""
        return self.session.state in BOUND

    @property
    def bind_type(self) -> str:
        """Return tx, rx or trx, empty while not bound."""
        return BIND_TYPES.get(self.session.state, "")

    @property
    def system_id(self) -> str:
        """Return the system_id that asked to bind."""
        return self.request.system_id if self.request else ""

    @property
    def free(self) -> int:
        """Room for deliver_sm now; 0 for a transmitter or while the peer does not read."""
        return 0 if self.paused or self.closing else max(0, self.session.free)

    def accept_bind(self, system_id: str) -> None:
        """Accept the pending bind."""
        if not self.closing:
            self.write(self.session.accept_bind(system_id, self._clock()))

    def reject_bind(self, status: int) -> None:
        """Refuse the pending bind and close."""
        if not self.closing:
            self.write(self.session.reject_bind(status))
            self.close("the bind was refused")

    def submit_resps(
        self, answers: Sequence[tuple[int, int, str] | tuple[int, int, str, str]]
    ) -> None:
        """Answer submit_sm requests: (sequence, command_status, message_id[, why]) each."""
        self.session.answered(len(answers))
        self.write(b"".join([encode_submit_resp(*answer) for answer in answers]))
        self.settle()

    def respond(self, pdus: Sequence[Pdu]) -> None:
        """Answer other requests with whole PDUs that carry the requests' sequence numbers."""
        self.session.answered(len(pdus))
        self.write(b"".join([encode(pdu) for pdu in pdus]))
        self.settle()

    def ignore(self, count: int) -> None:
        """Leave requests without an answer for good, as only a simulator or a refusal does."""
        self.session.answered(count)
        self.settle()

    def deliver(self, items: Sequence[tuple[Any, DeliverSm]]) -> None:
        """Send deliver_sm; not more than `free`."""
        self.write(self.session.send_messages(items, self._clock()))
        self._full = self.session.free <= 0

    def unbind(self) -> None:
        """Ask the peer to part; the connection closes when it agrees or does not answer."""
        if self.bound and not self.closing:
            self.write(self.session.unbind(self._clock()))
        else:
            self.close("the server is stopping")

    def opened(self) -> None:
        """Get a handler from the owner."""
        self._handler = self._server.adopt(self)

    def received(self, got: Received) -> None:
        """Hand one read over, the bind first."""
        handler = self._handler
        if handler is None:
            return
        if got.bind is not None:
            self.request = got.bind
            handler.on_bind(got.bind)
        if got.answers:
            handler.on_deliver_resps(got.answers)
            self._report_room()
        if got.requests:
            handler.on_requests(got.requests)

    def timed_out(self, tags: list[Any]) -> None:
        """Report deliver_sm without answer."""
        if self._handler is not None:
            self._handler.on_timeouts(tags)
            self._report_room()

    def writable(self) -> None:
        """Report room again."""
        if self._handler is not None and self.free > 0:
            self._full = False
            self._handler.on_room()

    def lost(self, unanswered: list[Any], reason: str) -> None:
        """Report the end."""
        self._server.connections.discard(self)
        if self._handler is not None:
            self._handler.on_lost(unanswered, reason)

    def _report_room(self) -> None:
        if self._full and self._handler is not None and self.free > 0:
            self._full = False
            self._handler.on_room()


class Server:
    """Listens, and makes one handler for each connection."""

    def __init__(
        self,
        host: str,
        port: int,
        handler_factory: Callable[[Connection], ConnectionHandler],
        *,
        ssl: ssl.SSLContext | None = None,
        limits: ServerLimits = _DEFAULT_LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.clock = clock
        self.connections: set[Connection] = set()
        self._host, self._port, self._ssl = host, port, ssl
        self._handler_factory = handler_factory
        self._listener: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen and return the port, which is the system's choice when 0 was asked for."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Connection(self), self._host, self._port, ssl=self._ssl
        )
        port = self._listener.sockets[0].getsockname()[1]
        return int(port)

    async def stop(self, drain_seconds: float = UNBIND_PATIENCE_SECONDS) -> None:
        """Stop listening, unbind everybody, and cut those who do not go."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        connections = list(self.connections)
        for connection in connections:
            connection.unbind()
        if connections:
            await asyncio.wait([c.closed for c in connections], timeout=drain_seconds)
        for connection in list(self.connections):
            connection.abort("the server stopped")
        if self.connections:
            await asyncio.wait([c.closed for c in connections], timeout=drain_seconds)

    def adopt(self, connection: Connection) -> ConnectionHandler | None:
        """Make the handler of a new connection, or cut it when there are too many."""
        if len(self.connections) >= self.limits.connections_max:
            connection.abort("too many connections")
            return None
        self.connections.add(connection)
        return self._handler_factory(connection)
