"""Which accounts the route step passes over, because their route is full or they are switched off.

What was taken for a full route is unpacked and given back for nothing, so an account is looked at
again only when its route has drained, or rarely, and then with little.
"""

import math
from typing import Final

import msgspec

from cpaas.messages.envelopes import Envelope
from cpaas.pipeline.load import OTP, RouteLoad
from cpaas.snapshot.types import Route

#: how long an account is passed over after its route was found full, at most; it doubles while
#: the route does not drain.
HELD_SECONDS: Final = 0.2
HELD_SECONDS_MAX: Final = 1.0
INACTIVE_SECONDS: Final = 5.0
#: turns after a hold in which no more is taken than the route that was full has room for; of one
#: that ended by time only the first.
CAUTIOUS_TURNS: Final = 4
_Key = tuple[int, bool]


class _Held(msgspec.Struct):
    """An account's OTP, or its other lanes; route None: until the time alone.

    messages: the size of the item that did not fit. cautious: the turns left that take little.
    """

    until: float
    route: Route | None
    lane: str
    messages: int = 1
    seconds: float = HELD_SECONDS
    cautious: int = 0


class Holds:
    """The accounts that are passed over, OTP and the other lanes apart."""

    def __init__(self, load: RouteLoad) -> None:
        self._load = load
        self._held: dict[_Key, _Held] = {}
        # Holds that have just ended: their routes are likely to be full again.
        self._ended: dict[_Key, _Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    @property
    def until(self) -> float:
        """When the first hold ends by time."""
        return min((held.until for held in self._held.values()), default=math.inf)

    @property
    def freed(self) -> bool:
        """Whether a route that is waited for has drained."""
        return any(map(self._drained, self._held.values()))

    def full(self, envelope: Envelope, route: Route, now: float) -> None:
        """An envelope's route is full: the longer, the oftener it was found so without draining."""
        key = (envelope.account_id, envelope.lane == OTP)
        ended = self._ended.pop(key, None)
        if ended is not None:
            seconds = min(HELD_SECONDS_MAX, 2 * ended.seconds)
        else:
            seconds = self._held[key].seconds if key in self._held else HELD_SECONDS
        size = max(1, len(envelope.messages))
        self._held[key] = _Held(now + seconds, route, envelope.lane, size, seconds)

    def inactive(self, account_id: int, lane: str, now: float) -> None:
        """An account is switched off."""
        self._held[(account_id, lane == OTP)] = _Held(now + INACTIVE_SECONDS, None, lane)

    def review(self, now: float) -> None:
        """Begins a turn: ends holds whose time or cause is over, renews those that are due."""
        for key, held in list(self._ended.items()):
            assert held.route is not None  # noqa: S101 - only such are kept
            if held.cautious <= 1:
                del self._ended[key]
            elif self._load.room(held.route, held.lane) <= 0:
                # It drained and is full again, which is known without taking anything.
                held.until = now + held.seconds
                self._held[key] = self._ended.pop(key)
            else:
                held.cautious -= 1
        # All that wait for one route's room try again together: who came alone would take it.
        over = {
            (held.route.id if held.route else 0, *key[1:])
            for key, held in self._held.items()
            if held.until <= now or self._drained(held)
        }
        for key, held in list(self._held.items()):
            drained = self._drained(held)
            together = held.route is not None and (held.route.id, *key[1:]) in over
            if held.until <= now or drained or together:
                del self._held[key]
                if held.route is not None:
                    held.seconds = HELD_SECONDS if drained else held.seconds
                    held.cautious = CAUTIOUS_TURNS if drained else 1
                    self._ended[key] = held

    def passed_over(self, *, otp: bool) -> list[int]:
        """Accounts nothing is taken of."""
        return [account_id for account_id, is_otp in self._held if is_otp == otp]

    def most(self, items: int, *, otp: bool) -> int:
        """How many items may be taken in this turn, of all the other accounts together.

        As many as there is room for, and one of each account that waited for it.
        """
        rooms = [
            self._load.room(held.route, held.lane) // held.messages
            for (_, is_otp), held in self._ended.items()
            if is_otp == otp and held.route is not None
        ]
        return max(1, min(items, max(len(rooms), min(rooms)))) if rooms else items

    def _drained(self, held: _Held) -> bool:
        return held.route is not None and self._load.drained(held.route, held.lane)
