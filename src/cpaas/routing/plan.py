"""The ordered plan of routes for a message, with the words that explain it.

The route assigned in the user editor stands first, then every matching rule's route in order, so
that a route that is down has a next one. Pure, so that `Explain` and the pipeline cannot differ.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from cpaas.routing.rules import candidates, matches, unconditional, why
from cpaas.snapshot.types import Route, Rule, Snapshot

ROUTES_MAX: Final = 8


class Plan(msgspec.Struct, frozen=True):
    """Route ids to try in order (empty: none), the deciding rule's id (0: none), and why."""

    route_ids: tuple[int, ...]
    rule_id: int
    decision: str


class Planner:
    """Plans for messages of one account, channel and lane under one snapshot."""

    def __init__(
        self, snapshot: Snapshot, account_id: int, channel: str, lane: str, *, is_test: bool
    ) -> None:
        self._snapshot = snapshot
        self._channel = channel
        self._assigned = snapshot.assigned.get((account_id, channel))
        self._rules = candidates(snapshot, account_id, channel, lane)
        self._only: Plan | None = None
        self._plans: dict[tuple[int, ...], Plan] = {}
        if is_test:
            self._only = _simulated(snapshot, channel)
        elif unconditional(self._rules):
            self._only = self._from(self._rules)

    def plan(self, to: str, sender: str) -> Plan:
        """The plan for one message."""
        if self._only is not None:
            return self._only
        number = to.removeprefix("+")
        rules = [rule for rule in self._rules if matches(rule, number, sender)]
        key = tuple(rule.id for rule in rules)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = self._from(rules)
        return found

    def _from(self, rules: Iterable[Rule]) -> Plan:
        route_ids: list[int] = []
        rule_id = 0
        words: list[str] = []
        assigned = self._usable(self._assigned)
        if assigned is not None:
            route_ids.append(assigned.id)
            words.append(f"{assigned.name}: assigned to the account")
        elif self._assigned is not None:
            words.append("the assigned route is switched off")
        for rule in rules:
            route = self._usable(rule.route_id)
            if route is None:
                words.append(f"{why(rule)} passed over: its route is switched off")
            elif route.id not in route_ids and len(route_ids) < ROUTES_MAX:
                words.append(f"{route.name}: {why(rule)}")
                rule_id = rule_id or (rule.id if not route_ids else 0)
                route_ids.append(route.id)
        return Plan(tuple(route_ids), rule_id, "; ".join(words) or "no rule matches")

    def _usable(self, route_id: int | None) -> Route | None:
        route = self._snapshot.routes.get(route_id) if route_id is not None else None
        if route is None or not route.active or route.simulated or route.channel != self._channel:
            return None
        return route


def _simulated(snapshot: Snapshot, channel: str) -> Plan:
    """Test keys reach only the carrier that is built into the channel's service."""
    for route in snapshot.routes.values():
        if route.simulated and route.active and route.channel == channel:
            return Plan((route.id,), 0, f"{route.name}: test key, simulated carrier")
    return Plan((), 0, f"test key, but no simulated route exists for {channel}")
