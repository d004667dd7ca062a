"""What every channel offers the gateway: a link to one carrier, and what comes back over it.

Values and protocols only: a channel translates and knows neither database nor queue, the gateway
decides and knows no carrier's words.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec

from cpaas.channels.errors import CarrierError
from cpaas.messages.envelopes import Envelope, Outgoing
from cpaas.snapshot.types import Route

ReceiptState = Literal["DELIVERED", "READ", "FAILED", "EXPIRED", "REJECTED", "ENROUTE"]


class NotEncodableError(Exception):
    """This message cannot be written for this carrier; says why."""


class RouteSettingsError(Exception):
    """A route's settings cannot be used; says which and what is allowed."""


class Prepared(msgspec.Struct):
    """A message ready to be written: its requests, made before it is claimed.

    slots: how many window slots it takes now. parts: (number from 1, request) still to be sent.
    """

    envelope: Envelope
    message: Outgoing
    slots: int
    parts: list[tuple[int, Any]]
    total: int
    owner: Any = None


class Outcome(msgspec.Struct):
    """What became of a prepared message; error None = the carrier has every part."""

    prepared: Prepared
    provider_ids: list[str | None]
    error: CarrierError | None = None
    carrier_code: str = ""


class CarrierReceipt(msgspec.Struct):
    """A delivery receipt in our words; `provider_message_id` is normalised by the route's mode."""

    provider_message_id: str
    state: ReceiptState
    error_code: str
    error: str
    done_us: int
    recipient: str
    sender: str
    raw: bytes
    token: object


class InboundPart(msgspec.Struct, frozen=True):
    """Which part of a longer message it is, and its bytes as they came."""

    reference: int
    total: int
    number: int
    data: bytes
    data_coding: int


class Inbound(msgspec.Struct):
    """A message from a handset, or a part of one; `body` is what this part says alone."""

    sender: str
    recipient: str
    body: str
    raw: bytes
    tokens: list[object]
    part: InboundPart | None = None


class Sink(Protocol):
    """What a link tells its gateway; called from the event loop, never blocking."""

    def on_outcomes(self, outcomes: list[Outcome]) -> None:
        """Answers of one read, or what a lost link left open."""

    def on_receipts(self, receipts: list[CarrierReceipt]) -> None:
        """Receipts of one read; acknowledge their tokens once they are stored."""

    def on_inbound(self, messages: list[Inbound]) -> None:
        """Replies of one read; acknowledge their tokens once they are stored."""

    def on_change(self) -> None:
        """There is room again, or a connection came or went."""


class Link(Protocol):
    """One route's connections to its carrier."""

    @property
    def up(self) -> bool:
        """Whether messages can be handed over."""

    @property
    def free(self) -> int:
        """Free window slots over all connections."""

    @property
    def largest_free(self) -> int:
        """Free slots of the best connection: no message with more parts can go now."""

    @property
    def connections_up(self) -> int:
        """How many connections stand."""

    @property
    def connections_wanted(self) -> int:
        """How many connections the route shall have."""

    @property
    def in_flight(self) -> int:
        """Requests without an answer yet."""

    @property
    def last_error(self) -> str:
        """Why a connection is down, in the carrier's words."""

    def prepare(self, envelope: Envelope, message: Outgoing) -> Prepared:
        """The message as requests; NotEncodableError when that cannot be."""

    def send(self, batch: Sequence[Prepared]) -> list[Prepared]:
        """Writes what fits, at once; returns those of which nothing was written."""

    def acknowledge(self, tokens: Sequence[object], *, accepted: bool = True) -> None:
        """Answers receipts and replies by their tokens."""

    def revoke(self, provider_message_id: str, sender: str, recipient: str) -> bool:
        """Asks the carrier not to deliver what it holds; False when it cannot be asked now.

        Whether it obeys is told by the message's receipt, if at all.
        """

    def update(self, route: Route) -> None:
        """Takes over changes that need no new connection."""

    def start(self) -> None:
        """Connects, and stays connected."""

    async def stop(self, drain_seconds: float) -> None:
        """Waits for what is in flight, then disconnects."""


class Channel(Protocol):
    """A kind of message and how it reaches carriers."""

    name: str

    def open(self, route: Route, credentials: dict[str, str], sink: Sink) -> Link:
        """A link for a route; RouteSettingsError when its settings cannot be used."""

    def identity(self, route: Route) -> object:
        """What must be equal for a link to live on when its route is changed."""
