"""Which routes a message tries and why; plain data in, plain data out."""

from typing import Any

import msgspec
import pytest

from cpaas.kit.hours import read
from cpaas.routing.plan import Plan, Planner
from cpaas.snapshot.types import Member, Route, Rule, Snapshot, Strategy

#: a Thursday at noon in Kolkata.
NOON_US = 1_795_674_600_000_000


def route(id_: int, **more: Any) -> Route:
    values: dict[str, Any] = {
        "id": id_, "name": f"r{id_}", "channel": "sms", "dialect": "smpp", "host": "h", "port": 1,
        "active": True, "simulated": False, "tps": 0, "binds": 1, "window_size": 10,
        "bind_type": "trx", "system_id": "", "system_type": "", "default_sender": "",
        "message_id_mode": "same", "settings": {}, "secret": b"", "cost_micro": 0,
    }  # fmt: skip
    return Route(**(values | more))


def rule(id_: int, route_id: int, **more: Any) -> Rule:
    values: dict[str, Any] = {
        "id": id_, "account_id": None, "channel": "sms", "route_id": route_id, "priority": 100,
        "prefixes": (), "senders": frozenset(), "lanes": frozenset(),
    }  # fmt: skip
    return Rule(**(values | more))


def snapshot(
    *rules: Rule,
    routes: list[Route] | None = None,
    assigned: dict[tuple[int, str], int] | None = None,
    strategies: list[Strategy] | None = None,
    **more: Any,
) -> Snapshot:
    known = routes or [route(1), route(2), route(3), route(9, simulated=True)]
    return Snapshot(
        version=1, accounts={}, keys={}, senders={}, default_senders={}, prices={},
        routes={one.id: one for one in known}, routes_by_name={one.name: one for one in known},
        rules={"sms": tuple(rules)}, assigned=assigned or {}, webhooks={}, settings={},
        strategies={one.id: one for one in strategies or []}, **more,
    )  # fmt: skip


def strategy(kind: str, *members: Member | int, **more: Any) -> Strategy:
    listed = tuple(Member(one) if isinstance(one, int) else one for one in members)
    values: dict[str, Any] = {
        "id": 1, "name": "s1", "channel": "sms", "kind": kind, "active": True, "members": listed,
    }  # fmt: skip
    return Strategy(**(values | more))


def led(*, id_: int = 7, to: int = 1, **more: Any) -> Rule:
    """A rule that leads to a strategy."""
    return rule(id_, 0, strategy_id=to, **more)


class Case(msgspec.Struct):
    name: str
    rules: list[Rule]
    route_ids: tuple[int, ...]
    rule_id: int
    to: str = "+919876543210"
    sender: str = "BRAND"
    lane: str = "transactional"
    assigned: int | None = None
    country: str = "IN"
    template: str = ""


CASES = [
    Case("no rule", [], (), 0),
    Case("all", [rule(7, 1)], (1,), 7),
    Case("order decides", [rule(7, 2), rule(8, 1)], (2, 1), 7),
    Case("own account only", [rule(7, 1, account_id=5), rule(8, 2, account_id=6)], (1,), 7),
    Case("prefix", [rule(7, 1, prefixes=("44",)), rule(8, 2, prefixes=("1", "91"))], (2,), 8),
    Case("sender", [rule(7, 1, senders=frozenset({"BRAND"})), rule(8, 2)], (1, 2), 7),
    Case("other sender", [rule(7, 1, senders=frozenset({"OTHER"})), rule(8, 2)], (2,), 8),
    Case("lane", [rule(7, 1, lanes=frozenset({"otp"})), rule(8, 2)], (2,), 8),
    Case("otp lane", [rule(7, 1, lanes=frozenset({"otp"})), rule(8, 2)], (1, 2), 7, lane="otp"),
    Case("country", [rule(7, 1, countries=frozenset({"US"})), rule(8, 2)], (2,), 8),
    Case("its country", [rule(7, 1, countries=frozenset({"IN"})), rule(8, 2)], (1, 2), 7),
    Case("template", [rule(7, 1, templates=frozenset({"otp"})), rule(8, 2)], (2,), 8),
    Case("its template", [rule(7, 1, templates=frozenset({"otp"}))], (1,), 7, template="otp"),
    Case("hours", [rule(7, 1, hours=read([], ["13:00-11:00"])), rule(8, 2)], (2,), 8),
    Case("its hours", [rule(7, 1, hours=read(["thu"], ["11:00-13:00"]))], (1,), 7),
    Case("all conditions", [rule(7, 1, prefixes=("91",), countries=frozenset({"LK"}))], (), 0),
    Case("assigned first", [rule(7, 1)], (2, 1), 0, assigned=2),
    Case("assigned twice", [rule(7, 2)], (2,), 0, assigned=2),
    Case("simulated never by rule", [rule(7, 9), rule(8, 1)], (1,), 8),
    Case("unknown route", [rule(7, 77)], (), 0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_plan(case: Case) -> None:
    assigned = {(5, "sms"): case.assigned} if case.assigned else {}
    known = snapshot(*case.rules, assigned=assigned)
    planner = Planner(known, 5, "sms", case.lane, is_test=False, now_us=NOON_US)
    plan = planner.plan(case.to, case.sender, case.country, case.template)
    assert (plan.route_ids, plan.rule_id) == (case.route_ids, case.rule_id)
    assert plan.decision


def test_switched_off_routes_are_passed_over_and_said_so() -> None:
    known = snapshot(
        rule(7, 1), rule(8, 2), routes=[route(1, active=False), route(2), route(3, active=False)],
        assigned={(5, "sms"): 3},
    )  # fmt: skip
    plan = Planner(known, 5, "sms", "otp", is_test=False).plan("+1", "")
    assert (plan.route_ids, plan.rule_id) == ((2,), 8)
    assert "assigned route is switched off" in plan.decision
    assert "rule 7" in plan.decision
    assert "switched off" in plan.decision


def test_test_keys_reach_only_the_simulated_carrier() -> None:
    known = snapshot(rule(7, 1), assigned={(5, "sms"): 2})
    assert Planner(known, 5, "sms", "otp", is_test=True).plan("+1", "").route_ids == (9,)
    none = snapshot(rule(7, 1), routes=[route(1)])
    assert Planner(none, 5, "sms", "otp", is_test=True).plan("+1", "").route_ids == ()


def test_messages_that_match_the_same_rules_share_a_plan() -> None:
    planner = Planner(
        snapshot(rule(7, 1, prefixes=("91",)), rule(8, 2)), 5, "sms", "otp", is_test=False
    )
    first: Plan = planner.plan("+911", "A")
    assert planner.plan("+912", "B") is first
    assert planner.plan("+441", "A") is not first
