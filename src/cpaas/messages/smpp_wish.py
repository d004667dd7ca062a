"""What a customer's ESME wants to hear of a message, written where others have their webhook's URL.

So a message that came by SMPP takes the same way to the same events, and one that did not pays
nothing for it.
"""

from typing import Final

import msgspec

#: how such a URL begins; no scheme that a customer could name.
SMPP: Final = "smpp:"
SUCCESS: Final = frozenset({"message.delivered"})
FAILURE: Final = frozenset(
    f"message.{status}" for status in ("failed", "rejected", "expired", "blocked", "cancelled")
)
#: registered_delivery, bits 0 and 1 -> the events that are receipts.
_WANTED: Final = {"1": SUCCESS | FAILURE, "2": FAILURE, "3": SUCCESS}


class Wish(msgspec.Struct, frozen=True):
    """Which receipts, under which message id, for which system id."""

    registered: int
    message_id: str
    system_id: str


def wish_url(registered: int, system_id: str, message_id: str = "") -> str:
    """The wish in one line; "" when no receipt is wanted.

    registered: bits 0 and 1 of registered_delivery. message_id: under which the ESME knows the
    message, if it is not its own.
    """
    return f"{SMPP}{registered}:{message_id}:{system_id}" if registered else ""


def read_wish(url: str) -> Wish:
    """The wish that `wish_url` wrote."""
    _, registered, message_id, system_id = url.split(":", 3)
    return Wish(int(registered), message_id, system_id)


def smpp_wants(url: str, event_type: str) -> bool:
    """Whether the ESME gets a receipt for this event."""
    return event_type in _WANTED.get(url[len(SMPP) : len(SMPP) + 1], frozenset())
