"""100,000 random messages over random rules, against an oracle that knows no shortcut."""

import random
from typing import Any

import pytest
from tests.routing.test_plan import NOON_US, route, rule, snapshot

from cpaas.kit.hours import Hours, moment_of, read
from cpaas.routing.explain import Question, explain
from cpaas.routing.plan import ROUTES_MAX
from cpaas.routing.planners import Planners
from cpaas.snapshot.types import Member, Rule, Snapshot, Strategy

LANES = ("otp", "transactional", "promotional")
SENDERS = ("A", "B", "")
COUNTRIES = ("IN", "US", "GB")
TEMPLATES = ("t1", "t2", "")
HOURS_US = 3_600_000_000


def some(chance: random.Random, values: tuple[str, ...], share: float = 0.3) -> frozenset[str]:
    return frozenset(chance.sample(values, chance.randint(1, 2))) if chance.random() < share else (
        frozenset()
    )  # fmt: skip


def number(chance: random.Random) -> str:
    return chance.choice(("91", "9198", "1", "44")) + str(chance.randint(10**5, 10**7))


def random_rule(chance: random.Random, id_: int) -> Rule:
    hours = Hours()
    if chance.random() < 0.3:
        start = chance.randint(0, 23)
        hours = read([chance.choice(("mon", "thu", "fri-sun"))] * chance.randint(0, 1),
                     [f"{start:02}:00-{(start + chance.randint(1, 12)) % 24:02}:30"])  # fmt: skip
    prefixes = tuple(chance.sample(("91", "9198", "1", "44", "447"), chance.randint(1, 2)))
    return rule(
        id_, chance.randint(1, 7), account_id=chance.choice((None, 1, 2)),
        priority=chance.randint(1, 5), prefixes=prefixes if chance.random() < 0.4 else (),
        senders=some(chance, SENDERS), lanes=some(chance, LANES),
        countries=some(chance, COUNTRIES), templates=some(chance, TEMPLATES), hours=hours,
    )  # fmt: skip


def world(chance: random.Random) -> Snapshot:
    routes = [
        route(n, active=chance.random() < 0.8, simulated=n == 7, channel="rcs" if n == 6 else "sms")
        for n in range(1, 8)
    ]
    rules = [random_rule(chance, n) for n in range(1, chance.randint(2, 15))]
    # A strategy of one route orders nothing by itself, so that the oracle needs to know none.
    strategies = [
        Strategy(n, f"s{n}", "sms", "failover", n != 3, (Member(n), Member(n % 7 + 1)))
        for n in (1, 2, 3)
    ]
    rules = [
        rule(one.id, 0, **{f: getattr(one, f) for f in one.__struct_fields__[4:] if f !=
             "strategy_id"}, account_id=one.account_id, strategy_id=chance.randint(1, 4))
        if chance.random() < 0.3 else one
        for one in rules
    ]  # fmt: skip
    rules.sort(key=lambda one: (one.priority, one.account_id is None, one.id))
    assigned = {(1, "sms"): chance.randint(1, 8)} if chance.random() < 0.5 else {}
    return snapshot(*rules, routes=routes, assigned=assigned, strategies=strategies)


def naive(known: Snapshot, account: int, lane: str, now_us: int, **m: Any) -> tuple[list[int], int]:
    """The routes and the deciding rule, by reading the rules as they are written."""

    def usable(route_id: int) -> bool:
        one = known.routes.get(route_id)
        return one is not None and one.active and not one.simulated and one.channel == "sms"

    plan, decides = [], 0
    if usable(known.assigned.get((account, "sms"), 0)):
        plan.append(known.assigned[account, "sms"])
    moment = moment_of(now_us, "Asia/Kolkata")
    for one in known.rules["sms"]:
        conditions = [
            one.account_id is None or one.account_id == account,
            not one.lanes or lane in one.lanes,
            one.hours.within(moment),
            not one.prefixes or any(m["number"].startswith(p) for p in one.prefixes),
            not one.countries or m["country"] in one.countries,
            not one.senders or m["sender"] in one.senders,
            not one.templates or m["template"] in one.templates,
        ]
        if not all(conditions):
            continue
        targets = [one.route_id]
        if one.strategy_id:
            strategy = known.strategies.get(one.strategy_id)
            members = strategy.members if strategy and strategy.active else ()
            targets = [member.route_id for member in members]
        new = [target for target in targets if usable(target) and target not in plan]
        if new and not plan:
            decides = one.id
        plan += new
    return plan[:ROUTES_MAX], decides


@pytest.mark.slow
def test_the_plan_is_the_oracles_and_explain_tells_the_same() -> None:
    chance = random.Random(20261126)
    for round_ in range(500):
        known = world(chance)
        planners = Planners("sms")
        for n in range(200):
            account, lane = chance.randint(1, 3), chance.choice(LANES)
            now_us = NOON_US + chance.randint(0, 2) * 7 * HOURS_US
            facts = {
                "number": number(chance), "sender": chance.choice(SENDERS),
                "country": chance.choice(COUNTRIES), "template": chance.choice(TEMPLATES),
            }  # fmt: skip
            planner = planners.get(known, now_us, account, lane, is_test=False)
            plan = planner.plan(
                "+" + facts["number"], facts["sender"], facts["country"], facts["template"]
            )
            assert (list(plan.route_ids), plan.rule_id) == naive(
                known, account, lane, now_us, **facts
            )
            if n % 20 == 0:
                asked = Question(
                    account, "sms", "+" + facts["number"], now_us, facts["sender"], lane,
                    facts["country"], facts["template"],
                )  # fmt: skip
                told = explain(known, asked)
                assert told.plan == plan, round_
                decides = [one.rule for one in told.rules if one.verdict == "decides"]
                assert decides == ([plan.rule_id] if plan.rule_id else [])
                assert len(told.rules) == len(known.rules["sms"])
                assert [one.place for one in told.routes if one.place] == [
                    *range(1, len(plan.route_ids) + 1)
                ]
                assert all(one.why for one in told.rules)
                assert all(one.why for one in told.routes)
