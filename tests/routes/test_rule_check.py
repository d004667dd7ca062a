"""Rules and strategies that cannot work are refused with what to write instead."""

from typing import Any

import pytest

from cpaas.kit.errors import InputError
from cpaas.routes import rule_check, strategy_check
from cpaas.routes.types import NewMember, NewRule, NewStrategy, RuleChanges, StrategyChanges


def rule(**fields: Any) -> NewRule:
    return NewRule(**({"channel": "sms", "route": "r"} | fields))


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (rule(channel="fax"), "channel"),
        (rule(priority=-1), "priority"),
        (rule(prefixes=["9x"]), "prefixes"),
        (rule(prefixes=["1"] * 1001), "prefixes"),
        (rule(countries=["XX"]), "countries"),
        (rule(senders=[""]), "senders"),
        (rule(senders=["A\0"]), "senders"),
        (rule(templates=["x" * 65]), "templates"),
        (rule(lanes=["bulk"]), "lanes"),
        (rule(days=["monday"]), "days"),
        (rule(days=["mon-"]), "days"),
        (rule(hours=["9-17"]), "hours"),
        (rule(hours=["09:00-24:30"]), "hours"),
        (rule(hours=["09:00-09:00"]), "hours"),
        (rule(hours=["09:00-10:00"] * 21), "hours"),
    ],
)
def test_rules_that_cannot_be(wanted: NewRule, field: str) -> None:
    with pytest.raises(InputError) as refused:
        rule_check.new_rule(wanted)
    assert refused.value.field == field
    assert refused.value.todo


def test_rules_get_their_normal_form() -> None:
    made = rule_check.new_rule(rule(prefixes=["+91"], countries=["in"], days=["fri-mon"]))
    assert (made.prefixes, made.countries) == (["91"], ["IN"])
    assert made.days == ["mon", "fri", "sat", "sun"]
    assert rule_check.changes(RuleChanges(prefixes=[])).prefixes == []
    assert rule_check.changes(RuleChanges(priority=3)).days is None


def strategy(*members: NewMember, **fields: Any) -> NewStrategy:
    values: dict[str, Any] = {"name": "s", "channel": "sms", "kind": "weighted"}
    return NewStrategy(**(values | {"members": list(members)} | fields))


A, B = NewMember(route="a"), NewMember(route="b")


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (strategy(A, name="My strategy"), "name"),
        (strategy(A, channel="fax"), "channel"),
        (strategy(A, kind="random"), "kind"),
        (strategy(), "members"),
        (strategy(*(NewMember(route=f"r{n}") for n in range(9))), "members"),
        (strategy(A, B, A), "members"),
        (strategy(A, NewMember(route="b", weight=-1)), "members"),
        (strategy(NewMember(route="a", weight=0)), "members"),
        (strategy(A, NewMember(route="b", hours=["09:00-10:00"])), "members"),
        (strategy(NewMember(route="a", hours=["25:00-26:00"]), kind="time_of_day"), "hours"),
        (strategy(NewMember(route="a", days=["x"]), kind="time_of_day"), "days"),
    ],
)
def test_strategies_that_cannot_be(wanted: NewStrategy, field: str) -> None:
    with pytest.raises(InputError) as refused:
        strategy_check.new_strategy(wanted)
    assert refused.value.field == field
    assert refused.value.todo


def test_a_change_must_fit_the_kind() -> None:
    night = NewMember(route="a", days=["sat-sun"])
    with pytest.raises(InputError, match="no hours"):
        strategy_check.changes(StrategyChanges(members=[night]), "failover")
    made = strategy_check.changes(StrategyChanges(members=[night]), "time_of_day")
    assert made.members is not None
    assert made.members[0].days == ["sat", "sun"]
