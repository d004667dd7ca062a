"""What a customer reads of a message's life, and what stays with the operator."""

from typing import Any, Final

import pytest
from tests.pipeline.world import snapshot

from cpaas.api.life import step
from cpaas.messages.timeline import TimelineEntry

AT = 1_790_000_000_000_000
OPERATORS: Final[dict[str, Any]] = {
    "route_id": 2, "rule_id": 7, "decision": "rule 7 (priority 10)", "actor_id": 3,
    "carrier_code": "ESME_RTHROTTLED 0x58", "fault": "KeyError()",
}  # fmt: skip


def entry(kind: str = "routed", actor: str = "platform", **details: Any) -> TimelineEntry:
    return TimelineEntry(AT, kind, actor, "Text.", details)


def test_operators_facts_are_left_out_and_the_route_is_named() -> None:
    shown = step(entry(**OPERATORS, attempt=1, price_micro=120_000), snapshot())
    assert shown.text == "Text. Route: smpp2."
    assert shown.details == {"attempt": 1, "price": "0.1200"}


def test_a_failover_names_where_it_goes() -> None:
    shown = step(entry("failover", route_id=1, next_route_id=2), snapshot())
    assert shown.text.endswith("Route: smpp2.")
    assert step(entry("failover", route_id=99), snapshot()).text == "Text."


@pytest.mark.parametrize(
    ("actor", "shown"),
    [
        ("platform:71", "platform"),
        ("platform", "platform"),
        ("carrier", "carrier"),
        ("api", "api"),
        ("key:5", "key:5"),
        ("admin:ann", "operator"),
        ("cli:root", "operator"),
    ],
)
def test_who(actor: str, shown: str) -> None:
    assert step(entry(actor=actor), snapshot()).actor == shown
