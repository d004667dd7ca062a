"""Carriers' words about calls in ours: SIP's final answers, the Calls API's statuses and errors.

A phone that rings twice is worse than one that may not have rung, so nothing is tried again once
the called network may have been asked; only what was refused before that is.
"""

from typing import Final

from cpaas.channels.base import ReceiptState
from cpaas.channels.errors import CATALOGUE, CarrierError
from cpaas.channels.voice.frames import Ended

BUSY: Final = CATALOGUE["busy"]
NO_ANSWER: Final = CATALOGUE["no_answer"]
DECLINED: Final = CATALOGUE["declined"]
CANCELLED: Final = CATALOGUE["call_cancelled"]
UNKNOWN: Final = CATALOGUE["unknown_outcome"]
ROUTE_DOWN: Final = CATALOGUE["route_down"]

_BY_SIP: Final[dict[int, CarrierError]] = {
    401: CATALOGUE["carrier_refused_route"], 403: DECLINED,
    404: CATALOGUE["invalid_destination"], 407: CATALOGUE["carrier_refused_route"],
    408: NO_ANSWER, 410: CATALOGUE["invalid_destination"], 415: CATALOGUE["not_encodable"],
    480: NO_ANSWER, 484: CATALOGUE["invalid_destination"], 486: BUSY, 487: NO_ANSWER,
    488: CATALOGUE["not_encodable"], 500: CATALOGUE["carrier_temporary"],
    502: CATALOGUE["carrier_temporary"], 503: CATALOGUE["carrier_throttled"],
    504: CATALOGUE["carrier_temporary"], 600: BUSY, 603: DECLINED,
    604: CATALOGUE["invalid_destination"], 606: CATALOGUE["not_encodable"],
}  # fmt: skip
#: the socket's own words: not an octet reached the carrier.
_NOT_REACHED: Final = ("refused", "unreachable", "no route to host", "host is down")

#: a status of the Calls API that is an end -> (state, error); a completed call was answered.
_BY_CALL: Final[dict[str, CarrierError | None]] = {
    "completed": None, "busy": BUSY, "no-answer": NO_ANSWER, "canceled": CANCELLED,
    "failed": CATALOGUE["undeliverable"],
}  # fmt: skip
#: the called number cannot exist, in Twilio's numbers; the others come by the HTTP status.
_INVALID_TO: Final = frozenset({13223, 13224, 21211, 21214, 21217, 21219, 21401, 21421})
_INVALID_FROM: Final = frozenset({21210, 21212, 21213, 21603})
_REFUSED_ROUTE: Final = frozenset({20003, 20005, 21215, 21216})


def sip_error(ended: Ended, *, rang: bool) -> CarrierError | None:
    """What a call's end means; None = it was answered."""
    if ended.milliseconds is not None:
        return CATALOGUE["call_cut"] if ended.by == "stop" else None
    if not ended.placed:
        return ROUTE_DOWN
    if ended.by == "stop" and not ended.status:
        return CANCELLED
    known = _BY_SIP.get(ended.status)
    if known is not None:
        # Once it rang, nothing is tried again.
        return CATALOGUE["undeliverable"] if rang and known.then in _TRIED else known
    if ended.status:
        return CATALOGUE["undeliverable" if rang else "message_refused"]
    if rang or ended.by == "limit":
        return NO_ANSWER
    if any(words in ended.reason.lower() for words in _NOT_REACHED):
        return ROUTE_DOWN
    # Not a word of the carrier: whether it has the call cannot be known.
    return UNKNOWN


_TRIED: Final = frozenset({"retry", "next_route"})


def sip_code(ended: Ended) -> str:
    """The carrier's own words: "486 Busy Here"."""
    return f"{ended.status} {ended.reason}".strip() if ended.status else ended.reason


def call_end(status: str) -> tuple[ReceiptState, CarrierError | None] | None:
    """State and error of a Calls API's status; None: the call goes on."""
    if status not in _BY_CALL:
        return None
    error = _BY_CALL[status]
    return ("DELIVERED" if error is None else "FAILED"), error


def api_error(http_status: int, code: int) -> CarrierError:
    """What a Calls API's refusal means; nothing was dialled then."""
    if code in _INVALID_TO:
        return CATALOGUE["invalid_destination"]
    if code in _INVALID_FROM:
        return CATALOGUE["invalid_sender"]
    if code in _REFUSED_ROUTE or http_status in {401, 403, 404}:
        return CATALOGUE["carrier_refused_route"]
    if http_status == 429:
        return CATALOGUE["carrier_throttled"]
    if http_status == 503:
        return CATALOGUE["carrier_temporary"]
    if http_status >= 500:
        # Some fall over after they have taken the request.
        return UNKNOWN
    return CATALOGUE["message_refused"]
