"""What becomes of one message: the reserved numbers first, then the mixes the settings ask for.

01 to 07 mean the same in every simulated carrier; those from 11 on are what only RCS knows.
"""

import random
from typing import Final

import msgspec

from cpaas.simulators.rcs.settings import RcsSettings

#: hub's word -> HTTP status, text.
REFUSALS: Final[dict[str, tuple[int, str]]] = {
    "rate_limit": (429, "Too many requests"),
    "internal_server_error": (500, "Internal server error"),
    "bad_request": (400, "The request was refused"),
    "rcs_disabled": (404, "The user is not RCS enabled"),
    "invalid_template": (409, "invalid_template"),
    "no_conversation": (403, "No open conversation with this user: use an approved template"),
}


class Event(msgspec.Struct, frozen=True):
    """One event on the webhook; reason and code go with FAILED."""

    type: str
    reason: str = ""
    code: int = 0


class Outcome(msgspec.Struct, frozen=True):
    """What is answered and what follows.

    refusal: the hub's word ("" = accepted). first: only of two tries' first. hangs: it is
    accepted and the answer never written.
    """

    refusal: str = ""
    events: tuple[Event, ...] = (Event("DELIVERED"),)
    first: bool = False
    slow: bool = False
    hangs: bool = False
    capable: bool = True
    offline: bool = False


DELIVERED: Final = Outcome()
_NOT_RCS: Final = (Event("FAILED", "rcs_disabled", 404),)
_RESERVED: Final[dict[str, Outcome]] = {
    "01": DELIVERED,
    "02": Outcome(events=(Event("FAILED", "maap_specific_error", 400),)),
    "03": Outcome("bad_request"),
    "04": Outcome(events=(Event("TTL_EXPIRATION_REVOKED"),)),
    "05": Outcome(slow=True),
    "06": Outcome(events=()),
    "07": Outcome("rate_limit", first=True),
    "11": Outcome(events=_NOT_RCS, capable=False),
    "12": Outcome(events=(Event("DELIVERED"), Event("READ"))),
    "13": Outcome(events=(Event("READ"),)),
    "14": Outcome(events=(Event("FAILED", "opted_out", 410),)),
    "15": Outcome("internal_server_error", first=True),
    "16": Outcome(hangs=True),
    "17": Outcome("invalid_template"),
    "18": Outcome("no_conversation"),
    # Its handset is off: what has a ttl expires at it, the rest waits for ever.
    "19": Outcome(events=(), offline=True),
}
#: people write +999 00 0000 0002, which is a digit longer than the first form.
RESERVED: Final = {
    f"{begin}{number}": outcome
    for number, outcome in _RESERVED.items()
    for begin in ("+9990000000", "+99900000000")
}


class Decider:
    """Decides message by message."""

    def __init__(self, settings: RcsSettings) -> None:
        self.configure(settings)

    def configure(self, settings: RcsSettings) -> None:
        """Takes new settings from the next message on."""
        self._settings = settings
        self._random = random.Random(settings.seed)  # noqa: S311 - a simulation, repeatable

    def decide(self, msisdn: str) -> Outcome:
        """What is to become of a message to this number."""
        reserved = RESERVED.get(msisdn)
        if reserved is not None:
            return reserved
        settings = self._settings
        if not settings.capable:
            return RESERVED["+999000000011"]
        if settings.fault_share and self._random.random() < settings.fault_share:
            return Outcome("internal_server_error")
        point = self._random.random() if settings.receipt_mix else 1.0
        for event, share in settings.receipt_mix.items():
            point -= share
            if point < 0:
                reason = ("maap_specific_error", 400) if event == "FAILED" else ("", 0)
                return Outcome(events=(Event(event, *reason),))
        return DELIVERED

    def capable(self, msisdn: str) -> bool:
        """Whether the handset has RCS."""
        return RESERVED.get(msisdn, DELIVERED).capable and (
            self._settings.capable or msisdn in RESERVED
        )
