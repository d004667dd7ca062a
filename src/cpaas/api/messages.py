"""Messages: look one up, read its life, list, cancel. Sending is in `submit.py`."""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import Parameter

from cpaas.api import queries
from cpaas.api.auth import Caller
from cpaas.api.context import Api
from cpaas.api.life import TimelineStep, step
from cpaas.api.problem import ProblemError, refused
from cpaas.api.times import cursor_of, iso, message_id, micros, read_cursor
from cpaas.kit.ids import lowest_at
from cpaas.kit.money import show
from cpaas.messages.statuses import TRANSITIONS
from cpaas.messages.timeline import timeline
from cpaas.pipeline.cancel import TooLateError, cancel
from cpaas.pipeline.transitions import Context

DAY_US: Final = 86_400_000_000
LIMIT_MAX: Final = 200
_HIGHEST: Final = b"\xff" * 16


class FallbackView(msgspec.Struct, frozen=True):
    """A step: the message it was made as, or why it was not tried (`skipped`)."""

    channel: str
    sender: str = msgspec.field(name="from")
    after_seconds: int | None
    message_id: str | None
    skipped: str | None


class MessageView(msgspec.Struct, frozen=True):
    """A message as its account sees it. `price` is net of refunds; times are UTC."""

    id: str
    status: str
    channel: str
    to: str
    sender: str = msgspec.field(name="from")
    text: str
    encoding: str
    segments: int
    price: str
    currency: str
    reference: str
    traffic_class: str
    attempt: int
    created_at: str
    send_at: str | None
    valid_until: str
    submitted_at: str | None
    delivered_at: str | None
    read_at: str | None
    final_at: str | None
    provider_message_id: str | None
    error_code: str
    error: str
    campaign_id: int | None
    parent_id: str | None
    fallback: list[FallbackView]
    test: bool


class MessageList(msgspec.Struct, frozen=True):
    """One page of messages, newest first; `next_cursor` null = no more."""

    data: list[MessageView]
    next_cursor: str | None


class Timeline(msgspec.Struct, frozen=True):
    """A message's whole life, oldest first."""

    id: str
    data: list[TimelineStep]


def view(row: Any, currency: str) -> MessageView:
    """A row of `queries.message` as the API shows it."""
    parent = row["parent_id"]
    return MessageView(
        str(UUID(bytes=row["id"])), row["status"], row["channel"], row["recipient"], row["sender"],
        row["body"], row["encoding"], row["segments"],
        show(row["price_micro"] - row["refunded_micro"]), currency, row["reference"], row["lane"],
        row["attempt"], iso(row["created_at"]) or "", iso(row["send_at"]),
        iso(row["valid_until"]) or "", iso(row["submitted_at"]), iso(row["delivered_at"]),
        iso(row["read_at"]), iso(row["final_at"]), row["provider_message_id"], row["error_code"],
        row["error"], row["campaign_id"] or None, str(UUID(bytes=parent)) if parent else None,
        _fallback(row), row["is_test"],
    )  # fmt: skip


def _fallback(row: Any) -> list[FallbackView]:
    """The steps, as the family's first message keeps them."""
    if row["fallback"] is None or row["parent_id"] is not None:
        return []
    return [
        FallbackView(
            step["channel"], step["from"], step.get("after_seconds"), step.get("message_id"),
            step.get("skipped"),
        )
        for step in row["fallback"]["steps"]
    ]  # fmt: skip


def _missing() -> ProblemError:
    return ProblemError(
        404, "message_not_found", "There is no message with this id.", title="Not found"
    )


@get("/v1/messages/{id:str}", summary="Look a message up", tags=["Messages"])
async def get_message(
    api: Api,
    caller: Caller,
    id: Annotated[str, Parameter(description="The message's id")],  # noqa: A002
) -> MessageView:
    """One message as it is now."""
    row = await queries.message(api.pool, caller.account.id, message_id(id))
    if row is None or not _sees(caller, row):
        raise _missing()
    return view(row, api.currency)


def _sees(caller: Caller, row: Any) -> bool:
    """A test key reaches test messages only; a live key all of its account."""
    return bool(row["is_test"]) or not caller.is_test


@get("/v1/messages/{id:str}/timeline", summary="Read a message's life", tags=["Messages"])
async def get_timeline(api: Api, caller: Caller, id: str) -> Timeline:  # noqa: A002
    """What happened to a message: accepted, routed, sent, answered, receipts, webhooks."""
    key = message_id(id)
    row = await queries.message(api.pool, caller.account.id, key)
    if row is None or not _sees(caller, row):
        raise _missing()
    async with api.pool.acquire() as connection:
        entries = await timeline(connection, caller.account.id, key)
    if entries is None:
        raise _missing()
    return Timeline(
        str(UUID(bytes=key)),
        [step(entry, api.snapshots.current) for entry in entries],
    )


@get("/v1/messages", summary="Search messages", tags=["Messages"])
async def list_messages(  # noqa: PLR0913, PLR0917 - query parameters
    api: Api,
    caller: Caller,
    to: Annotated[
        str | None, Parameter(description="Exact recipient, such as +919876543210")
    ] = None,
    status: Annotated[str | None, Parameter(description="A status, such as DELIVERED")] = None,
    reference: Annotated[str | None, Parameter(description="Your exact reference")] = None,
    since: Annotated[
        str | None, Parameter(description="Accepted at or after; default: 24 h ago")
    ] = None,
    until: Annotated[str | None, Parameter(description="Accepted before; default: now")] = None,
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
) -> MessageList:
    """Messages of your account (of your test key: test messages), newest first."""
    if status is not None and status not in TRANSITIONS:
        raise refused(
            "validation_error", f"There is no status {status[:40]!r}; use one of "
            f"{', '.join(TRANSITIONS)}.", "status",
        )  # fmt: skip
    for name, value in (("to", to), ("reference", reference)):
        if value and "\0" in value:
            raise refused("validation_error", f"{name} contains a NUL character.", name)
    now_us = api.now_us()
    first_us = micros(since, "since") if since else now_us - DAY_US
    below = lowest_at(micros(until, "until") // 1000).bytes if until else _HIGHEST
    if cursor:
        below = min(below, read_cursor(cursor))
    if to and not to.startswith("+"):
        to = f"+{to}"
    rows = await queries.messages(
        api.pool, caller.account.id, lowest=lowest_at(first_us // 1000).bytes, below=below,
        is_test=caller.is_test, recipient=to, status=status, reference=reference, limit=limit + 1,
    )  # fmt: skip
    more = len(rows) > limit
    page = rows[:limit]
    return MessageList(
        [view(row, api.currency) for row in page], cursor_of(page[-1]["id"]) if more else None
    )


@post(
    "/v1/messages/{id:str}/cancel", summary="Cancel a message", tags=["Messages"], status_code=200
)
async def cancel_message(api: Api, caller: Caller, id: str) -> MessageView:  # noqa: A002
    """Takes back a message that no carrier has yet; its price is refunded. 409 once claimed."""
    key, account_id = message_id(id), caller.account.id
    row = await queries.message(api.pool, account_id, key)
    if row is None or not _sees(caller, row):
        raise _missing()
    now_us = api.now_us()
    context = Context(api.snapshots.current, api.instance_id, now_us)
    try:
        applied = await cancel(api.pool, context, key, actor=f"key:{caller.key.id}")
    except TooLateError:
        raise ProblemError(
            409, "already_claimed", "A carrier has the message or a part of it already.",
            title="Too late to cancel",
        ) from None  # fmt: skip
    row = await queries.message(api.pool, account_id, key)
    if not applied and row["status"] != "CANCELLED":
        raise ProblemError(
            409, "already_claimed",
            f"The message is {row['status']}; only a SCHEDULED or QUEUED one can be cancelled.",
            title="Too late to cancel",
        )  # fmt: skip
    return view(row, api.currency)


HANDLERS: Final = [get_message, get_timeline, list_messages, cancel_message]
