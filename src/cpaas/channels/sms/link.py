"""One SMS route's binds: messages spread over them, all parts of one message on one bind.

Answers of a read become outcomes in one call; a message's outcome is known when its last part is
answered. What a lost bind leaves open is told as unknown, never guessed.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import msgspec

from cpaas.channels.base import NotEncodableError, Outcome, Prepared, Sink
from cpaas.channels.errors import CATALOGUE, CarrierError
from cpaas.channels.sms.callbacks import inbound_of, receipt_of
from cpaas.channels.sms.config import SmsSettings, id_mode, scrub_codes, tls_context
from cpaas.channels.sms.payloads import cancel_request, submit_parts
from cpaas.channels.sms.statuses import carrier_code, carrier_error
from cpaas.kit.bucket import Bucket
from cpaas.kit.clock import now_us
from cpaas.messages.envelopes import Envelope, Outgoing
from cpaas.smpp.client import BindParams, Client
from cpaas.smpp.errors import EncodeError
from cpaas.smpp.events import Answer
from cpaas.smpp.pdu import DeliverSm
from cpaas.smpp.receipt import MessageIdMode, normalise_resp_id
from cpaas.smpp.status import CommandStatus
from cpaas.snapshot.types import Route

REFERENCE_MAX = 0xFFFF
TRY_LATER = int(CommandStatus.ESME_RX_T_APPN)
_BIND_TYPES: dict[str, tuple[Literal["trx", "tx", "rx"], ...]] = {
    "trx": ("trx",),
    "tx": ("tx",),
    "tx_rx": ("tx", "rx"),
}
#: of several parts' errors, the first in this order is the message's.
_WORST = ("unknown", "fail", "reject", "next_route", "retry")


class _Open(msgspec.Struct):
    """A message whose parts are under way."""

    prepared: Prepared
    provider_ids: list[str | None]
    waiting: int
    error: CarrierError | None = None
    carrier_code: str = ""


_Tag = tuple[_Open, int]
#: the bind, which of its links, and the number of the request there.
_Token = tuple[Client, int, int]


class SmppLink:
    """The binds of one route."""

    def __init__(
        self,
        route: Route,
        settings: SmsSettings,
        password: str,
        sink: Sink,
        *,
        clock_us: Callable[[], int] = now_us,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._mode = id_mode(route)
        self._sink = sink
        self._clock_us = clock_us
        self._clock = clock
        self._reference = self._clock_us() % REFERENCE_MAX
        self._window = max(1, route.window_size)
        # Parts of a message that has more of them than the whole window.
        self._rest: dict[int, deque[tuple[_Tag, Any]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        tls = tls_context(settings)
        self._paces: dict[int, Bucket] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._senders: list[Client] = []
        self._clients: list[Client] = []
        for _ in range(route.binds):
            for kind in _BIND_TYPES.get(route.bind_type, ("trx",)):
                client = Client(_params(route, settings, password, kind, tls), self)
                self._clients.append(client)
                if kind != "rx":
                    self._senders.append(client)
                    if settings.bind_tps:
                        self._paces[id(client)] = Bucket(settings.bind_tps, clock())

    @property
    def up(self) -> bool:
        """Whether messages can be handed over."""
        return any(client.bound for client in self._senders)

    @property
    def free(self) -> int:
        """Free window slots over all binds."""
        return sum(self._free(client) for client in self._senders)

    @property
    def largest_free(self) -> int:
        """Free slots of the emptiest bind."""
        return max((self._free(client) for client in self._senders), default=0)

    @property
    def connections_up(self) -> int:
        """How many binds stand."""
        return sum(client.bound for client in self._clients)

    @property
    def connections_wanted(self) -> int:
        """How many binds the route shall have."""
        return len(self._clients)

    @property
    def in_flight(self) -> int:
        """submit_sm without an answer yet."""
        return sum(client.unanswered for client in self._senders)

    @property
    def last_error(self) -> str:
        """Why a bind is down."""
        return next((c.last_error for c in self._clients if not c.bound and c.last_error), "")

    def prepare(self, envelope: Envelope, message: Outgoing) -> Prepared:
        """The message as submit_sm requests; NotEncodableError when that cannot be."""
        if not message.parts_ref and message.segments > 1:
            # Kept in the message, so that parts sent again join those already accepted.
            self._reference = self._reference % REFERENCE_MAX + 1
            message.parts_ref = self._reference
        total, parts = submit_parts(self._settings, message, self._clock_us())
        # What a bind may not write at once follows as its pace allows.
        slots = min([len(parts), self._window, *(pace.burst for pace in self._paces.values())])
        return Prepared(envelope, message, slots, parts, total)

    def send(self, batch: Sequence[Prepared]) -> list[Prepared]:
        """Writes each bind's share in one write; returns those of which nothing was written."""
        room = {id(client): self._free(client) for client in self._senders}
        shares: dict[int, list[tuple[_Tag, Any]]] = {}
        unsent: list[Prepared] = []
        for prepared in batch:
            client = max(self._senders, key=lambda one: room[id(one)])
            if prepared.slots > room[id(client)]:
                unsent.append(prepared)
                continue
            room[id(client)] -= prepared.slots
            one = _Open(prepared, [None] * prepared.total, len(prepared.parts))
            requests = [((one, number), pdu) for number, pdu in prepared.parts]
            shares.setdefault(id(client), []).extend(requests[: prepared.slots])
            self._rest.setdefault(id(client), deque()).extend(requests[prepared.slots :])
        for client in self._senders:
            if id(client) in shares:
                self._submit(client, shares[id(client)])
        return unsent

    def acknowledge(self, tokens: Sequence[object], *, accepted: bool = True) -> None:
        """Answers deliver_sm by their tokens; refused ones are sent again by the carrier."""
        numbers: dict[tuple[int, int], list[int]] = {}
        clients = {id(client): client for client in self._clients}
        for client, link_number, number in cast("Sequence[_Token]", tokens):
            numbers.setdefault((id(client), link_number), []).append(number)
        status = 0 if accepted else TRY_LATER
        for (key, link_number), sequences in numbers.items():
            if key in clients:
                clients[key].deliver_resps(sequences, status, link_number=link_number)

    def revoke(self, provider_message_id: str, sender: str, recipient: str) -> bool:
        """Writes a cancel_sm on a bind that stands; False when none does."""
        client = next((one for one in self._senders if one.bound), None)
        if client is None:
            return False
        if self._mode is MessageIdMode.RESP_HEX_DLR_DEC and provider_message_id.isdecimal():
            # Kept as its receipt's decimal; the carrier knows it as it was given.
            provider_message_id = f"{int(provider_message_id):X}"
        try:
            client.request(cancel_request(self._settings, provider_message_id, sender, recipient))
        except (EncodeError, NotEncodableError):
            # What fits into no cancel_sm cannot be cancelled by any.
            return False
        return True

    def update(self, route: Route) -> None:
        """Nothing of a link changes without new binds."""

    def start(self) -> None:
        """Binds, and stays bound."""
        self._tasks = [asyncio.create_task(client.run()) for client in self._clients]

    async def stop(self, drain_seconds: float) -> None:
        """Waits for answers, unbinds and closes."""
        await asyncio.gather(*(client.stop(drain_seconds) for client in self._clients))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for timer in self._timers.values():
            timer.cancel()

    # What the clients tell

    def on_bound(self, bind: Client) -> None:
        """A bind stands."""
        self._sink.on_change()

    def on_room(self, bind: Client) -> None:
        """A bind has room again."""
        self._sink.on_change()

    def on_submit_resps(self, bind: Client, answers: list[Answer]) -> None:
        """Answers of one read."""
        outcomes: list[Outcome] = []
        for (one, number), status, message_id in answers:
            if status == 0:
                one.provider_ids[number - 1] = normalise_resp_id(message_id, self._mode)
            else:
                error = carrier_error(status, scrub_codes(self._settings))
                _worsen(one, error, carrier_code(status))
            one.waiting -= 1
            if one.waiting == 0:
                outcomes.append(_outcome(one))
        self._write_rest(bind)
        if outcomes:
            self._sink.on_outcomes(outcomes)

    def on_timeouts(self, bind: Client, tags: list[Any]) -> None:
        """Answers that did not come in time."""
        self._unknown(tags, "no answer in time")
        self._write_rest(bind)

    def on_lost(self, bind: Client, unanswered: list[Any], reason: str) -> None:
        """A bind is gone, and with it the answers to what was written to it."""
        # A message with a part that was never written had others that were.
        rest = self._rest.pop(id(bind), ())
        self._unknown([*unanswered, *(tag for tag, _ in rest)], reason)
        self._sink.on_change()

    def on_deliver_sms(self, bind: Client, pdus: list[DeliverSm]) -> None:
        """Receipts and replies of one read."""
        receipts, inbound = [], []
        now_us = self._clock_us()
        for pdu in pdus:
            token: _Token = (bind, bind.link_number, pdu.sequence)
            receipt = receipt_of(pdu, self._settings, self._mode, now_us=now_us, token=token)
            if receipt is not None:
                receipts.append(receipt)
            else:
                inbound.append(inbound_of(pdu, token))
        if receipts:
            self._sink.on_receipts(receipts)
        if inbound:
            self._sink.on_inbound(inbound)

    def _free(self, client: Client) -> int:
        return 0 if self._rest.get(id(client)) else self._room(client)

    def _room(self, client: Client) -> int:
        """Free slots, or fewer where the bind has a pace of its own."""
        pace = self._paces.get(id(client))
        return client.free if pace is None else min(client.free, pace.available(self._clock()))

    def _write_rest(self, bind: Client) -> None:
        rest = self._rest.get(id(bind))
        if rest:
            self._submit(bind, [rest.popleft() for _ in range(min(len(rest), self._room(bind)))])

    def _paced(self, client: Client, count: int) -> None:
        """So many were written: when the pace forbids more, a timer tells when it allows it."""
        pace = self._paces.get(id(client))
        if pace is None:
            return
        now = self._clock()
        pace.take(count, now)
        if id(client) not in self._timers and pace.available(now) < 1:
            loop = asyncio.get_running_loop()
            self._timers[id(client)] = loop.call_later(pace.ready_in(now), self._on_pace, client)

    def _on_pace(self, client: Client) -> None:
        del self._timers[id(client)]
        if client.bound:
            self._write_rest(client)
            self._paced(client, 0)
        self._sink.on_change()

    def _submit(self, client: Client, share: list[tuple[_Tag, Any]]) -> None:
        """Writes a share; a message that fits into no PDU ends alone and holds up no other."""
        while share:
            try:
                client.submit(share)
                self._paced(client, len(share))
            except EncodeError as error:
                bad = share[error.index][0][0]
                rest = self._rest.get(id(client), ())
                unsent = sum(tag[0] is bad for tag, _ in (*share, *rest))
                share = [one for one in share if one[0][0] is not bad]
                self._rest[id(client)] = deque(one for one in rest if one[0][0] is not bad)
                _worsen(bad, CATALOGUE["not_encodable"], str(error))
                bad.waiting -= unsent
                if bad.waiting == 0:
                    self._sink.on_outcomes([_outcome(bad)])
            else:
                return

    def _unknown(self, tags: list[Any], reason: str) -> None:
        outcomes: list[Outcome] = []
        for one, _ in tags:
            _worsen(one, CATALOGUE["unknown_outcome"], reason)
            one.waiting -= 1
            if one.waiting == 0:
                outcomes.append(_outcome(one))
        if outcomes:
            self._sink.on_outcomes(outcomes)


def _worsen(one: _Open, error: CarrierError | None, code: str) -> None:
    if error is None:
        return
    if one.error is None or _WORST.index(error.then) < _WORST.index(one.error.then):
        one.error, one.carrier_code = error, code


def _outcome(one: _Open) -> Outcome:
    return Outcome(one.prepared, one.provider_ids, one.error, one.carrier_code)


def _params(
    route: Route, settings: SmsSettings, password: str, kind: Literal["trx", "tx", "rx"], tls: Any
) -> BindParams:
    return BindParams(
        route.host, route.port, route.system_id, password, route.system_type, kind,
        settings.addr_ton, settings.addr_npi, settings.address_range,
        window=max(1, route.window_size),
        enquire_link_seconds=settings.enquire_link_seconds,
        response_timeout_seconds=settings.response_timeout_seconds,
        tls=tls,
        connect_timeout_seconds=settings.connect_timeout_seconds,
    )  # fmt: skip
