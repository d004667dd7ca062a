"""Why a message takes the routes it takes, and why each other rule and route is passed over.

Made by the planner that routes, so that what is told is what happens.
"""

from collections.abc import Collection

import msgspec

from cpaas.routing.plan import Plan, Planner, behind
from cpaas.routing.rules import Facts, mismatch, unfit, why, why_not
from cpaas.snapshot.types import Route, Rule, Snapshot


class Question(msgspec.Struct, frozen=True):
    """A message to be explained; `to` in E.164, now_us = Unix microseconds."""

    account_id: int
    channel: str
    to: str
    now_us: int
    sender: str = ""
    lane: str = "transactional"
    country: str = ""
    template: str = ""
    is_test: bool = False


class RuleVerdict(msgspec.Struct, frozen=True):
    """What becomes of one rule: it decides, follows (its routes come after), or is passed over."""

    rule: int
    target: str
    verdict: str
    why: str


class RouteVerdict(msgspec.Struct, frozen=True):
    """What becomes of one route: its place in the plan (0: none), and why."""

    route: str
    place: int
    why: str


class Explanation(msgspec.Struct, frozen=True):
    """The plan of a message, every rule of its channel in order, every route of its channel."""

    plan: Plan
    rules: list[RuleVerdict]
    routes: list[RouteVerdict]


def explain(
    snapshot: Snapshot, asked: Question, down: Collection[int] = frozenset()
) -> Explanation:
    """Explains a message; `down`: routes that have lost their carrier."""
    planner = Planner(
        snapshot, asked.account_id, asked.channel, asked.lane, is_test=asked.is_test,
        now_us=asked.now_us,
    )  # fmt: skip
    plan = planner.plan(asked.to, asked.sender, asked.country, asked.template)
    rules = [_rule(snapshot, planner, plan, rule, asked) for rule in _ordered(snapshot, asked)]
    plan = behind(plan, down, snapshot)
    bound = planner.bound(asked.sender) is not None
    routes = [
        _route(route, plan, asked, down, bound=bound)
        for route in snapshot.routes.values()
        if route.channel == asked.channel
    ]
    routes.sort(key=lambda one: (one.place == 0, one.place, one.route))
    return Explanation(plan, rules, routes)


def _ordered(snapshot: Snapshot, asked: Question) -> list[Rule]:
    both = (*snapshot.rules.get(asked.channel, ()), *snapshot.idle_rules.get(asked.channel, ()))
    return sorted(both, key=lambda rule: (rule.priority, rule.account_id is None, rule.id))


def _rule(
    snapshot: Snapshot, planner: Planner, plan: Plan, rule: Rule, asked: Question
) -> RuleVerdict:
    facts = Facts(asked.to.removeprefix("+"), asked.sender, asked.country, asked.template)
    target = _target(snapshot, rule)
    if rule in snapshot.idle_rules.get(asked.channel, ()):
        fault = "it is switched off"
    elif asked.is_test:
        fault = "a test key reaches only the simulated carrier"
    elif planner.bound(asked.sender) is not None:
        fault = f"the sender {asked.sender} is bound to a route of its own"
    else:
        failed = unfit(rule, asked.account_id, asked.lane, planner.moment)
        failed = failed or mismatch(rule, facts)
        fault = why_not(rule, failed, facts, asked.lane, planner.moment) if failed else ""
        fault = fault or planner.unusable(rule)
    if fault:
        return RuleVerdict(rule.id, target, "passed over", fault)
    if rule.id == plan.rule_id:
        return RuleVerdict(rule.id, target, "decides", why(rule))
    first = "the assigned route" if not plan.rule_id else f"rule {plan.rule_id}"
    return RuleVerdict(rule.id, target, "follows", f"{why(rule)}; {first} comes before it")


def _target(snapshot: Snapshot, rule: Rule) -> str:
    if rule.strategy_id:
        strategy = snapshot.strategies.get(rule.strategy_id)
        return f"strategy {strategy.name if strategy else rule.strategy_id}"
    route = snapshot.routes.get(rule.route_id)
    return f"route {route.name if route else rule.route_id}"


def _route(
    route: Route, plan: Plan, asked: Question, down: Collection[int], *, bound: bool
) -> RouteVerdict:
    if route.id in plan.route_ids:
        place = plan.route_ids.index(route.id) + 1
        words = "is tried first" if place == 1 else "takes over from those before it"
        if route.id in down:
            words = "is down: it waits for its carrier" if place == 1 else "is down, so it is last"
        return RouteVerdict(route.name, place, words)
    if not route.active:
        return RouteVerdict(route.name, 0, "is switched off")
    if route.simulated:
        return RouteVerdict(route.name, 0, "is the simulated carrier, for test keys only")
    if asked.is_test:
        return RouteVerdict(route.name, 0, "is a real carrier, and this is a test key")
    if bound:
        return RouteVerdict(route.name, 0, f"the sender {asked.sender} is bound to another route")
    return RouteVerdict(route.name, 0, "no rule that matches leads to it")
