"""What explain says, where the planner has more to say than which rules match."""

from typing import Any

from tests.routing.test_plan import NOON_US, route, rule, snapshot

from cpaas.routing.asked import Asked, answer
from cpaas.snapshot.types import Account, Identity, Sender, Snapshot


def account() -> Account:
    return Account(
        5, "acme", True, False, (), frozenset(), 0, 0, frozenset({"sms", "whatsapp"}), "", "", "",
        False, "",
    )  # fmt: skip


def world(*, identities: dict[str, tuple[int, bool]] | None = None, **more: Any) -> Snapshot:
    """Routes 1 to 3 of SMS and 4 and 5 of WhatsApp; identities: value -> (route, active)."""
    routes = [route(1), route(2, default_sender="ROUTED"), route(3)]
    routes += [route(n, channel="whatsapp") for n in (4, 5)]
    rules = more.pop("rules", ())
    made = snapshot(routes=routes, **more)
    made.accounts[5] = account()
    for one in rules:
        made.rules[one.channel] = (*made.rules.get(one.channel, ()), one)
    for n, (value, (route_id, active)) in enumerate((identities or {}).items()):
        one = Identity(n, "whatsapp", value, "", route_id, active, {}, b"", {5: False})
        made.identities["whatsapp", value.removeprefix("+")] = one
        if active:
            mine = made.own_identities.get((5, "whatsapp"), ())
            made.own_identities[5, "whatsapp"] = (*mine, one)
    return made


def told(known: Snapshot, **fields: Any) -> Any:
    asked = Asked(account="acme", to="+919876543210", **fields)
    return answer(known, asked, NOON_US, {})


def verdicts(found: Any) -> list[tuple[str, str]]:
    return [(one.verdict, one.why) for one in found.rules]


def test_a_sender_with_a_route_of_its_own_passes_every_rule_over() -> None:
    rules = [rule(7, 4, channel="whatsapp"), rule(8, 5, channel="whatsapp")]
    known = world(rules=rules, identities={"+911": (5, True), "+912": (4, False)})
    # Named or not: the account's only one that is switched on is meant.
    for sender in ("", "911", "+911"):
        found = told(known, channel="whatsapp", sender=sender)
        assert (found.sender, found.plan, found.rule) == ("+911", ["r5"], None)
        why = "the sender +911 is bound to a route of its own"
        assert verdicts(found) == [("passed over", why)] * 2
        assert [one.why for one in found.routes] == [
            "is tried first", "the sender +911 is bound to another route"
        ]  # fmt: skip
    found = told(known, channel="whatsapp", sender="+912")
    assert (found.plan, found.decision) == ([], "+912 is switched off")
    # What is bound to nothing goes by the rules.
    assert told(known, channel="whatsapp", sender="+919").plan == ["r4", "r5"]


def test_the_sender_is_filled_in_as_acceptance_does() -> None:
    senders = {
        "A": Sender(1, 5, "sms", "A", "APPROVED", False, ""),
        "B": Sender(2, 5, "sms", "B", "PENDING", False, ""),
    }
    rules = [rule(7, 3, senders=frozenset({"ROUTED"})), rule(8, 2)]
    known = world(rules=rules)
    # Nobody but the route of the plan has one: with it the message is routed.
    found = told(known)
    assert (found.sender, found.plan, found.rule) == ("ROUTED", ["r3", "r2"], 7)
    known.senders[5, "sms"] = senders
    found = told(known)
    assert (found.sender, found.plan) == ("A", ["r2"])
