"""What travels in a queue item: 1..N messages of one channel, lane and account, or webhook events.

An envelope holds all that later steps need, so that no step asks an earlier one or the
configuration tables. Packed with msgpack; `version` guards readers against other layouts.
"""

from typing import Any, Final, Literal

import msgspec

VERSION: Final = 1
MAX_MESSAGES: Final = 500

Lane = Literal["otp", "transactional", "promotional"]
Channel = Literal["sms", "whatsapp", "rcs", "voice"]
LANES: Final[tuple[Lane, ...]] = ("otp", "transactional", "promotional")
#: lane -> its number in queue_item.lane; the lower goes first.
LANE_NUMBER: Final[dict[Lane, int]] = {lane: number for number, lane in enumerate(LANES)}
CHANNELS: Final[tuple[Channel, ...]] = ("sms", "whatsapp", "rcs", "voice")


class Outgoing(msgspec.Struct, array_like=True):
    """One message on its way to a carrier. Times are Unix microseconds, money micro-units."""

    id: bytes
    to: str
    sender: str
    text: str
    encoding: str
    segments: int
    attempt: int
    created_us: int
    valid_until_us: int
    price_micro: int
    country: str = ""
    reference: str = ""
    webhook_url: str = ""
    registered_delivery: int = 1
    tries: int = 0
    dlt: dict[str, str] | None = None
    content: dict[str, Any] | None = None
    #: parts that a carrier has accepted in this attempt (never sent again).
    parts_done: list[int] = []
    #: concatenation reference, kept when missing parts are sent again.
    parts_ref: int = 0
    #: name of the template it was made from.
    template: str = ""
    #: an earlier attempt is with a carrier that sent no receipt for it.
    handed: bool = False
    #: what its price goes by where a channel has several (WhatsApp).
    category: str = ""

    @property
    def with_carrier(self) -> bool:
        """Whether a carrier has it or a part of it already: it is not as if nothing was sent."""
        return bool(self.parts_done or self.handed)


class Envelope(msgspec.Struct, array_like=True):
    """Messages of one channel, lane and account.

    plan: the route ids still to try, in order; the first is the one whose queue it lies in.
    routed_us: when the plan was made (0: not yet). strategy_id: what chose its first route (0: no
    strategy).
    scheduled: whether its messages may still be SCHEDULED; so does one that does not tell.
    in_fallback: whether a fallback's steps follow from what becomes of its messages.
    """

    version: int
    snapshot: int
    account_id: int
    channel: Channel
    lane: Lane
    is_test: bool
    campaign_id: int
    plan: list[int]
    rule_id: int
    decision: str
    checked_us: int
    messages: list[Outgoing]
    routed_us: int = 0
    scheduled: bool = True
    strategy_id: int = 0
    in_fallback: bool = False


class Event(msgspec.Struct, array_like=True):
    """One webhook event: its id (UUIDv7 bytes), message, type and the exact JSON body."""

    id: bytes
    message_id: bytes
    type: str
    url: str
    body: bytes


class EventEnvelope(msgspec.Struct, array_like=True):
    """Webhook events of one account, in order. An event's url "" means the account's endpoint."""

    version: int
    account_id: int
    events: list[Event]


pack = msgspec.msgpack.Encoder().encode
_envelope = msgspec.msgpack.Decoder(Envelope)
_events = msgspec.msgpack.Decoder(EventEnvelope)


class UnreadableEnvelopeError(Exception):
    """A queue item's payload is damaged or of another version; it belongs to the dead letters."""


def unpack(payload: bytes) -> Envelope:
    """The envelope of a submit or gateway queue's payload."""
    try:
        envelope = _envelope.decode(payload)
    except msgspec.MsgspecError as error:
        raise UnreadableEnvelopeError(str(error)) from error
    if envelope.version != VERSION:
        raise UnreadableEnvelopeError(f"envelope version {envelope.version}, expected {VERSION}")
    return envelope


def unpack_events(payload: bytes) -> EventEnvelope:
    """The envelope of a cpaas.webhook payload."""
    try:
        envelope = _events.decode(payload)
    except msgspec.MsgspecError as error:
        raise UnreadableEnvelopeError(str(error)) from error
    if envelope.version != VERSION:
        raise UnreadableEnvelopeError(f"event envelope {envelope.version}, expected {VERSION}")
    return envelope
