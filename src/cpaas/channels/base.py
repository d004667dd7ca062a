"""What every channel offers the gateway: a link to one carrier, and what comes back over it.

Values and protocols only: a channel translates and knows neither database nor queue, the gateway
decides and knows no carrier's words.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from cpaas.channels.errors import CarrierError
from cpaas.messages.envelopes import Envelope, Outgoing
from cpaas.snapshot.types import Identity, Route

ReceiptState = Literal["DELIVERED", "READ", "FAILED", "EXPIRED", "REJECTED", "ENROUTE"]


class NotEncodableError(Exception):
    """This message cannot be written for this carrier; says why, with a code of its own or none."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class RouteSettingsError(Exception):
    """A route's settings cannot be used; says which and what is allowed."""


class Prepared(msgspec.Struct):
    """A message ready to be written: its requests, made before it is claimed.

    slots: how many window slots it takes now. parts: (number from 1, request) still to be sent.
    window: free content of this sender, which goes only while the recipient's conversation with
    it is open ("" = always).
    """

    envelope: Envelope
    message: Outgoing
    slots: int
    parts: list[tuple[int, Any]]
    total: int
    owner: Any = None
    window: str = ""


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
    #: our own id of the message, where the carrier repeats it: finds what has no provider id yet.
    message_id: bytes | None = None
    #: the carrier's price category, where it names one (WhatsApp).
    category: str = ""
    #: of a call that was answered and is over: how long it was.
    seconds: int | None = None


class InboundPart(msgspec.Struct, frozen=True):
    """Which part of a longer message it is, and its bytes as they came."""

    reference: int
    total: int
    number: int
    data: bytes
    data_coding: int


class Inbound(msgspec.Struct):
    """A message from a handset, or a part of one; `body` is what this part says alone.

    content: what it holds beside text, in our words (media, location, a tap). key: the carrier's
    id of it, by which one that is told twice is stored once; "" = it has none. at_us: when the
    handset sent it, 0 = now.
    """

    sender: str
    recipient: str
    body: str
    raw: bytes
    tokens: list[object]
    part: InboundPart | None = None
    content: dict[str, Any] | None = None
    key: str = ""
    at_us: int = 0


class TemplateNotice(msgspec.Struct, frozen=True):
    """What a carrier says about a template: approved, pending, rejected or paused, and why."""

    sender: str
    name: str
    language: str
    status: Literal["approved", "pending", "rejected", "paused", "disabled"]
    reason: str = ""
    carrier_id: str = ""
    category: str = ""


class Reviewed(msgspec.Struct, frozen=True):
    """What a carrier says when a template is handed to it; `account` is where it lies there."""

    status: str
    carrier_id: str = ""
    reason: str = ""
    category: str = ""
    account: str = ""


class Asked(msgspec.Struct, frozen=True):
    """A version of a template as its carrier is to review it; content: as its owner wrote it."""

    account_id: int
    name: str
    language: str
    type: str
    category: str
    number: int
    content: dict[str, Any]


class ReviewLaterError(Exception):
    """A template cannot be handed over, or asked for, now; says why in the operator's words."""


class Callback(msgspec.Struct, frozen=True):
    """A request of a carrier to a route's secret address, as it came.

    path: what follows the secret. headers: names in small letters. body: the raw bytes, which
    signatures are made of.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    peer: str
    at_us: int


class Heard(msgspec.Struct):
    """What a callback tells, and what its carrier is answered once all of it is stored.

    Tokens of its receipts and replies are set by the gateway.
    """

    receipts: list[CarrierReceipt] = []
    inbound: list[Inbound] = []
    templates: list[TemplateNotice] = []
    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


class CallbackRefusedError(Exception):
    """A callback is not believed or not understood; its carrier gets this HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Media(msgspec.Struct, frozen=True):
    """A file to be sent, fetched and checked."""

    id: int
    media_type: str
    name: str
    data: bytes


class MediaError(Exception):
    """A file cannot be had or may not be sent; passing: another try may succeed."""

    def __init__(self, text: str, *, passing: bool = False) -> None:
        super().__init__(text)
        self.passing = passing


class MediaStore(Protocol):
    """Files of the messages: fetched safely and once, kept with what carriers call them."""

    async def get(self, account_id: int, url: str, allowed: Mapping[str, int]) -> Media:
        """The file behind a URL; allowed: media type -> most bytes. Errors: MediaError."""

    async def known_as(self, media_id: int, holder: str) -> str:
        """The carrier's id of a file that was uploaded for `holder` and still lives; else ""."""

    async def remember(self, media_id: int, holder: str, carrier_id: str, seconds: int) -> None:
        """Keeps the carrier's id for that long."""


class SoundStore(Protocol):
    """Sounds that were made, for every process."""

    async def get(self, key: str) -> bytes | None:
        """A sound by its key."""

    async def put(self, key: str, sound: bytes) -> None:
        """Keeps a sound."""


class Piper(msgspec.Struct, frozen=True):
    """A program of piper, and the folder of its voices (such as en_US-joe-medium.onnx)."""

    program: str
    voices: str


#: identities of one portfolio -> (recipient, seconds since the last template), longest ago first.
WrittenTo = Callable[[Sequence[Identity]], Awaitable[list[tuple[str, float]]]]


class Tools(msgspec.Struct, frozen=True):
    """What a channel may use of its host.

    identity: the active identity that `from` names, of this channel. identities: all of a route.
    secrets: an identity's credentials, decrypted. callback_url: where a route's carrier calls us.
    written_to: whom templates of some identities went to in the last 24 hours. piper: speaks texts,
    where the operator has it.
    """

    identity: Callable[[str], Identity | None]
    identities: Callable[[int], list[Identity]]
    secrets: Callable[[Identity], dict[str, str]]
    media: MediaStore
    callback_url: Callable[[Route], str]
    sounds: SoundStore | None = None
    written_to: WrittenTo | None = None
    piper: Piper | None = None


class Reviewer(Protocol):
    """A channel's carriers as reviewers of templates."""

    #: a verdict that no webhook told is asked for this often in the end.
    ask_seconds: float

    async def submit(self, identity: Identity, route: Route, asked: Asked) -> Reviewed:
        """Hands a version over, or finds it there already. Errors: ReviewLaterError."""

    async def ask(
        self, identity: Identity, route: Route, asked: Asked, carrier_id: str
    ) -> Reviewed | None:
        """Where its review stands; None = that was not to be learned now."""

    async def close(self) -> None:
        """Ends its connections."""


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

    def open(self, route: Route, credentials: dict[str, str], sink: Sink, tools: Tools) -> Link:
        """A link for a route; RouteSettingsError when its settings cannot be used."""

    def weigh(self, text: str, content: dict[str, Any]) -> int:
        """How many priced units a message is, by its text and what it carries beside it.

        content: template, media, and the channel's own field. Errors: InputError names the field.
        """

    def identity(self, route: Route) -> object:
        """What must be equal for a link to live on when its route is changed."""


class Holding(Protocol):
    """What a link may offer besides: it knows messages that must wait though there is room."""

    def hold(self, envelope: Envelope, message: Outgoing) -> float:
        """Seconds that this message has to wait, 0 = it may go now and counts as gone."""


@runtime_checkable
class Hearing(Protocol):
    """A channel whose carriers call us over HTTP."""

    def hear(
        self, route: Route, credentials: dict[str, str], callback: Callback, tools: Tools
    ) -> Heard:
        """What a callback tells. Pure. Errors: CallbackRefusedError."""
