"""`/v1/top-ups`: an account asks for balance and reads what became of it."""

from typing import Annotated, Any, Final

import msgspec
from litestar import delete, get, post
from litestar.params import Parameter

from cpaas.api.auth import Caller, require_live
from cpaas.api.context import Api, ApiRequest
from cpaas.api.problem import ProblemError
from cpaas.api.times import cursor_of, iso, read_cursor
from cpaas.billing import check, top_up_queries, top_ups
from cpaas.billing.top_up_types import TopUp
from cpaas.db.actor import acting
from cpaas.kit.errors import InputError
from cpaas.kit.money import show

LIMIT_MAX: Final = 200
_CURSOR_BYTES: Final = 8
_HIGHEST: Final = 2**63 - 1
_Id = Annotated[int, Parameter(ge=1, le=_HIGHEST)]


class TopUpRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much balance is asked for, and what the operator should know."""

    amount: Annotated[str, msgspec.Meta(description="Above 0.", examples=["500.00"])]
    note: Annotated[
        str, msgspec.Meta(description="Such as how it was paid.", examples=["Bank transfer 4021"])
    ] = ""


class TopUpView(msgspec.Struct, frozen=True):
    """A request. status: PENDING, GRANTED, DECLINED or WITHDRAWN; `granted` was credited."""

    id: int
    amount: str
    currency: str
    note: str
    status: str
    granted: str | None
    reason: str
    created_at: str | None
    decided_at: str | None


class TopUpList(msgspec.Struct, frozen=True):
    """One page of requests, newest first."""

    data: list[TopUpView]
    next_cursor: str | None


def _view(one: TopUp, currency: str) -> TopUpView:
    return TopUpView(
        one.id, show(one.amount_micro), currency, one.note, one.status,
        show(one.granted_micro) if one.status == "GRANTED" else None, one.reason,
        iso(one.created_us), iso(one.decided_us),
    )  # fmt: skip


@get("/v1/top-ups", summary="List top-up requests", tags=["Money"])
async def list_top_ups(
    api: Api,
    caller: Caller,
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
) -> TopUpList:
    """What the account asked for, and what the operator decided."""
    below = int.from_bytes(read_cursor(cursor, _CURSOR_BYTES), "big") if cursor else _HIGHEST
    async with api.pool.acquire() as connection:
        rows = await top_up_queries.of_account(
            connection, caller.account.id, below=min(below, _HIGHEST), most=limit + 1
        )
    after = None
    if len(rows) > limit:
        after = cursor_of(rows[limit - 1].id.to_bytes(_CURSOR_BYTES, "big"))
    return TopUpList([_view(one, api.currency) for one in rows[:limit]], after)


@post("/v1/top-ups", summary="Ask for a top-up", tags=["Money"])
async def post_top_up(
    api: Api, caller: Caller, request: ApiRequest, data: TopUpRequest
) -> TopUpView:
    """Asks the operator for balance; nothing is credited until it is GRANTED."""
    require_live(caller, "the balance")
    amount, actor = check.amount(data.amount), f"key:{caller.key.id}"
    async with api.pool.acquire() as connection, acting(connection, actor, api.client(request)):
        made = await top_ups.ask(connection, caller.account.id, amount, data.note, by=actor)
    return _view(made, api.currency)


@delete("/v1/top-ups/{id:int}", summary="Withdraw a top-up request", tags=["Money"])
async def withdraw_top_up(
    api: Api, caller: Caller, request: ApiRequest, id: _Id  # noqa: A002
) -> None:  # fmt: skip
    """Takes a request back that the operator has not decided (else 409 `top_up_decided`)."""
    require_live(caller, "the balance")
    actor = f"key:{caller.key.id}"
    async with api.pool.acquire() as connection, acting(connection, actor, api.client(request)):
        try:
            await top_ups.withdraw(connection, caller.account.id, id)
        except InputError as error:
            status, code = (
                (409, "top_up_decided") if error.field == "status" else (404, "top_up_not_found")
            )
            raise ProblemError(status, code, f"{error.what}; {error.todo}.") from None


HANDLERS: Final[list[Any]] = [list_top_ups, post_top_up, withdraw_top_up]
