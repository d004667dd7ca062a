"""The account's SMPP binds: who is bound from where, what they did, and why they were refused."""

from typing import Any, Final

import msgspec
from litestar import get

from cpaas.accounts import queries
from cpaas.api.auth import Caller
from cpaas.api.context import Api
from cpaas.api.times import iso


class BindView(msgspec.Struct, frozen=True):
    """A bind that lives; counts since it was bound. `last_refusal`: code and what was wrong."""

    system_id: str
    bind_type: str
    address: str
    submitted: int
    refused: int
    delivered: int
    unanswered: int
    last_refusal: str | None
    bound_at: str | None


class BindList(msgspec.Struct, frozen=True):
    """All binds of the account, the oldest first."""

    data: list[BindView]
    next_cursor: str | None = None


@get("/v1/smpp/binds", summary="List SMPP binds", tags=["SMPP"])
async def list_binds(api: Api, caller: Caller) -> BindList:
    """The account's ESMEs that are bound now, seen within the last seconds."""
    rows = await queries.smpp_binds(api.pool, caller.account.id)
    return BindList(
        [
            BindView(
                row.system_id, row.bind_type, row.address, row.submitted, row.refused,
                row.delivered, row.unanswered, row.last_refusal or None, iso(row.bound_us),
            )
            for row in rows
        ]
    )  # fmt: skip


HANDLERS: Final[list[Any]] = [list_binds]
