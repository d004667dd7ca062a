"""How a strategy orders its routes for one message. The first is tried; the others take over.

Of each kind there is a Chooser, made once for the members that can be used now. Whose turn it is
lives in `Turns`, in memory: exact within a process, and nothing to lose with it.
"""

import hashlib
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cpaas.kit.hours import Moment
from cpaas.snapshot.types import Member, Snapshot, Strategy

KINDS: Final = (
    "failover", "round_robin", "weighted", "least_cost", "best_delivery", "sticky", "time_of_day",
)  # fmt: skip
_HASHED_MAX: Final = 2**64
Order = tuple[int, ...]
#: digits of a number -> the strategy's route ids in order.
Chooser = Callable[[str], Order]


class Turns:
    """Whose turn it is. By weight a shuffled deck is dealt: of 100 messages at 70 to 30 exactly 70
    go first, and no two customers whose messages alternate get a route each.
    """

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()  # noqa: S311 - a split needs no secrecy
        self._decks: dict[int, tuple[Mapping[int, int], list[int]]] = {}
        self._last: dict[int, int] = {}

    def rotate(self, strategy_id: int, route_ids: Sequence[int]) -> int:
        """The route after the last one."""
        place = (self._last.get(strategy_id, -1) + 1) % len(route_ids)
        self._last[strategy_id] = place
        return route_ids[place]

    def deal(self, strategy_id: int, weights: Mapping[int, int]) -> int:
        """The route on the next card; weights above 0, by route id."""
        known, deck = self._decks.get(strategy_id, ({}, []))
        if not deck or known != weights:
            each = math.gcd(*weights.values())
            deck = [one for one, weight in weights.items() for _ in range(weight // each)]
            self._chance.shuffle(deck)
            self._decks[strategy_id] = (weights, deck)
        return deck.pop()


def chooser(
    strategy: Strategy, members: Sequence[Member], snapshot: Snapshot, moment: Moment, turns: Turns
) -> Chooser:
    """What orders these members of the strategy; there is at least one."""
    ids = tuple(one.route_id for one in members)
    if len(ids) == 1 or strategy.kind == "failover":
        return lambda _number: ids
    if strategy.kind == "time_of_day":
        now = tuple(one.route_id for one in members if one.hours.within(moment))
        rest = tuple(route_id for route_id in ids if route_id not in now)
        return lambda _number: (*now, *rest)
    if strategy.kind == "least_cost":
        return _least_cost(ids, snapshot)
    if strategy.kind == "sticky":
        return _sticky(members)
    if strategy.kind == "round_robin":
        orders = {one: (*ids[place:], *ids[:place]) for place, one in enumerate(ids)}
        return lambda _number: orders[turns.rotate(strategy.id, ids)]
    return _weighted(strategy, members, turns)


def label(strategy: Strategy, members: Sequence[Member]) -> str:
    """The kind in plain words, with the weights that decide."""
    kind = strategy.kind.replace("_", " ")
    if strategy.kind in {"weighted", "best_delivery"}:
        return f"{kind} {'/'.join(str(_weight(strategy, one)) for one in members)}"
    return kind


def _weight(strategy: Strategy, member: Member) -> int:
    return member.share if strategy.kind == "best_delivery" else member.weight


def _weighted(strategy: Strategy, members: Sequence[Member], turns: Turns) -> Chooser:
    """The first as dealt, the others by their weight; a weight of 0 only takes over."""
    weights = {one.route_id: _weight(strategy, one) for one in members}
    dealt = {route_id: weight for route_id, weight in weights.items() if weight > 0}
    by_weight = tuple(sorted(weights, key=lambda route_id: -weights[route_id]))
    if not dealt:
        return lambda _number: by_weight
    orders = {one: (one, *(other for other in by_weight if other != one)) for one in dealt}
    return lambda _number: orders[turns.deal(strategy.id, dealt)]


def _least_cost(ids: Order, snapshot: Snapshot) -> Chooser:
    """The cheapest for this number first; a route whose cost nobody said is the last."""
    sheets = [snapshot.route_costs[one] for one in ids if one in snapshot.route_costs]
    prefixes = {prefix for sheet in sheets for prefix in sheet.prefixes}
    lengths = sorted({length for sheet in sheets for length in sheet.lengths}, reverse=True)
    known: dict[str, Order] = {}

    def order(number: str) -> Order:
        # All numbers with the same longest known prefix cost the same on every route.
        key = next((number[:n] for n in lengths if number[:n] in prefixes), "")
        found = known.get(key)
        if found is None:
            costs = {one: snapshot.carrier_cost(one, number) for one in ids}
            found = known[key] = tuple(
                sorted(ids, key=lambda one: (costs[one] is None, costs[one] or 0))
            )
        return found

    return order


def _sticky(members: Sequence[Member]) -> Chooser:
    """The same number takes the same route (rendezvous hashing, by weight).

    When that one is away its numbers spread over all others, again each always to the same.
    """
    ids = [one.route_id for one in members]
    weighed = [(one.route_id, one.weight) for one in members if one.weight > 0]
    if not weighed:
        return lambda _number: tuple(ids)

    def order(number: str) -> Order:
        scores = sorted(((_score(route, number, w), route) for route, w in weighed), reverse=True)
        first = [route for _, route in scores[:2]]
        # Two by hash and the rest as listed: few different plans, so that envelopes stay full.
        return (*first, *(route_id for route_id in ids if route_id not in first))

    return order


def _score(route_id: int, number: str, weight: int) -> float:
    digest = hashlib.blake2b(f"{route_id}:{number}".encode(), digest_size=8).digest()
    share = (int.from_bytes(digest, "big") + 1) / (_HASHED_MAX + 1)
    return -weight / math.log(share)
