"""A question about routing as a person asks it, checked and completed as acceptance would do it."""

from typing import Final

import msgspec

from cpaas.kit.errors import InputError
from cpaas.kit.phone import Number, read
from cpaas.messages.envelopes import CHANNELS, LANES
from cpaas.routing.explain import Explanation, Question, explain
from cpaas.routing.plan import Planner
from cpaas.routing.senders import (
    WITH_IDENTITIES,
    find_identity,
    find_sender,
    route_sender,
    usual_sender,
)
from cpaas.snapshot.types import Account, Snapshot

#: live states of a route that has lost its carrier.
_AWAY: Final = frozenset({"down", "fault"})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A message that somebody asks about; `sender` "" = the usual one, as for any message."""

    account: str
    to: str
    channel: str = "sms"
    sender: str = ""
    traffic_class: str = "transactional"
    template: str = ""
    test_key: bool = False


class ToldRoute(msgspec.Struct, frozen=True):
    """A route in an answer: its place in the plan (null: none), why, and its live state."""

    route: str
    place: int | None
    why: str
    state: str


class ToldRule(msgspec.Struct, frozen=True):
    """A rule in an answer: decides, follows or passed over, and why."""

    rule: int
    target: str
    verdict: str
    why: str


class Told(msgspec.Struct, frozen=True):
    """How a message would go now: the rule that decides (null: none), the strategy, the plan."""

    account: str
    channel: str
    to: str
    sender: str = msgspec.field(name="from")
    traffic_class: str
    country: str
    rule: int | None
    strategy: str | None
    plan: list[str]
    decision: str
    rules: list[ToldRule]
    routes: list[ToldRoute]


def answer(snapshot: Snapshot, asked: Asked, now_us: int, states: dict[str, str]) -> Told:
    """How the message would go now; states: routes' live states by name. Errors: InputError."""
    wanted = question(snapshot, asked, now_us)
    down = [one.id for one in snapshot.routes.values() if states.get(one.name) in _AWAY]
    return _told(snapshot, wanted, explain(snapshot, wanted, down), states)


def question(snapshot: Snapshot, asked: Asked, now_us: int) -> Question:
    """What is asked, in the terms of the pipeline. Errors: InputError with the field."""
    account = _account(snapshot, asked.account)
    if asked.channel not in CHANNELS:
        raise InputError(
            f"{asked.channel!r} is no channel", f"use one of {', '.join(CHANNELS)}", "channel"
        )
    if asked.traffic_class not in LANES:
        raise InputError(
            f"{asked.traffic_class!r} is no traffic class", f"use one of {', '.join(LANES)}",
            "traffic_class",
        )  # fmt: skip
    number = read(asked.to, test_allowed=True)
    return Question(
        account.id, asked.channel, number.e164, now_us,
        _sender(snapshot, account.id, asked, number, now_us), asked.traffic_class,
        number.country, asked.template, asked.test_key,
    )  # fmt: skip


def _sender(snapshot: Snapshot, account_id: int, asked: Asked, number: Number, now_us: int) -> str:
    """As acceptance would fill it in; one that the account does not have, as it is asked."""
    if asked.sender:
        find = find_identity if asked.channel in WITH_IDENTITIES else find_sender
        found = find(snapshot, account_id, asked.channel, asked.sender)
        return asked.sender if found is None else found.value
    usual = usual_sender(snapshot, account_id, asked.channel)
    if usual:
        return usual
    planner = Planner(
        snapshot, account_id, asked.channel, asked.traffic_class, is_test=asked.test_key,
        now_us=now_us,
    )  # fmt: skip
    return route_sender(planner, snapshot, number.e164, number.country, asked.template)


def _told(snapshot: Snapshot, asked: Question, found: Explanation, states: dict[str, str]) -> Told:
    plan = found.plan
    strategy = snapshot.strategies.get(plan.strategy_id)
    return Told(
        snapshot.accounts[asked.account_id].name, asked.channel, asked.to, asked.sender,
        asked.lane, asked.country, plan.rule_id or None, strategy.name if strategy else None,
        [snapshot.routes[one].name for one in plan.route_ids], plan.decision,
        [ToldRule(one.rule, one.target, one.verdict, one.why) for one in found.rules],
        [
            ToldRoute(one.route, one.place or None, one.why, states.get(one.route, ""))
            for one in found.routes
        ],
    )  # fmt: skip


def _account(snapshot: Snapshot, name: str) -> Account:
    for account in snapshot.accounts.values():
        if account.name == name:
            return account
    raise InputError(f"there is no account {name!r}", "list them: cpaas account list", "account")
