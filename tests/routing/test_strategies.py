"""Each strategy's order of routes, against what its name promises."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.test_plan import NOON_US, led, route, rule, snapshot, strategy

from cpaas.kit.hours import read
from cpaas.routing.plan import Plan, Planner, overflow_of
from cpaas.snapshot.types import Member, Prices, Snapshot, Strategy

NUMBERS = [f"+91987654{n:04}" for n in range(2000)]


def planner(known: Snapshot, account_id: int = 5) -> Planner:
    return Planner(known, account_id, "sms", "otp", is_test=False, now_us=NOON_US)


def plans(one: Strategy, numbers: list[str] = NUMBERS, **more: object) -> list[Plan]:
    made = planner(snapshot(led(), strategies=[one], **more))  # type: ignore[arg-type]
    return [made.plan(number, "") for number in numbers]


def test_failover_goes_in_order_and_says_why() -> None:
    first, *_ = plans(strategy("failover", 2, 1, 3))
    assert first.route_ids == (2, 1, 3)
    assert (first.rule_id, first.strategy_id, first.overflow) == (7, 1, 3)
    assert first.decision == (
        "r2, r1, r3: strategy s1 (failover), rule 7 (priority 100, ALL accounts)"
    )


def test_round_robin_takes_turns_and_the_next_takes_over() -> None:
    made = plans(strategy("round_robin", 1, 2, 3), NUMBERS[:6])
    assert [plan.route_ids for plan in made] == [(1, 2, 3), (2, 3, 1), (3, 1, 2)] * 2


def test_weighted_splits_exactly_and_zero_only_takes_over() -> None:
    made = plans(strategy("weighted", Member(1, 70), Member(2, 30), Member(3, 0)), NUMBERS[:1000])
    assert Counter(plan.route_ids for plan in made) == {(1, 2, 3): 700, (2, 1, 3): 300}
    for start in range(0, 1000, 10):
        assert Counter(p.route_ids[0] for p in made[start : start + 10]) == {1: 7, 2: 3}


def test_customers_whose_messages_alternate_each_get_the_split() -> None:
    one = strategy("weighted", Member(1, 1), Member(2, 1))
    known = snapshot(led(), strategies=[one])
    made = planner(known)
    firsts = [made.plan(number, "").route_ids[0] for number in NUMBERS]
    assert 300 < Counter(firsts[::2])[1] < 700


def test_what_only_takes_over_uses_up_no_turns() -> None:
    one = strategy("failover", 3, id=2, name="s2")
    two = strategy("round_robin", 1, 2)
    rules = [led(id_=6, to=2, senders=frozenset({"A"})), led(id_=7)]
    made = planner(snapshot(*rules, strategies=[one, two]))
    firsts = []
    for number in NUMBERS[:8]:
        assert made.plan(number, "A").route_ids[0] == 3
        firsts.append(made.plan(number, "").route_ids[0])
    assert firsts == [1, 2] * 4


def test_least_cost_is_by_number_and_unknown_costs_go_last() -> None:
    routes = [route(1, cost_micro=50), route(2), route(3, cost_micro=40), route(4)]
    costs = {
        1: Prices(None, (4, 2), {"9198": 10, "44": 90}, {}),
        2: Prices(None, (2,), {"91": 20, "44": 0}, {}),
    }
    one = strategy("least_cost", 4, 1, 2, 3)
    numbers = ["+919876543210", "+917776543210", "+447700900123", "+15551234567"]
    made = plans(one, numbers, routes=routes, route_costs=costs)
    assert [plan.route_ids for plan in made] == [
        (1, 2, 3, 4), (2, 3, 1, 4), (2, 3, 1, 4), (3, 1, 4, 2)
    ]  # fmt: skip


@given(st.integers(10**9, 10**14), st.permutations([1, 2, 3]))
def test_sticky_depends_on_the_number_alone(number: int, order: list[int]) -> None:
    ((first,), (second,)) = (
        {p.route_ids[0] for p in plans(strategy("sticky", *some), [f"+{number}"])}
        for some in ([1, 2, 3], order)
    )
    assert first == second


def test_sticky_spreads_and_keeps_others_where_they_are() -> None:
    before = plans(strategy("sticky", 1, 2, 3))
    counts = Counter(plan.route_ids[0] for plan in before)
    assert all(550 < counts[one] < 790 for one in (1, 2, 3))
    off = [route(1, active=False), route(2), route(3)]
    after = plans(strategy("sticky", 1, 2, 3), routes=off)
    for old, new in zip(before, after, strict=True):
        # Only those of the route that went move, and to where they would have failed over.
        assert new.route_ids[0] == next(one for one in old.route_ids if one != 1)
    moved = Counter(n.route_ids[0] for o, n in zip(before, after, strict=True)
                    if o.route_ids[0] == 1)  # fmt: skip
    assert min(moved.values()) > 200
    weighed = plans(strategy("sticky", Member(1, 3), Member(2, 1), Member(3, 0)))
    counts = Counter(plan.route_ids[0] for plan in weighed)
    assert 1400 < counts[1] < 1600
    assert counts[3] == 0


def test_time_of_day_puts_the_hours_own_first() -> None:
    day, night = read([], ["08:00-20:00"]), read([], ["20:00-08:00"])
    one = strategy("time_of_day", Member(2, hours=night), Member(1, hours=day), Member(3))
    assert plans(one)[0].route_ids == (1, 3, 2)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (strategy("failover", 1, active=False), "its strategy is switched off"),
        (strategy("failover", 8, 9, 77), "no route of its strategy is switched on"),
        (strategy("failover"), "no route of its strategy is switched on"),
    ],
)
def test_a_strategy_without_a_route_is_passed_over(one: Strategy, said: str) -> None:
    routes = [route(1), route(8, active=False), route(9, simulated=True)]
    made = planner(snapshot(led(), rule(8, 1), routes=routes, strategies=[one])).plan("+1", "")
    assert (made.route_ids, made.rule_id, made.strategy_id) == ((1,), 8, 0)
    assert said in made.decision


def test_the_assigned_route_stands_before_and_rules_behind() -> None:
    known = snapshot(
        led(), rule(8, 3), strategies=[strategy("failover", 1, 2)], assigned={(5, "sms"): 3}
    )
    assert planner(known).plan("+1", "").route_ids == (3, 1, 2)
    plan = planner(known, 6).plan("+1", "")
    assert (plan.route_ids, plan.overflow) == ((1, 2, 3), 2)
    assert overflow_of(known, 1, (2, 1, 3)) == 2
    assert overflow_of(known, 0, (2, 1, 3)) == 0


def test_without_weights_the_listed_order_holds() -> None:
    assert plans(strategy("weighted", Member(2, 0), Member(1, 0)))[0].route_ids == (2, 1)
    assert plans(strategy("sticky", Member(2, 0), Member(1, 0)))[0].route_ids == (2, 1)
    one = strategy("best_delivery", Member(1, 50, 0), Member(2, 50, 100))
    assert plans(one)[0].route_ids == (2, 1)
