"""The values that a message's transitions are made of.

Writers of a status ask for it with a Finish; what the database allowed comes back as Applied.
"""

from typing import Any, Literal

import msgspec

from cpaas.messages.envelopes import Envelope, Outgoing
from cpaas.messages.statuses import Status

#: always: it never reached a carrier, or the platform failed. policy: the account's own choice.
Refund = Literal["never", "policy", "always"]
#: minute of acceptance (Unix micros), account, channel, route, country.
CounterKey = tuple[int, int, str, int, str]
#: minute of acceptance (Unix micros), account, channel, route, error code.
ErrorKey = tuple[int, int, str, int, str]


class Finish(msgspec.Struct, frozen=True):
    """One transition that is wanted.

    attempt 0: whichever it is. handed_over: a carrier's receipt says so, so that the carrier had
    it even if its answer never came. route_id 0, provider_message_id None: as they are.
    actor: who asked for it, noted in the timeline ("" = the platform's ordinary course).
    known: the message as it was sent, where the process still holds it; then `attempt` and
    `route_id` are its own.
    """

    id: bytes
    status: Status
    at_us: int
    attempt: int = 0
    route_id: int = 0
    provider_message_id: str | None = None
    carrier_cost_micro: int = 0
    error_code: str = ""
    error: str = ""
    refund: Refund = "never"
    handed_over: bool = False
    actor: str = ""
    known: tuple[Envelope, Outgoing] | None = None
    #: how long a call was, if this is the end of one that was answered.
    seconds: int | None = None


class Applied(msgspec.Struct):
    """A transition that took place, and the message as it is now."""

    finish: Finish
    account_id: int
    attempt: int
    route_id: int
    campaign_id: int
    price_micro: int
    refunded_micro: int
    segments: int
    is_test: bool
    channel: str
    recipient: str
    sender: str
    reference: str
    provider_message_id: str | None
    country: str
    webhook_url: str
    submitted_us: int | None
    delivered_us: int | None
    #: one of a fallback's messages. duplicate: it arrived after another of them.
    in_fallback: bool
    duplicate: bool = False


class Counts(msgspec.Struct):
    """What is added to one counter."""

    submitted: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    rejected: int = 0
    expired: int = 0
    blocked: int = 0
    cancelled: int = 0
    refunded_micro: int = 0
    carrier_cost_micro: int = 0


class Note(msgspec.Struct, frozen=True):
    """Something that happened to a message off the straight path, for its timeline."""

    message_id: bytes
    account_id: int
    at_us: int
    kind: str
    text: str
    attempt: int = 0
    route_id: int = 0
    actor: str = ""
    details: dict[str, Any] | None = None
