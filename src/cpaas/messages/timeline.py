"""One message's life as a list, oldest first, made from what its writers left behind.

Nothing writes a timeline: the straight path stands in the message's own columns, and only what is
off it in events, so that an ordinary message costs no row more.
"""

from typing import Any, Final

import msgspec

from cpaas.messages import timeline_queries as queries

EVENTS_MAX: Final = 500
PARTS_MAX: Final = 300
#: a change and the event that tells of it are written together; only these ids are looked through.
DELIVERY_BEFORE_MS: Final = 1_000
DELIVERY_WINDOW_MS: Final = 61_000
_ID_BYTES: Final = 16


class TimelineEntry(msgspec.Struct, frozen=True):
    """One thing that happened. `at` is in Unix microseconds; `details` are for operators."""

    at: int
    kind: str
    actor: str
    text: str
    details: dict[str, Any]


async def timeline(
    connection: Any, account_id: int, message_id: bytes
) -> list[TimelineEntry] | None:
    """What happened to an account's message; None if the account has no such message."""
    row = await queries.message(connection, account_id, message_id)
    if row is None:
        return None
    accepted_ms = int.from_bytes(message_id[:6], "big")
    lowest = _lowest(accepted_ms)
    entries = _straight(row)
    for event in await queries.events(connection, account_id, message_id, lowest, EVENTS_MAX):
        entries.append(_event(event))
    for part in await queries.parts(connection, account_id, message_id, PARTS_MAX):
        entries += _part(part)
    for told in await _deliveries(connection, account_id, message_id, row):
        entries.append(_delivery(told))
    return sorted(entries, key=lambda entry: entry.at)


async def _deliveries(connection: Any, account_id: int, message_id: bytes, row: Any) -> list[Any]:
    """Webhook deliveries, whose ids were made when a status was written."""
    found: dict[bytes, Any] = {}
    changes = {row[name] for name in ("submitted_at", "delivered_at", "read_at", "final_at")}
    for at_us in changes - {None}:
        first = at_us // 1000 - DELIVERY_BEFORE_MS
        within = _lowest(first), _lowest(first + DELIVERY_WINDOW_MS)
        for told in await queries.deliveries(connection, account_id, message_id, *within):
            found[told["id"]] = told
    return [found[delivery_id] for delivery_id in sorted(found)]


def _lowest(milliseconds: int) -> bytes:
    return milliseconds.to_bytes(6, "big").ljust(_ID_BYTES, b"\0")


def _straight(row: Any) -> list[TimelineEntry]:
    """The columns of the message, in the order of its life."""
    routed = {"route_id": row["route_id"], "rule_id": row["rule_id"], "decision": row["decision"]}
    attempt = {"attempt": row["attempt"], "route_id": row["route_id"]}
    scheduled = row["send_at"] is not None
    warned = f" DLT warning: {row['dlt_warning']}" if row["dlt_warning"] else ""
    steps: list[tuple[int | None, str, str, str, dict[str, Any]]] = [
        (
            row["created_at"], "accepted", row["origin"], f"Accepted, checked and charged.{warned}",
            {"price_micro": row["price_micro"], "segments": row["segments"],
             "actor_id": row["actor_id"]},
        ),
        (row["send_at"] if scheduled else None, "due", "platform", "The time it was set for.", {}),
        (row["routed_at"], "routed", "platform", "A route was chosen.", routed),
        (
            row["claimed_at"], "sending", _instance(row["claimed_by"]), "Given to the carrier.",
            attempt,
        ),
        (
            row["submitted_at"], "submitted", "carrier", "The carrier has it.",
            attempt | {"provider_message_id": row["provider_message_id"]},
        ),
        (row["delivered_at"], "delivered", "carrier", "Delivered.", {}),
        (row["read_at"], "read", "carrier", "Read.", {}),
    ]  # fmt: skip
    if row["final_at"] is not None and row["status"] not in {"DELIVERED", "READ"}:
        text = row["error"] or row["status"].capitalize() + "."
        details = {"error_code": row["error_code"], "refunded_micro": row["refunded_micro"]}
        by = _instance(row["final_by"])
        steps.append((row["final_at"], row["status"].lower(), by, text, details))
    return [
        TimelineEntry(at, kind, actor, text, details)
        for at, kind, actor, text, details in steps
        if at is not None
    ]


def _instance(instance_id: int) -> str:
    return f"platform:{instance_id}" if instance_id else "platform"


def _event(row: Any) -> TimelineEntry:
    details = msgspec.json.decode(row["details"]) if row["details"] else {}
    details |= {"attempt": row["attempt"], "route_id": row["route_id"]}
    return TimelineEntry(row["at"], row["kind"], row["actor"] or "platform", row["text"], details)


def _part(row: Any) -> list[TimelineEntry]:
    number = row["part_no"]
    name = f"Part {number}" if number else f"Attempt {row['attempt']}"
    details = {
        "attempt": row["attempt"],
        "part": number,
        "route_id": row["route_id"],
        "provider_message_id": row["provider_message_id"],
    }
    entries = []
    if row["submitted_at"] is not None:
        text = f"{name}: the carrier has it."
        entries.append(
            TimelineEntry(row["submitted_at"], "part_submitted", "carrier", text, details)
        )
    if row["final_at"] is not None:
        text = f"{name}: {row['status'].lower()}."
        more = details | {"error_code": row["error_code"]}
        entries.append(TimelineEntry(row["final_at"], "part_final", "carrier", text, more))
    return entries


def _delivery(row: Any) -> TimelineEntry:
    attempts, status = row["attempts"], row["status"].lower()
    tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    fate = f"{status} after {tries}" if attempts else "waits to be posted"
    text = f"Webhook {row['event_type']}: {fate}."
    details = {"http_status": row["last_status"], "error": row["last_error"]}
    at = row["last_attempt_at"] or row["created_at"]
    return TimelineEntry(at, "webhook", "platform", text, details)
