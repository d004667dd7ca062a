"""The ordered plan of routes for a message, with the words that explain it.

The route assigned in the user editor stands first, then every matching rule's route or strategy in
order, so that a route that is down has a next one. Pure but for whose turn it is, so that `explain`
and the pipeline cannot differ.
"""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from cpaas.kit.hours import Moment, moment_of
from cpaas.routing.rules import NOTHING, Facts, candidates, looks_of, mismatch, why
from cpaas.routing.strategies import Chooser, Order, Turns, chooser, label
from cpaas.snapshot.types import Member, Route, Rule, Snapshot, Strategy

ROUTES_MAX: Final = 8
#: rules that look at whole numbers make a way for each: then they are forgotten and made anew.
WAYS_MAX: Final = 10_000
DEFAULT_ZONE: Final = "Asia/Kolkata"


class Plan(msgspec.Struct, frozen=True):
    """Route ids to try in order (empty: none), the deciding rule's id (0: none), and why.

    strategy_id: the strategy that chose the first route (0: none). overflow: so many of the routes
    take over from each other when one is full.
    """

    route_ids: tuple[int, ...]
    rule_id: int
    decision: str
    strategy_id: int = 0
    overflow: int = 0


class _Leg(msgspec.Struct, frozen=True):
    """A step of a way: a route (`choose` None), or a strategy with what orders its members."""

    words: str
    rule_id: int
    route_id: int = 0
    strategy_id: int = 0
    overflow: bool = False
    choose: Chooser | None = None


class _Way(msgspec.Struct):
    """What messages that match the same rules have in common, and the plans made of it."""

    legs: list[_Leg]
    said: list[str]
    fixed: Plan | None = None
    plans: dict[tuple[Order, ...], Plan] = {}


class Planner:
    """Plans for messages of one account, channel and lane under one snapshot, at one moment."""

    def __init__(
        self, snapshot: Snapshot, account_id: int, channel: str, lane: str, *,
        is_test: bool, now_us: int = 0, turns: Turns | None = None,
    ) -> None:  # fmt: skip
        self.moment = moment(snapshot, now_us)
        self._snapshot = snapshot
        self._channel = channel
        self._turns = turns or Turns()
        # What only takes over must not use up the turns of what comes first.
        self._later = Turns()
        self._assigned = snapshot.assigned.get((account_id, channel))
        self._rules = candidates(snapshot, account_id, channel, lane, self.moment)
        self._looks = looks_of(self._rules)
        self._choosers: dict[tuple[int, bool], Chooser] = {}
        self._ways: dict[tuple[str, ...], _Way] = {}
        self._bound = {} if is_test else self._bindings()
        self._only = _simulated(snapshot, channel) if is_test else None
        if not is_test and self._looks == NOTHING:
            self._only = self._way(self._rules).fixed

    def plan(self, to: str, sender: str, country: str = "", template: str = "") -> Plan:
        """The plan for one message."""
        if self._bound and sender:
            bound = self.bound(sender)
            if bound is not None:
                return bound
        if self._only is not None:
            return self._only
        number = to.removeprefix("+")
        key = self._looks.key(number, sender, country, template)
        way = self._ways.get(key)
        if way is None:
            if len(self._ways) >= WAYS_MAX:
                self._ways.clear()
            facts = Facts(number, sender, country, template)
            way = self._ways[key] = self._way([r for r in self._rules if not mismatch(r, facts)])
        return way.fixed or self._chosen(way, number)

    def bound(self, sender: str) -> Plan | None:
        """The plan of a sender that has a route of its own, whatever the rules say."""
        return self._bound.get(sender.removeprefix("+"))

    def _bindings(self) -> dict[str, Plan]:
        """Senders with tokens of their own -> the one route that they are bound to."""
        found: dict[str, Plan] = {}
        for (channel, value), one in self._snapshot.identities.items():
            if channel != self._channel:
                continue
            route = self._usable(one.route_id)
            if not one.active:
                found[value] = Plan((), 0, f"{one.value} is switched off")
            elif route is None:
                found[value] = Plan((), 0, f"the route of {one.value} is switched off")
            else:
                words = f"{route.name}: {one.value} is bound to it"
                found[value] = Plan((route.id,), 0, words)
        return found

    def unusable(self, rule: Rule) -> str:
        """Why a rule's target takes nothing now; "" = it does."""
        if not rule.strategy_id:
            return "" if self._usable(rule.route_id) else "its route is switched off"
        strategy = self._snapshot.strategies.get(rule.strategy_id)
        if strategy is None or not strategy.active or strategy.channel != self._channel:
            return "its strategy is switched off"
        return "" if self.members(strategy) else "no route of its strategy is switched on"

    def members(self, strategy: Strategy) -> list[Member]:
        """The members that can be used, in order."""
        return [one for one in strategy.members if self._usable(one.route_id)]

    def _way(self, rules: Sequence[Rule]) -> _Way:
        legs: list[_Leg] = []
        said: list[str] = []
        assigned = self._usable(self._assigned)
        if assigned is not None:
            legs.append(_Leg("assigned to the account", 0, assigned.id))
        elif self._assigned is not None:
            said.append("the assigned route is switched off")
        for rule in rules:
            fault = self.unusable(rule)
            if fault:
                said.append(f"{why(rule)} passed over: {fault}")
            else:
                legs.append(self._leg(rule, first=not legs))
        way = _Way(legs, said)
        if all(leg.choose is None for leg in legs):
            way.fixed = self._chosen(way, "")
        return way

    def _leg(self, rule: Rule, *, first: bool) -> _Leg:
        if not rule.strategy_id:
            return _Leg(why(rule), rule.id, rule.route_id)
        strategy = self._snapshot.strategies[rule.strategy_id]
        members = self.members(strategy)
        choose = self._choosers.get((strategy.id, first))
        if choose is None:
            turns = self._turns if first else self._later
            choose = chooser(strategy, members, self._snapshot, self.moment, turns)
            self._choosers[strategy.id, first] = choose
        words = f"strategy {strategy.name} ({label(strategy, members)}), {why(rule)}"
        return _Leg(words, rule.id, 0, strategy.id, strategy.overflow, choose)

    def _chosen(self, way: _Way, number: str) -> Plan:
        orders = tuple(leg.choose(number) if leg.choose else () for leg in way.legs)
        found = way.plans.get(orders)
        if found is None:
            found = way.plans[orders] = self._joined(way, orders)
        return found

    def _joined(self, way: _Way, orders: Sequence[Order]) -> Plan:
        route_ids: list[int] = []
        words = list(way.said)
        rule_id = strategy_id = overflow = 0
        for leg, order in zip(way.legs, orders, strict=True):
            new = [one for one in order or (leg.route_id,) if one not in route_ids]
            new = new[: ROUTES_MAX - len(route_ids)]
            if not new:
                continue
            if not route_ids:
                rule_id, strategy_id = leg.rule_id, leg.strategy_id
                overflow = len(new) if leg.overflow else 0
            route_ids += new
            words.append(f"{', '.join(self._name(one) for one in new)}: {leg.words}")
        decision = "; ".join(words) or "no rule matches"
        return Plan(tuple(route_ids), rule_id, decision, strategy_id, overflow)

    def _name(self, route_id: int) -> str:
        return self._snapshot.routes[route_id].name

    def _usable(self, route_id: int | None) -> Route | None:
        route = self._snapshot.routes.get(route_id) if route_id else None
        if route is None or not route.active or route.simulated or route.channel != self._channel:
            return None
        return route


def moment(snapshot: Snapshot, now_us: int) -> Moment:
    """The minute of the week in the platform's zone."""
    return moment_of(now_us, str(snapshot.settings.get("timezone") or DEFAULT_ZONE))


def behind(plan: Plan, down: Collection[int], snapshot: Snapshot) -> Plan:
    """The plan with routes that are down behind the others; as it is when no other is left."""
    last = [one for one in plan.route_ids if one in down]
    if not last or len(last) == len(plan.route_ids):
        return plan
    first = [one for one in plan.route_ids if one not in last]
    return _reordered(plan, [*first, *last], "down", last, snapshot)


def before(plan: Plan, roomy: Sequence[int], members: Sequence[int], snapshot: Snapshot) -> Plan:
    """The plan with those of a strategy's members that have room before those that are full."""
    full = [one for one in members if one not in roomy]
    rest = [one for one in plan.route_ids if one not in members]
    return _reordered(plan, [*roomy, *full, *rest], "full", full, snapshot)


def _reordered(
    plan: Plan, route_ids: Sequence[int], word: str, away: Sequence[int], snapshot: Snapshot
) -> Plan:
    said = f"; {word}: {', '.join(snapshot.routes[one].name for one in away)}"
    # One that comes here again and again says it once.
    decision = plan.decision if said in plan.decision else plan.decision + said
    return msgspec.structs.replace(plan, route_ids=tuple(route_ids), decision=decision)


def overflow_of(snapshot: Snapshot, strategy_id: int, route_ids: Sequence[int]) -> int:
    """How many of these routes, from the first on, take over from each other when full."""
    strategy = snapshot.strategies.get(strategy_id)
    if strategy is None or not strategy.overflow:
        return 0
    members = {one.route_id for one in strategy.members}
    return next((n for n, one in enumerate(route_ids) if one not in members), len(route_ids))


def _simulated(snapshot: Snapshot, channel: str) -> Plan:
    """Test keys reach only the carrier that is built into the channel's service."""
    for route in snapshot.routes.values():
        if route.simulated and route.active and route.channel == channel:
            return Plan((route.id,), 0, f"{route.name}: test key, simulated carrier")
    return Plan((), 0, f"test key, but no simulated route exists for {channel}")
