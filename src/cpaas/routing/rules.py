"""Routing rules against a message: which match, in the order of the snapshot.

Conditions that hold for a whole envelope (account, channel, lane) are asked once for it; only
prefixes and senders are asked for each message.
"""

from collections.abc import Sequence

from cpaas.snapshot.types import Rule, Snapshot


def candidates(snapshot: Snapshot, account_id: int, channel: str, lane: str) -> tuple[Rule, ...]:
    """The rules that may match messages of an envelope, in order of evaluation."""
    return tuple(
        rule
        for rule in snapshot.rules.get(channel, ())
        if rule.account_id in (None, account_id) and (not rule.lanes or lane in rule.lanes)
    )


def unconditional(rules: Sequence[Rule]) -> bool:
    """Whether no rule looks at the number or the sender, so that all messages go one way."""
    return not any(rule.prefixes or rule.senders for rule in rules)


def matches(rule: Rule, number: str, sender: str) -> bool:
    """Whether a candidate's own conditions hold; `number` is digits without plus."""
    if rule.prefixes and not number.startswith(rule.prefixes):
        return False
    return not rule.senders or sender in rule.senders


def why(rule: Rule) -> str:
    """What a matching rule says about itself: "rule 7 (priority 10, prefix 91)"."""
    conditions = [f"priority {rule.priority}"]
    if rule.account_id is None:
        conditions.append("ALL accounts")
    if rule.prefixes:
        conditions.append("prefix " + "/".join(rule.prefixes[:5]))
    if rule.senders:
        conditions.append("sender " + "/".join(sorted(rule.senders)[:5]))
    if rule.lanes:
        conditions.append("class " + "/".join(sorted(rule.lanes)))
    return f"rule {rule.id} ({', '.join(conditions)})"
