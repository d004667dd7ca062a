"""What becomes of one message: the reserved numbers, by the digits they end in.

01 to 07 mean the same in every simulated carrier; those from 11 on are what only WhatsApp knows.
WhatsApp tells of no expiry: 04 is failed as undeliverable.
"""

from typing import Final

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """An error of the API: HTTP status, code, words."""

    status: int
    code: int
    title: str
    transient: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """fault: the answer refuses it. statuses: what its webhooks say, in order.

    first: only the first try is refused. slow: statuses come late. hangs: it is accepted and the
    answer never written.
    """

    fault: Fault | None = None
    statuses: tuple[str, ...] = ("sent", "delivered")
    code: int = 131026
    first: bool = False
    slow: bool = False
    hangs: bool = False


DELIVERED: Final = Outcome()
_FAILED: Final = ("sent", "failed")
RESERVED: Final[dict[str, Outcome]] = {
    "01": DELIVERED,
    "02": Outcome(statuses=_FAILED, code=131000),
    "03": Outcome(Fault(400, 131009, "Parameter value is not valid")),
    "04": Outcome(statuses=_FAILED),
    "05": Outcome(slow=True),
    "06": Outcome(statuses=("sent",)),
    "07": Outcome(Fault(429, 130429, "Rate limit hit"), first=True),
    "11": Outcome(statuses=("failed",)),
    "12": Outcome(statuses=("sent", "delivered", "read")),
    "13": Outcome(statuses=("sent", "read")),
    "14": Outcome(statuses=("failed",), code=131049),
    "15": Outcome(Fault(500, 131000, "Something went wrong", transient=True), first=True),
    "16": Outcome(hangs=True, first=True),
    "17": Outcome(Fault(400, 131056, "Pair rate limit hit"), first=True),
    "18": Outcome(statuses=("failed",), code=131047),
    "19": Outcome(Fault(503, 131016, "Service unavailable"), first=True),
    "20": Outcome(statuses=("failed",), code=131050),
}
#: people write +999 00 0000 0002, which is a digit longer than the first form.
PREFIXES: Final = ("9990000000", "99900000000")


def outcome_of(number: str) -> Outcome:
    """What is to become of a message to these digits."""
    begin, tail = number[:-2], number[-2:]
    return RESERVED.get(tail, DELIVERED) if begin in PREFIXES else DELIVERED
