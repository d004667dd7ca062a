"""What an account does with its webhook: set it, try it, look at deliveries, replay one.

The signing secret is shown when it is made and never again; a new one leaves the old valid for a
day, so that a customer can change it without losing an event.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cpaas.broker.embedded import publish
from cpaas.kit.errors import InputError
from cpaas.kit.guard import Guard, GuardError
from cpaas.kit.secrets import Keyring
from cpaas.messages.door_wish import shown
from cpaas.webhooks import settings_queries as queries
from cpaas.webhooks.attempt import wall_us
from cpaas.webhooks.events import EVENT_TYPES, TEST, account_event, event_items, uuid_text
from cpaas.webhooks.keys import TABLE
from cpaas.webhooks.queries import REPLAYED_US, lowest_id
from cpaas.webhooks.sign import new_key, show_key
from cpaas.webhooks.types import Attempt, Delivery, Endpoint

ROTATION_HOURS: Final = 24
LIMIT_MAX: Final = 200
ATTEMPTS_SHOWN_MAX: Final = 200
RESOLVE_SECONDS_MAX: Final = 5.0
STATUSES: Final = ("", "delivered", "retrying", "failed", "skipped")
_LAST_ID: Final = b"\xff" * 16


async def check_url(guard: Guard, url: str) -> None:
    """Refuses a URL that must not be called. Errors: InputError naming the field."""
    try:
        async with asyncio.timeout(RESOLVE_SECONDS_MAX):
            await guard.check_url(url)
    except GuardError as error:
        raise InputError("this URL cannot be a webhook", str(error), "url") from None
    except TimeoutError:
        raise InputError(
            "the name in the URL could not be resolved in time", "try again, or check its DNS",
            "url",
        ) from None  # fmt: skip


async def get_endpoint(connection: Any, account_id: int) -> Endpoint | None:
    """The account's endpoint, never its secret; None when nothing was ever set."""
    row = await queries.endpoint(connection, account_id)
    return None if row is None else _endpoint(row)


async def put_endpoint(
    connection: Any,
    keyring: Keyring,
    guard: Guard,
    account_id: int,
    url: str,
    *,
    events: Sequence[str] | None = None,
    rotate: bool = False,
) -> tuple[Endpoint, str | None]:
    """Sets the URL ("" = none) and switches it on; the secret only if it is new.

    events None keeps the choice, [] means the default. Call it within `db.actor.acting`.
    """
    if events is not None and (unknown := sorted(set(events) - EVENT_TYPES)):
        raise InputError(
            f"there is no event {unknown[0]!r}", f"use some of {', '.join(sorted(EVENT_TYPES))}",
            "events",
        )  # fmt: skip
    if url:
        await check_url(guard, url)
    shown: bytes | None = None
    key = new_key()
    sealed = keyring.encrypt(key, table=TABLE, row=str(account_id))
    row = await queries.endpoint(connection, account_id, lock=True)
    if row is None:
        chosen = sorted(set(events or ()))
        if await queries.insert_endpoint(connection, account_id, url, chosen, sealed):
            shown = key
        row = await queries.endpoint(connection, account_id, lock=True)
    if shown is None:
        kept = row["events"] if events is None else sorted(set(events))
        await queries.update_endpoint(connection, account_id, url, kept)
        if rotate:
            await queries.rotate_secret(connection, account_id, sealed, ROTATION_HOURS)
            shown = key
        elif not row["url"]:
            # Made for a message that named its own URL: its owner has not seen it yet.
            shown = keyring.decrypt(row["secret"], table=TABLE, row=str(account_id))
    row = await queries.endpoint(connection, account_id)
    return _endpoint(row), None if shown is None else show_key(shown)


async def send_test(connection: Any, account_id: int) -> str:
    """Queues a webhook.test event for the endpoint; returns the id of its delivery."""
    row = await queries.endpoint(connection, account_id)
    if row is None or not row["active"]:
        raise InputError("no webhook is switched on", "set its URL first", "url")
    event = account_event(TEST, {"text": "This is a test; nothing happened."}, wall_us())
    await publish(connection, event_items(account_id, [event]))
    return uuid_text(event.id)


async def deliveries(
    connection: Any, account_id: int, *, cursor: str = "", limit: int = 50, status: str = ""
) -> tuple[list[Delivery], str | None]:
    """A page of deliveries, newest first, and the cursor of the next page."""
    if status not in STATUSES:
        raise InputError(f"there is no status {status!r}", f"use one of {STATUSES[1:]}", "status")
    before = _id(cursor, "cursor") if cursor else _LAST_ID
    oldest = lowest_id(wall_us() - REPLAYED_US)
    limit = max(1, min(limit, LIMIT_MAX))
    rows = await queries.deliveries(connection, account_id, before, oldest, limit + 1, status)
    page = [_delivery(row) for row in rows[:limit]]
    return page, page[-1].id if len(rows) > limit else None


async def message_deliveries(connection: Any, account_id: int, message_id: bytes) -> list[Delivery]:
    """All deliveries of one message, oldest first: part of its timeline."""
    rows = await queries.message_deliveries(connection, account_id, message_id, LIMIT_MAX)
    return [_delivery(row) for row in rows]


async def delivery(connection: Any, account_id: int, delivery_id: str) -> tuple[Delivery, bytes]:
    """One delivery and the exact body that was posted. Errors: InputError."""
    row = await queries.delivery(connection, account_id, _id(delivery_id, "id"))
    if row is None:
        raise _missing(delivery_id)
    return _delivery(row), row["body"]


async def attempts(connection: Any, account_id: int, delivery_id: str) -> list[Attempt]:
    """Every attempt of a delivery, oldest first. Errors: InputError."""
    raw = _id(delivery_id, "id")
    row = await queries.delivery(connection, account_id, raw)
    if row is None:
        raise _missing(delivery_id)
    rows = await queries.attempts(connection, account_id, raw, ATTEMPTS_SHOWN_MAX)
    if not rows and row["attempts"]:
        # The first one stands in the delivery until there is a second.
        at = _moment(row["last_attempt_at"]) or _moment(row["created_at"]) or datetime.now(UTC)
        return [Attempt(at, row["last_status"], row["last_error"], row["last_duration_ms"], False)]
    return [
        Attempt(_at(r["at"]), r["status"], r["error"], r["duration_ms"], r["replay"]) for r in rows
    ]


async def replay(connection: Any, account_id: int, delivery_id: str) -> None:
    """Posts a delivery once more, within a few seconds. Errors: InputError."""
    oldest_us = wall_us() - REPLAYED_US
    if not await queries.replay(connection, account_id, _id(delivery_id, "id"), oldest_us):
        raise _missing(delivery_id)


def _missing(delivery_id: str) -> InputError:
    return InputError(
        f"there is no webhook delivery {delivery_id} of the last 30 days",
        "list them: GET /v1/webhook/deliveries", "id",
    )  # fmt: skip


def _id(text: str, field: str) -> bytes:
    try:
        return UUID(text).bytes
    except ValueError:
        raise InputError(f"{text[:40]!r} is not an id", "copy it from the list", field) from None


def _at(micros: int) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else _at(micros)


def _endpoint(row: Any) -> Endpoint:
    return Endpoint(
        row["url"], list(row["events"]), row["active"], row["disabled_reason"],
        _moment(row["created_at"]), _moment(row["previous_until"]),
    )  # fmt: skip


def _delivery(row: Any) -> Delivery:
    return Delivery(
        uuid_text(row["id"]), uuid_text(row["message_id"]) if row["message_id"] else None,
        row["event_type"], shown(row["url"]), row["status"], row["attempts"], row["last_status"],
        row["last_error"], row["last_duration_ms"], _moment(row["last_attempt_at"]),
        _moment(row["next_attempt_at"]), _at(row["created_at"]),
    )  # fmt: skip
