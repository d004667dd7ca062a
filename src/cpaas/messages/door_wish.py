"""What a customer of another system's interface wants to hear, written where others have a webhook.

"door:<kind>:<choice>:<url>": kannel with its dlr-mask, jasmin with level and method, twilio;
jasmin_batch stands in events of a batch alone.
"""

from typing import Final, Literal, cast

import msgspec

#: how such a URL begins; no scheme that a customer could name.
DOOR: Final = "door:"
Kind = Literal["kannel", "jasmin", "jasmin_batch", "twilio"]

#: event -> bit of dlr-mask, and value of %d.
KANNEL_BITS: Final[dict[str, int]] = {
    "message.delivered": 1, "message.failed": 2, "message.expired": 2, "message.cancelled": 2,
    "message.submitted": 8, "message.rejected": 16, "message.blocked": 16,
}  # fmt: skip
#: event -> (level, message_status) of Jasmin's reports.
JASMIN_REPORTS: Final[dict[str, tuple[int, str]]] = {
    "message.submitted": (1, "ESME_ROK"), "message.delivered": (2, "DELIVRD"),
    "message.failed": (2, "UNDELIV"), "message.expired": (2, "EXPIRED"),
    "message.rejected": (2, "REJECTD"), "message.blocked": (2, "REJECTD"),
    "message.cancelled": (2, "DELETED"),
}  # fmt: skip
#: event -> MessageStatus of Twilio's callbacks.
TWILIO_STATUSES: Final[dict[str, str]] = {
    "message.submitted": "sent", "message.delivered": "delivered", "message.read": "read",
    "message.failed": "undelivered", "message.expired": "undelivered",
    "message.rejected": "failed", "message.blocked": "failed", "message.cancelled": "canceled",
}  # fmt: skip


class DoorWish(msgspec.Struct, frozen=True):
    """Which system's words, what of it (dlr-mask; level and G or P), and where to."""

    kind: Kind
    choice: str
    url: str


def door_url(kind: Kind, choice: str, url: str) -> str:
    """The wish in one line; "" without a URL."""
    return f"{DOOR}{kind}:{choice}:{url}" if url else ""


def read_door(url: str) -> DoorWish:
    """The wish that `door_url` wrote."""
    _, kind, choice, target = url.split(":", 3)
    return DoorWish(cast("Kind", kind), choice, target)


def door_wants(url: str, event_type: str) -> bool:
    """Whether the customer is called for this event."""
    wish = read_door(url)
    if wish.kind == "kannel":
        return bool(KANNEL_BITS.get(event_type, 0) & int(wish.choice))
    if wish.kind == "jasmin":
        level = JASMIN_REPORTS.get(event_type, (0, ""))[0]
        return bool(level and int(wish.choice[0]) & level)
    return event_type in TWILIO_STATUSES


def shown(url: str) -> str:
    """The URL as people see it."""
    return read_door(url).url if url.startswith(DOOR) else url
