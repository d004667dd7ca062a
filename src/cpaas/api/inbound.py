"""Replies from recipients, as their account reads them."""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get
from litestar.params import Parameter

from cpaas.api.auth import Caller
from cpaas.api.context import Api
from cpaas.api.problem import refused
from cpaas.api.times import cursor_of, iso, micros, read_cursor
from cpaas.inbound import check, queries
from cpaas.kit.ids import lowest_at

LIMIT_MAX: Final = 200
WEEK_US: Final = 7 * 86_400_000_000
_HIGHEST: Final = b"\xff" * 16


class InboundView(msgspec.Struct, frozen=True):
    """A reply. `message_id`: the message it answers. `action`: stop or start, if it was one.

    content: what it holds beside its text (a tap's payload, a file, a location), null = nothing.
    """

    id: str
    channel: str
    sender: str = msgspec.field(name="from")
    to: str
    text: str
    keyword: str
    action: str
    complete: bool
    message_id: str | None
    received_at: str | None
    content: dict[str, Any] | None = None


class InboundList(msgspec.Struct, frozen=True):
    """One page of replies, newest first; `next_cursor` null = no more."""

    data: list[InboundView]
    next_cursor: str | None


@get("/v1/inbound", summary="Read replies", tags=["Messages"])
async def list_inbound(  # noqa: PLR0917 - query parameters
    api: Api,
    caller: Caller,
    sender: Annotated[
        str | None, Parameter(query="from", description="Exact number of the recipient")
    ] = None,
    to: Annotated[str | None, Parameter(description="The number that was written to")] = None,
    since: Annotated[
        str | None, Parameter(description="Received at or after; default: a week ago")
    ] = None,
    until: Annotated[str | None, Parameter(description="Received before; default: now")] = None,
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
) -> InboundList:
    """Replies to your account (with a test key: those of simulated carriers), newest first."""
    for name, value in (("from", sender), ("to", to)):
        if value and "\0" in value:
            raise refused("validation_error", f"{name} contains a NUL character.", name)
    first_us = micros(since, "since") if since else api.now_us() - WEEK_US
    below = lowest_at(micros(until, "until") // 1000).bytes if until else _HIGHEST
    if cursor:
        below = min(below, read_cursor(cursor))
    rows = await queries.of_account(
        api.pool, caller.account.id, lowest=lowest_at(first_us // 1000).bytes, below=below,
        is_test=caller.is_test, sender=check.plain(sender) if sender else None,
        recipient=check.plain(to) if to else None, limit=limit + 1,
    )  # fmt: skip
    page = rows[:limit]
    more = len(rows) > limit
    return InboundList([_view(row) for row in page], cursor_of(page[-1]["id"]) if more else None)


def _view(row: Any) -> InboundView:
    answered = row["message_id"]
    return InboundView(
        str(UUID(bytes=row["id"])), row["channel"], row["sender"], row["recipient"], row["body"],
        row["keyword"], row["action"], row["complete"],
        str(UUID(bytes=answered)) if answered else None, iso(row["received_at"]),
        row["content"],
    )  # fmt: skip


HANDLERS: Final = [list_inbound]
