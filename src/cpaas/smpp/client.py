"""An ESME that stays bound: connect, bind, submit in a window, reconnect with back-off.

It knows nothing of messages' meaning: the caller's tags go out with submits and come back with
their answers, so that the gateway can batch them into its own transactions.
"""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec

from cpaas.smpp.codec import encode
from cpaas.smpp.errors import EncodeError, SessionError
from cpaas.smpp.events import Answer, Limits, Received
from cpaas.smpp.layout import Pdu
from cpaas.smpp.link import Link
from cpaas.smpp.pdu import (
    BindReceiver,
    BindRequest,
    BindTransceiver,
    BindTransmitter,
    DataSm,
    DeliverSm,
    SubmitSm,
)
from cpaas.smpp.session import UNBIND_PATIENCE_SECONDS
from cpaas.smpp.states import BOUND, Role

BACKOFF_SECONDS_MIN, BACKOFF_SECONDS_MAX = 1.0, 30.0
DELIVERIES_UNANSWERED_MAX = 5_000
_BINDS: dict[str, type[BindRequest]] = {
    "trx": BindTransceiver,
    "tx": BindTransmitter,
    "rx": BindReceiver,
}


class BindParams(msgspec.Struct, frozen=True):
    """Where and as whom to bind, and the limits of the link."""

    host: str
    port: int
    system_id: str
    password: str
    system_type: str = ""
    bind_type: Literal["trx", "tx", "rx"] = "trx"
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""
    window: int = 100
    enquire_link_seconds: float = 30.0
    response_timeout_seconds: float = 60.0
    tls: ssl.SSLContext | None = None
    connect_timeout_seconds: float = 10.0

    def __repr__(self) -> str:
        return f"BindParams({self.system_id!r} at {self.host}:{self.port}, {self.bind_type})"


class ClientEvents(Protocol):
    """What the client tells its owner; all calls come from the event loop and must not block."""

    def on_bound(self, bind: "Client") -> None:
        """The bind was accepted; there is room for `bind.free` submits."""

    def on_submit_resps(self, bind: "Client", answers: list[Answer]) -> None:
        """(tag, command_status, message_id) of all answers of one read."""

    def on_deliver_sms(self, bind: "Client", pdus: list[DeliverSm]) -> None:
        """All receipts and replies of one read; answer later with `deliver_resps`.

        Keep `bind.link_number` for that: sequence numbers begin anew with every link.
        """

    def on_timeouts(self, bind: "Client", tags: list[Any]) -> None:
        """No answer in time; the outcome is unknown and later answers are ignored."""

    def on_lost(self, bind: "Client", unanswered: list[Any], reason: str) -> None:
        """The link is gone; the outcome of `unanswered` is unknown."""

    def on_room(self, bind: "Client") -> None:
        """There is room again after there was none."""


def exponential_backoff(failures: int) -> float:
    """Return 1 to 30 seconds, growing, with jitter so that many binds do not return at once."""
    most = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2 ** min(failures, 10))
    return random.uniform(BACKOFF_SECONDS_MIN, most)  # noqa: S311 - jitter is no secret


class Client:
    """One bind to one SMSC, kept alive until `stop`."""

    def __init__(
        self,
        params: BindParams,
        events: ClientEvents,
        *,
        clock: Callable[[], float] = time.monotonic,
        backoff: Callable[[int], float] = exponential_backoff,
    ) -> None:
        self.params = params
        self.last_error = ""
        self.state = "stopped"
        #: which link of this bind stands now, or stood last.
        self.link_number = 0
        self._events = events
        self._clock = clock
        self._backoff = backoff
        self._link: _ClientLink | None = None
        self._full = False
        self._running = False
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._ended = asyncio.Event()

    @property
    def bound(self) -> bool:
        """Tell whether the SMSC has accepted the bind."""
        return self._link is not None and self._link.session.state in BOUND

    @property
    def free(self) -> int:
        """Room for submits now; 0 while unbound, stopping, or while the peer does not read."""
        link = self._link
        if link is None or link.paused or link.closing or self._stopping.is_set():
            return 0
        return max(0, link.session.free)

    @property
    def unanswered(self) -> int:
        """Submits whose answer is still expected."""
        return self._link.session.unanswered if self._link else 0

    async def run(self) -> None:
        """Stay bound until `stop` is called, or this task is cancelled."""
        failures = 0
        self._running = True
        try:
            while not self._stopping.is_set():
                failures = 0 if await self._bind_once() else failures + 1
                if self._stopping.is_set():
                    break
                self.state = "waiting"
                await _wait(self._stopping, self._backoff(failures))
        finally:
            if self._link is not None:
                self._link.abort("the client was cancelled")
            self.state, self._running = "stopped", False
            self._ended.set()

    def submit(self, items: Sequence[tuple[Any, SubmitSm]]) -> None:
        """Write the batch at once; it must not be larger than `free`."""
        link = self._link
        if link is None or len(items) > self.free:
            raise SessionError(f"{len(items)} submits, but there is room for {self.free}")
        link.write(link.session.send_messages(items, self._clock()))
        self._full = link.session.free <= 0

    def request(self, pdu: Pdu) -> None:
        """Write a request whose answer nobody waits for, such as cancel_sm."""
        link = self._link
        if link is None or not self.bound:
            raise SessionError("there is no bind to write a request on")
        link.write(encode(msgspec.structs.replace(pdu, sequence=link.session.next_sequence())))

    def deliver_resps(self, sequences: Sequence[int], status: int = 0, *, link_number: int) -> None:
        """Answer deliver_sm requests of one link; ignored when it is gone, the SMSC resends them.

        A later link has requests of the same numbers, which must not be answered by this.
        """
        link = self._link
        if link is None or link.closing or link_number != self.link_number:
            return
        link.write(link.session.deliver_resps(sequences, status))
        link.settle()
        self._check_idle()

    async def stop(self, drain_seconds: float = 10.0) -> None:
        """Wait for what is in flight, unbind, close, and end `run`."""
        self._stopping.set()
        link = self._link
        if link is not None and self.bound:
            self.state = "draining"
            self._check_idle()
            await _wait(self._idle, drain_seconds)
            if not link.closing and self.bound:
                link.write(link.session.unbind(self._clock()))
            await asyncio.wait([link.closed], timeout=UNBIND_PATIENCE_SECONDS + 1)
        if link is not None:
            link.abort("stopped")
        if self._running:
            await self._ended.wait()

    async def _bind_once(self) -> bool:
        """Connect, bind, and return whether it was bound once the link is closed again."""
        params = self.params
        loop = asyncio.get_running_loop()
        self.state = "connecting"
        self._idle.clear()
        link = _ClientLink(self, params, self._clock)
        connect = loop.create_connection(
            lambda: link,
            params.host,
            params.port,
            ssl=params.tls,
            server_hostname=params.host if params.tls else None,
        )
        try:
            async with asyncio.timeout(params.connect_timeout_seconds):
                await connect
        except (OSError, TimeoutError, UnicodeError) as error:
            what = str(error) or "no connection in time"
            self.last_error = f"cannot connect to {params.host}:{params.port}: {what}"
            link.abort(self.last_error)
            return False
        await link.closed
        return link.was_bound

    def _opened(self, link: "_ClientLink") -> None:
        params = self.params
        self._link, self._full, self.state = link, False, "binding"
        self.link_number += 1
        if self._stopping.is_set():
            link.abort("stopped")
            return
        request = _BINDS[params.bind_type](
            params.system_id,
            params.password,
            params.system_type,
            addr_ton=params.addr_ton,
            addr_npi=params.addr_npi,
            address_range=params.address_range,
        )
        try:
            link.write(link.session.bind(request, self._clock()))
        except EncodeError as error:
            link.abort(f"the bind cannot be written: {error}")

    def _received(self, got: Received) -> None:
        if got.bind_answer is not None:
            self.state, self.last_error = "bound", ""
            self._events.on_bound(self)
        if got.answers:
            self._events.on_submit_resps(self, got.answers)
            self._report_room()
        if got.requests:
            self._events.on_deliver_sms(self, [_as_deliver(pdu) for pdu in got.requests])
        self._check_idle()

    def _timed_out(self, tags: list[Any]) -> None:
        self._events.on_timeouts(self, tags)
        self._report_room()
        self._check_idle()

    def _report_room(self) -> None:
        if self._full and self.free > 0:
            self._full = False
            self._events.on_room(self)

    def _writable(self) -> None:
        if self.free > 0:
            self._full = False
            self._events.on_room(self)

    def _lost(self, unanswered: list[Any], reason: str) -> None:
        self._link = None
        self._idle.set()
        self.last_error = "" if self._stopping.is_set() else reason
        self._events.on_lost(self, unanswered, reason)

    def _check_idle(self) -> None:
        link = self._link
        if link is None or not (link.session.unanswered or link.session.inbound_unanswered):
            self._idle.set()
        else:
            self._idle.clear()


class _ClientLink(Link):
    def __init__(self, client: Client, params: BindParams, clock: Callable[[], float]) -> None:
        limits = Limits(
            window=params.window,
            enquire_link_seconds=params.enquire_link_seconds,
            response_timeout_seconds=params.response_timeout_seconds,
            bind_timeout_seconds=params.connect_timeout_seconds,
        )
        super().__init__(Role.ESME, limits, clock, inbound_max=DELIVERIES_UNANSWERED_MAX)
        self.was_bound = False
        self._client = client

    def opened(self) -> None:
        self._client._opened(self)

    def received(self, got: Received) -> None:
        self.was_bound = self.was_bound or got.bind_answer is not None
        self._client._received(got)

    def timed_out(self, tags: list[Any]) -> None:
        self._client._timed_out(tags)

    def writable(self) -> None:
        self._client._writable()

    def lost(self, unanswered: list[Any], reason: str) -> None:
        self._client._lost(unanswered, reason)


def _as_deliver(pdu: Pdu) -> DeliverSm:
    if isinstance(pdu, DeliverSm):
        return pdu
    if not isinstance(pdu, DataSm):
        raise SessionError("the session lets an ESME receive only deliver_sm and data_sm")
    return DeliverSm(
        pdu.service_type,
        pdu.source_addr_ton,
        pdu.source_addr_npi,
        pdu.source_addr,
        pdu.dest_addr_ton,
        pdu.dest_addr_npi,
        pdu.destination_addr,
        esm_class=pdu.esm_class,
        registered_delivery=pdu.registered_delivery,
        data_coding=pdu.data_coding,
        sequence=pdu.sequence,
        tlvs=pdu.tlvs,
    )


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
