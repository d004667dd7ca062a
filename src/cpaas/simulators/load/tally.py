"""Counts at both ends what really left the platform: submits at the SMSC, events at the customer.

Each message must be seen exactly once at each end; that is what a bench has to prove first.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec

FINAL_TYPES: Final = frozenset(
    f"message.{status}"
    for status in ("delivered", "failed", "rejected", "expired", "blocked", "cancelled")
)


class Ends(msgspec.Struct, kw_only=True):
    """What the two ends saw; moments are of the monotonic clock, 0 = none yet."""

    submits: int = 0
    submitted_twice: int = 0
    last_submit: float = 0.0
    events: dict[str, int] = {}
    finals: int = 0
    final_twice: int = 0
    last_event: float = 0.0
    unreadable: int = 0


class _Data(msgspec.Struct):
    id: str


class _Event(msgspec.Struct):
    type: str
    data: _Data


class Tally:
    """Counts of one run; `clear` begins the next."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._decoder = msgspec.json.Decoder(_Event)
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._submits: set[int] = set()
        self._finals: set[str] = set()
        self._events: Counter[str] = Counter()
        self._ends = Ends()

    def submit(self, destination: str, short_message: bytes) -> None:
        """One submit_sm that the carrier took."""
        key = hash((destination, short_message))
        if key in self._submits:
            self._ends.submitted_twice += 1
        else:
            self._submits.add(key)
        self._ends.submits += 1
        self._ends.last_submit = self._clock()

    def event(self, body: bytes) -> None:
        """One webhook that the customer got."""
        try:
            event = self._decoder.decode(body)
        except msgspec.DecodeError:
            self._ends.unreadable += 1
            return
        self._events[event.type] += 1
        self._ends.last_event = self._clock()
        if event.type in FINAL_TYPES:
            if event.data.id in self._finals:
                self._ends.final_twice += 1
            self._finals.add(event.data.id)

    def ends(self) -> Ends:
        """The counts as they are now."""
        self._ends.finals = len(self._finals)
        self._ends.events = dict(self._events)
        return self._ends
