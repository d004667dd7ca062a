"""The closed catalogue of what can go wrong at a carrier, and what is done about it.

A channel maps each carrier code to one of these; nobody else decides on retry or refund.
"""

from typing import Final, Literal

import msgspec

Then = Literal["retry", "next_route", "fail", "reject", "unknown"]


class CarrierError(msgspec.Struct, frozen=True):
    """One class of error.

    then: what settle does. slows_route: the whole route slows down. refunds: the message never
    reached the carrier, so it is refunded; otherwise the account's policy decides.
    text: what the customer reads.
    """

    code: str
    then: Then
    text: str
    slows_route: bool = False
    refunds: bool = True
    retry_seconds: float = 0.0
    max_tries: int = 0


_ALL: Final = (
    CarrierError(
        "carrier_throttled", "retry", "The carrier is taking fewer messages; it is sent again.",
        slows_route=True, retry_seconds=1, max_tries=1_000,
    ),
    CarrierError(
        "carrier_queue_full", "retry", "The carrier's queue is full; it is sent again.",
        slows_route=True, retry_seconds=5, max_tries=100,
    ),
    CarrierError(
        "carrier_temporary", "retry", "The carrier had a passing fault; it is sent again.",
        retry_seconds=10, max_tries=5,
    ),
    CarrierError(
        "route_down", "next_route", "The route is down; the next route takes the message.",
        retry_seconds=5, max_tries=1_000,
    ),
    CarrierError("carrier_refused_route", "next_route", "The carrier does not serve this message."),
    CarrierError("invalid_destination", "reject", "The carrier says the number cannot exist."),
    CarrierError("invalid_sender", "reject", "The carrier does not allow this sender."),
    CarrierError("message_refused", "reject", "The carrier refused the message."),
    CarrierError("dlt_refused", "reject", "The operator's DLT check refused the message."),
    CarrierError("not_encodable", "reject", "The message cannot be written for this carrier."),
    CarrierError(
        "carrier_balance", "next_route", "Our account at the carrier has no money left.",
        slows_route=True, retry_seconds=60, max_tries=1_000,
    ),
    CarrierError(
        "carrier_curfew", "retry", "The carrier takes none at this hour; it is sent again.",
        retry_seconds=900, max_tries=100,
    ),
    CarrierError("not_capable", "reject", "The handset does not have this channel."),
    CarrierError("template_refused", "reject", "The carrier does not take this template."),
    CarrierError(
        "no_conversation", "reject",
        "The recipient has not written lately: only an approved template may be sent.",
    ),
    CarrierError("opted_out", "reject", "The recipient does not want messages of this sender."),
    CarrierError(
        "account_stopped", "next_route",
        "The carrier does not take messages of this sender: its account or token is refused.",
        retry_seconds=60, max_tries=1_000,
    ),
    CarrierError(
        "number_throttled", "retry", "The sender sends too fast; it is sent again.",
        retry_seconds=5, max_tries=1_000,
    ),
    CarrierError(
        "pair_throttled", "retry", "Too many messages to this recipient; it is sent again.",
        retry_seconds=10, max_tries=500,
    ),
    CarrierError(
        "daily_limit", "retry", "The sender's recipients of the day are used up; it waits.",
        retry_seconds=1_800, max_tries=100,
    ),
    CarrierError(
        "carrier_once", "retry", "The carrier gave no reason; it is sent once more.",
        retry_seconds=10, max_tries=2,
    ),
    CarrierError("media_failed", "reject", "The file cannot be sent."),
    CarrierError(
        "media_unreachable", "retry", "The file cannot be fetched now; it is tried again.",
        retry_seconds=30, max_tries=5,
    ),
    CarrierError(
        "marketing_capped", "fail", "The recipient gets no more marketing messages now.",
        refunds=False,
    ),
    CarrierError("undeliverable", "fail", "The carrier could not deliver it.", refunds=False),
    # Calls: what is not answered costs nothing, and is never dialled again.
    CarrierError("busy", "fail", "The called number is busy."),
    CarrierError("no_answer", "fail", "Nobody answered the call."),
    CarrierError("declined", "fail", "The call was declined."),
    CarrierError("call_cut", "fail", "The call was ended from here before all was said."),
    CarrierError("call_cancelled", "fail", "The call was ended before it was answered."),
    CarrierError("expired_at_carrier", "fail", "It expired at the carrier.", refunds=False),
    CarrierError("unknown_outcome", "unknown", "The carrier's answer never came.", refunds=False),
)  # fmt: skip
CATALOGUE: Final[dict[str, CarrierError]] = {error.code: error for error in _ALL}
