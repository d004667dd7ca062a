"""Where what cannot go to its route now waits, and when it is looked at again.

What lies in front of a route is at most two seconds of its rate; its gateway serves that fair by
account, so whoever gets in there goes soon. All that matters before is who gets the room that the
carrier makes, and that it is used:

- An item whose route is full moves, in the same queue, from its lane to a *place* of that route
  (of the strategy, when its routes take over from each other). Nothing else of its account waits
  with it, so that a slow route holds nothing that goes to a fast one.
- While something waits in a place, what comes later for it waits behind it, so that nobody passes.
- Room is given as soon as an eighth of what may lie there has gone; no timer is involved. It is
  given to the accounts that wait, in turn, a piece of a list at a time; the next time goes on with
  the account behind the last. Who waits alone gets all of it.
- An item given back keeps its age, and a list's rest the place of the list.
- When routes come or go, or rules change, everything is put back and decided anew.

A route that is never full has no place, and its messages cost nothing more than without them.
"""

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from cpaas.broker.base import LANES, PLACES_MAX, Item
from cpaas.messages.envelopes import LANE_NUMBER, Lane
from cpaas.pipeline.load import OTP, RouteLoad
from cpaas.routing.plan import Plan
from cpaas.snapshot.types import Route, Snapshot

#: stands for both of the others: they share a room.
OTHER_LANES: Final = "transactional"
LOW_LANES_EVERY: Final = 8
_PLACES: Final = PLACES_MAX // 2
#: a place, and whether its OTP or its other lanes.
_Key = tuple[int, bool]


class Due(msgspec.Struct, frozen=True):
    """What shall be taken of a place now: items of these lanes, for so many messages."""

    key: _Key
    lanes: tuple[int, ...]
    most: int
    room: int
    piece: int


class _Place(msgspec.Struct):
    """worth: messages that an item of it uses up at a time, about. filling: more has room now.

    stuck: what was taken last could go nowhere, though there is room; looked at rarely.
    """

    worth: float = 1.0
    filling: bool = False
    takes: int = 0
    stuck: bool = False


class Places:
    """The places of one channel's route step in which something waits."""

    def __init__(self, load: RouteLoad, channel: str) -> None:
        self._load = load
        self._channel = channel
        self._waiting: dict[_Key, _Place] = {}
        self._routes: dict[int, list[Route]] = {}
        self._of: tuple[object, ...] = ()

    def __len__(self) -> int:
        return len(self._waiting)

    def see(self, snapshot: Snapshot) -> list[int]:
        """Learns what routes there are; returns the lanes whose items must be decided anew."""
        parts = (snapshot.routes, snapshot.rules, snapshot.strategies, snapshot.assigned,
                 snapshot.identities, self._load.away)  # fmt: skip
        before, self._of = self._of, parts
        if before and all(a is b or a == b for a, b in zip(parts, before, strict=True)):
            return []
        routes = {
            one.id: one
            for one in snapshot.routes.values()
            if one.channel == self._channel and one.active
        }
        self._routes = {}
        for one in routes.values():
            self._routes.setdefault(_of_route(one.id), []).append(one)
        for strategy in snapshot.strategies.values():
            members = [routes[m.route_id] for m in strategy.members if m.route_id in routes]
            if members and strategy.channel == self._channel:
                self._routes.setdefault(_of_strategy(strategy.id), []).extend(members)
        lanes = [lane for key in self._waiting for lane in _lanes(key)]
        self._waiting.clear()
        return lanes

    def found(self, lanes: Sequence[int]) -> list[int]:
        """Something lies in these lanes; returns those of places that there are no more."""
        for place in self._waiting.values():
            place.stuck = False
        strays = []
        for lane in lanes:
            if lane // LANES in self._routes:
                self._waiting.setdefault((lane // LANES, lane % LANES == 0), _Place())
            else:
                strays.append(lane)
        return strays

    def holds(self, lane: int) -> bool:
        """Whether something waits there already."""
        return bool(self._waiting) and (lane // LANES, lane % LANES == 0) in self._waiting

    def add(self, lane: int) -> None:
        """Something waits there from now on."""
        self._waiting.setdefault((lane // LANES, lane % LANES == 0), _Place())

    @property
    def freed(self) -> bool:
        """Whether something that waits can go on, here or elsewhere."""
        if self._waiting and self._load.away != self._of[-1]:
            return True
        return any(self._ready(key, place) for key, place in self._waiting.items())

    def due(self, most: int) -> list[Due]:
        """What there is room for, the place first that was served longest ago."""
        found = []
        for key, place in list(self._waiting.items()):
            if self._ready(key, place):
                # Others that wait for the same route get their part of its room.
                sharing = sum(1 for other in self._waiting if self._share(key, other))
                room = max(1, self._room(key) // sharing)
                place.takes += 1
                lanes = _lanes(key)
                found.append(
                    Due(
                        key, lanes if place.takes % LOW_LANES_EVERY else lanes[::-1],
                        min(most, math.ceil(room / place.worth)), room, self._piece(key),
                    )
                )  # fmt: skip
            else:
                place.filling = False
        for one in found:
            self._waiting[one.key] = self._waiting.pop(one.key)
        return found

    def taken(self, due: Due, items: Sequence[Item], *, more: bool) -> None:
        """What was taken of what was due."""
        place = self._waiting.get(due.key)
        if place is None:
            return
        if not items:
            del self._waiting[due.key]
            return
        worth = sum(min(item.messages, due.piece) for item in items)
        place.worth = max(1.0, worth / len(items))
        place.filling = more or worth >= due.room

    def moved(self, due: Due, *, moved: bool) -> None:
        """Whether anything of what was taken could go on."""
        if due.key in self._waiting and not moved:
            self._waiting[due.key].stuck = True

    def _ready(self, key: _Key, place: _Place) -> bool:
        if place.stuck:
            return False
        routes = self._routes.get(key[0], ())
        if place.filling:
            return any(self._load.room(route, _counted(key)) > 0 for route in routes)
        return any(self._load.drained(route, _counted(key)) for route in routes)

    def _room(self, key: _Key) -> int:
        return max(self._load.room(route, _counted(key)) for route in self._routes[key[0]])

    def _piece(self, key: _Key) -> int:
        return max(self._load.piece(route, _counted(key)) for route in self._routes[key[0]])

    def _share(self, one: _Key, other: _Key) -> bool:
        if one[1] != other[1]:
            return False
        ids = {route.id for route in self._routes.get(one[0], ())}
        return any(route.id in ids for route in self._routes.get(other[0], ()))


def _counted(key: _Key) -> str:
    """Under which lane the load counts what a place is for."""
    return OTP if key[1] else OTHER_LANES


def lane_of(plan: Plan, lane: Lane) -> int:
    """The lane in which what has this plan waits, while none of its routes is away."""
    strategy = plan.overflow > 1 and plan.strategy_id
    place = _of_strategy(plan.strategy_id) if strategy else _of_route(plan.route_ids[0])
    return LANES * place + LANE_NUMBER[lane]


def lanes_of(plan: Plan, lane: Lane) -> set[int]:
    """All lanes in which what has this plan may lie, whichever of its routes are away."""
    lanes = {LANE_NUMBER[lane]}
    if plan.route_ids:
        lanes.add(lane_of(plan, lane))
        lanes.update(LANES * _of_route(one) + LANE_NUMBER[lane] for one in plan.route_ids)
    return lanes


# Two routes, or strategies, whose ids are so far apart that they get one place wait for each
# other's room and are both served.
def _of_route(route_id: int) -> int:
    return 1 + 2 * (route_id % _PLACES)


def _of_strategy(strategy_id: int) -> int:
    return 2 + 2 * (strategy_id % (_PLACES - 1))


def _lanes(key: _Key) -> tuple[int, ...]:
    first = LANES * key[0]
    return (first,) if key[1] else tuple(range(first + 1, first + LANES))
