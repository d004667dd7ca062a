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
#: what an intermediate receipt tells: a carrier has it.
UNDER_WAY: Final = frozenset({"message.submitted"})
#: registered_delivery, bits 0 and 1 -> the events that are receipts.
_FINAL: Final = {0: frozenset(), 1: SUCCESS | FAILURE, 2: FAILURE, 3: SUCCESS}
_INTERMEDIATE_BIT: Final = 0x10
#: bits 0 and 1, and bit 2 for intermediate ones -> the events.
_WANTED: Final = {
    str(asked | more): events | (UNDER_WAY if more else frozenset())
    for asked, events in _FINAL.items() for more in (0, 4)
}  # fmt: skip


class Wish(msgspec.Struct, frozen=True):
    """Which receipts, under which message id, for which system id."""

    registered: int
    message_id: str
    system_id: str


def wish_url(registered: int, system_id: str, message_id: str = "") -> str:
    """The wish in one line; "" when no receipt is wanted.

    registered: registered_delivery. message_id: under which the ESME knows the message, if it is
    not its own.
    """
    asked = registered & 3 | (4 if registered & _INTERMEDIATE_BIT else 0)
    return f"{SMPP}{asked}:{message_id}:{system_id}" if asked else ""


def read_wish(url: str) -> Wish:
    """The wish that `wish_url` wrote."""
    _, registered, message_id, system_id = url.split(":", 3)
    return Wish(int(registered), message_id, system_id)


def smpp_wants(url: str, event_type: str) -> bool:
    """Whether the ESME gets a receipt for this event."""
    return event_type in _WANTED.get(url[len(SMPP) : len(SMPP) + 1], frozenset())
