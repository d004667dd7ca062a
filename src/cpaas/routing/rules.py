"""Routing rules against a message: which match, in the order of the snapshot, and why one does not.

Conditions that hold for a whole envelope (account, class, hours) are asked once for it; number,
sender and template are asked for each message.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from cpaas.kit.hours import Moment
from cpaas.snapshot.types import Rule, Snapshot

_SHOWN_MAX: Final = 5


class Facts(msgspec.Struct, frozen=True):
    """What a rule may ask of a message; `number` is digits without plus."""

    number: str
    sender: str = ""
    country: str = ""
    template: str = ""


def candidates(
    snapshot: Snapshot, account_id: int, channel: str, lane: str, moment: Moment
) -> tuple[Rule, ...]:
    """The rules that may match messages of an envelope, in order of evaluation."""
    return tuple(
        rule
        for rule in snapshot.rules.get(channel, ())
        if not unfit(rule, account_id, lane, moment)
    )


def unfit(rule: Rule, account_id: int, lane: str, moment: Moment) -> str:
    """The condition that keeps a rule from a whole envelope; "" = none does."""
    if rule.account_id not in (None, account_id):
        return "account"
    if rule.lanes and lane not in rule.lanes:
        return "class"
    if not rule.hours.within(moment):
        return "hours"
    return ""


def mismatch(rule: Rule, facts: Facts) -> str:
    """The condition of a candidate that a message does not meet; "" = it matches."""
    if rule.prefixes and not facts.number.startswith(rule.prefixes):
        return "prefix"
    if rule.countries and facts.country not in rule.countries:
        return "country"
    if rule.senders and facts.sender not in rule.senders:
        return "sender"
    if rule.templates and facts.template not in rule.templates:
        return "template"
    return ""


class Looks(msgspec.Struct, frozen=True):
    """What of a message any of some rules looks at: all else makes no difference to them."""

    digits: int
    sender: bool
    country: bool
    template: bool

    def key(self, number: str, sender: str, country: str, template: str) -> tuple[str, ...]:
        """Equal for messages that the rules treat alike."""
        return (
            number[: self.digits],
            sender if self.sender else "",
            country if self.country else "",
            template if self.template else "",
        )


NOTHING: Final = Looks(digits=0, sender=False, country=False, template=False)


def looks_of(rules: Sequence[Rule]) -> Looks:
    """What these rules look at."""
    return Looks(
        max((len(prefix) for rule in rules for prefix in rule.prefixes), default=0),
        any(rule.senders for rule in rules),
        any(rule.countries for rule in rules),
        any(rule.templates for rule in rules),
    )


def why(rule: Rule) -> str:
    """What a matching rule says about itself: "rule 7 (priority 10, prefix 91)"."""
    conditions = [f"priority {rule.priority}"]
    if rule.account_id is None:
        conditions.append("ALL accounts")
    conditions += [f"{name} {value}" for name, value in _conditions(rule).items() if value]
    return f"rule {rule.id} ({', '.join(conditions)})"


def why_not(rule: Rule, condition: str, facts: Facts, lane: str, moment: Moment) -> str:
    """In plain words, why a rule is passed over."""
    wanted = _conditions(rule).get(condition, "")
    told = {
        "account": "it is for another account",
        "class": f"it is for the class {wanted}, and this is {lane}",
        "hours": f"it holds {wanted}, and now it is {moment.text}",
        "prefix": f"it is for numbers that begin with {wanted}, and this is {facts.number}",
        "country": f"it is for the country {wanted}, and this is {facts.country or 'none'}",
        "sender": f"it is for the sender {wanted}, and this is {facts.sender or 'none'}",
        "template": f"it is for the template {wanted}, and this is {facts.template or 'none'}",
    }
    return told[condition]


def _conditions(rule: Rule) -> dict[str, str]:
    return {
        "prefix": _some(rule.prefixes),
        "country": _some(sorted(rule.countries)),
        "sender": _some(sorted(rule.senders)),
        "template": _some(sorted(rule.templates)),
        "class": _some(sorted(rule.lanes)),
        "hours": rule.hours.text if rule.hours.days or rule.hours.spans else "",
    }


def _some(values: Sequence[str]) -> str:
    rest = len(values) - _SHOWN_MAX
    shown = "/".join(values[:_SHOWN_MAX])
    return f"{shown} and {rest} more" if rest > 0 else shown
