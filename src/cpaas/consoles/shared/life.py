"""A message's whole life as a list of steps, told to the operator or to the customer.

The operator sees routes, rules and raw details; the customer the same story from their side.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from cpaas.consoles.shared import formats
from cpaas.messages.timeline import TimelineEntry


class Step(msgspec.Struct, frozen=True):
    """One point of the timeline. `facts` fold out; `checks` are the chips of acceptance."""

    clock: str
    moment: str
    distance: str
    icon: str
    tone: str
    title: str
    text: str
    checks: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


class Teller(msgspec.Struct, frozen=True, kw_only=True):
    """How to tell: the zone and currency of the reader, route names, and whose side."""

    zone: str
    currency: str
    routes: Mapping[int, str] = {}
    operator: bool = False


#: the origin of a route's test message.
OPERATOR: Final = "operator"
_CHECKS: Final = ("Number", "Sender", "Limits", "Blacklist", "Price", "Balance")
_ORIGINS: Final = {
    "api": "Accepted by the API", "smpp": "Accepted from an SMPP bind",
    "campaign": "Accepted from a campaign", "portal": "Accepted from the portal",
}  # fmt: skip
#: kind -> (icon, tone, title)
_KINDS: Final[dict[str, tuple[str, str, str]]] = {
    "accepted": ("check", "is-ok", "Accepted"),
    "due": ("schedule", "is-ok", "Its time has come"),
    "routed": ("alt_route", "is-ok", "Route chosen"),
    "sending": ("upload", "is-ok", "Given to the carrier"),
    "submitted": ("send", "is-ok", "The carrier has it"),
    "delivered": ("mark_chat_read", "is-ok", "Delivered"),
    "read": ("done_all", "is-ok", "Read"),
    "failed": ("close", "is-bad", "Failed"),
    "rejected": ("block", "is-bad", "Rejected"),
    "blocked": ("block", "is-bad", "Blocked"),
    "expired": ("timer_off", "is-idle", "Expired"),
    "cancelled": ("cancel", "is-idle", "Cancelled"),
    "retry": ("replay", "is-wait", "Tried again"),
    "throttled": ("replay", "is-wait", "The carrier is throttling"),
    "put_back": ("replay", "is-wait", "Not written, waits again"),
    "failover": ("alt_route", "is-wait", "Moved to another route"),
    "unknown_outcome": ("help", "is-wait", "The outcome is not known"),
    "fallback": ("alt_route", "is-wait", "Its fallback follows"),
    "fallback_skipped": ("block", "is-wait", "A step of its fallback was not tried"),
    "revoke": ("undo", "is-wait", "Its carrier is asked to take it back"),
    "no_receipt": ("timer_off", "is-idle", "No receipt came"),
    "no_route": ("block", "is-bad", "No route leads there"),
    "held": ("pause", "is-wait", "It is held back"),
    "resent": ("replay", "is-wait", "Sent again"),
    "recategorised": ("sell", "is-idle", "The carrier booked another category"),
    "given_up": ("close", "is-bad", "Given up"),
    "late_answer": ("schedule", "is-idle", "A late answer"),
    "late_receipt": ("schedule", "is-idle", "A late receipt"),
    "part_submitted": ("send", "is-ok", "The carrier has a part"),
    "part_final": ("mark_chat_read", "is-ok", "A part's receipt"),
    "webhook": ("webhook", "is-ok", "Webhook"),
}
_WORDS: Final = {
    "attempt": "Attempt", "part": "Part", "provider_message_id": "Provider message id",
    "error_code": "Error code", "error": "Error", "code": "Carrier's code", "state": "State",
    "delay_ms": "Delay, ms", "http_status": "HTTP status", "segments": "Segments",
    "decision": "Decision", "rule_id": "Rule", "route_id": "Route", "next_route_id": "Next route",
    "actor_id": "Key or person",
}  # fmt: skip
_OPERATORS_OWN: Final = frozenset({"decision", "rule_id", "route_id", "next_route_id", "actor_id"})


def steps(entries: list[TimelineEntry], teller: Teller) -> list[Step]:
    """The life, oldest first; each step says how long after acceptance it came."""
    begun = entries[0].at if entries else 0
    return [_step(entry, begun, teller) for entry in entries]


def _step(entry: TimelineEntry, begun: int, teller: Teller) -> Step:
    icon, tone, title = _KINDS.get(entry.kind, ("circle", "is-idle", entry.kind.capitalize()))
    tell: Callable[[TimelineEntry, Teller], tuple[str, str]] | None = _TELLERS.get(entry.kind)
    text = entry.text
    if tell is not None:
        better, text = tell(entry, teller)
        title = better or title
    if entry.kind == "webhook" and "succeeded" not in entry.text and "200" not in str(
        entry.details.get("http_status")
    ):  # fmt: skip
        tone = "is-wait"
    since = entry.at - begun
    return Step(
        clock=formats.clock(entry.at, teller.zone),
        moment=f"{formats.moment(entry.at, teller.zone):%d %b %Y}, {teller.zone}",
        distance=f"+{formats.span(since)}" if since > 0 else "",
        icon=icon,
        tone=tone,
        title=title,
        text=text,
        checks=_checks(entry),
        facts=_facts(entry, teller),
    )


def _facts(entry: TimelineEntry, teller: Teller) -> tuple[tuple[str, str], ...]:
    found = []
    for name, value in entry.details.items():
        if value in (None, "", 0) or name.endswith("_micro"):
            continue
        if name in _OPERATORS_OWN and not teller.operator:
            continue
        shown = str(value)
        if name in ("route_id", "next_route_id"):
            shown = teller.routes.get(int(value), f"number {value}")
        found.append((_WORDS.get(name, name.replace("_", " ").capitalize()), shown))
    if teller.operator and entry.actor:
        found.append(("By", entry.actor))
    return tuple(found)


def _checks(entry: TimelineEntry) -> tuple[str, ...]:
    """What acceptance looked at; an operator's test passes all of it by."""
    if entry.kind != "accepted" or entry.actor == OPERATOR:
        return ()
    return _CHECKS if entry.details.get("price_micro") else _CHECKS[:4]


def _accepted(entry: TimelineEntry, teller: Teller) -> tuple[str, str]:
    if entry.actor == OPERATOR:
        return "Sent by the operator", "Straight to the route's queue, past rules and prices."
    price = formats.amount(entry.details.get("price_micro", 0), teller.currency)
    segments = entry.details.get("segments", 1)
    many = "segment" if segments == 1 else "segments"
    text = f"Checked, stored and charged together: {price} for {segments} {many}."
    return _ORIGINS.get(entry.actor, "Accepted"), text


def _routed(entry: TimelineEntry, teller: Teller) -> tuple[str, str]:
    name = teller.routes.get(entry.details.get("route_id") or 0, "")
    title = f"Route {name} chosen" if name else "Route chosen"
    if teller.operator and entry.details.get("decision"):
        return title, f"{entry.details['decision']}."
    return title, "By your operator's rules."


def _sending(entry: TimelineEntry, teller: Teller) -> tuple[str, str]:
    name = teller.routes.get(entry.details.get("route_id") or 0, "")
    where = f" on {name}" if name else ""
    return f"Attempt {entry.details.get('attempt', 1)}: given to the carrier", f"Written{where}."


def _submitted(entry: TimelineEntry, _teller: Teller) -> tuple[str, str]:
    found = entry.details.get("provider_message_id")
    attempt = entry.details.get("attempt", 1)
    text = f"It answered with its message id {found}." if found else "It took the message."
    return f"Attempt {attempt}: the carrier has it", text


def _delivered(_entry: TimelineEntry, _teller: Teller) -> tuple[str, str]:
    return "", "The carrier's receipt says that it arrived."


def _ended(entry: TimelineEntry, teller: Teller) -> tuple[str, str]:
    refunded = entry.details.get("refunded_micro", 0)
    money = f" {formats.amount(refunded, teller.currency)} came back." if refunded else ""
    return "", f"{entry.text}{money}"


_TELLERS: Final[dict[str, Callable[[TimelineEntry, Teller], tuple[str, str]]]] = {
    "accepted": _accepted, "routed": _routed, "sending": _sending, "submitted": _submitted,
    "delivered": _delivered,
    **dict.fromkeys(("failed", "rejected", "expired", "cancelled", "blocked"), _ended),
}  # fmt: skip


def as_json(entries: list[TimelineEntry], message_id: str, status: str, *, operator: bool) -> str:
    """The life for copying: what the page shows, as data."""
    told = [
        {
            "at_us": entry.at,
            "kind": entry.kind,
            "actor": entry.actor,
            "text": entry.text,
            "details": {
                name: value
                for name, value in entry.details.items()
                if operator or name not in _OPERATORS_OWN
            },
        }
        for entry in entries
    ]
    document = {"id": message_id, "status": status, "timeline": told}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
