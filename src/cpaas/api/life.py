"""A message's life as its account sees it: what happened, without the operator's own affairs.

Which rule decided, which instance wrote and how routes are numbered is for the operator, who reads
it with `cpaas message timeline`; a customer is told the route by its name.
"""

from typing import Any, Final

import msgspec

from cpaas.api.times import iso
from cpaas.kit.money import show
from cpaas.messages.timeline import TimelineEntry
from cpaas.snapshot.types import Snapshot

#: all of an entry's details that are the customer's own.
_SHOWN: Final = frozenset(
    {
        "attempt", "segments", "part", "provider_message_id", "code", "error_code", "error",
        "state", "delay_ms", "http_status", "message_id",
    }
)  # fmt: skip
_NAMES_ROUTE: Final = frozenset({"routed", "sending", "failover"})
#: who acts for the account itself, or outside of the platform.
_ACTORS: Final = frozenset({"api", "smpp", "campaign", "portal", "carrier"})
_OWN: Final = ("key:", "user:")


class TimelineStep(msgspec.Struct, frozen=True):
    """One thing that happened to a message, who did it, and details."""

    at: str | None
    kind: str
    actor: str
    text: str
    details: dict[str, Any]


def step(entry: TimelineEntry, snapshot: Snapshot) -> TimelineStep:
    """An entry of the timeline for the message's account."""
    details = {name: value for name, value in entry.details.items() if name in _SHOWN}
    for name in ("price_micro", "refunded_micro"):
        if name in entry.details:
            details[name.removesuffix("_micro")] = show(entry.details[name])
    text = entry.text
    if entry.kind in _NAMES_ROUTE:
        found = entry.details.get("next_route_id") or entry.details.get("route_id") or 0
        route = snapshot.routes.get(found)
        if route is not None:
            text = f"{text} Route: {route.name}."
    return TimelineStep(iso(entry.at), entry.kind, _actor(entry.actor), text, details)


def _actor(actor: str) -> str:
    if actor in _ACTORS or actor.startswith(_OWN):
        return actor
    return "platform" if actor.partition(":")[0] == "platform" else "operator"
