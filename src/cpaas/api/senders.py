"""The account's senders: request one, see what was decided, choose the default, delete."""

from typing import Annotated, Any, Final

import msgspec
from litestar import delete, get, post, put
from litestar.params import Parameter

from cpaas.api.auth import Caller, require_live
from cpaas.api.context import Api, ApiRequest
from cpaas.api.problem import ProblemError, refused
from cpaas.db.actor import acting
from cpaas.kit.errors import InputError
from cpaas.senders import check, decide, queries
from cpaas.senders.types import SenderRow

SENDERS_MAX: Final = 1000
_WHAT: Final = "senders"
_Channel = Annotated[str, Parameter(description="sms or voice")]


class SenderRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sender to be approved: 3 to 11 letters or digits, or a whole number with plus."""

    sender: Annotated[str, msgspec.Meta(examples=["MYBRAND"])]
    channel: str = "sms"
    pe_id: Annotated[str, msgspec.Meta(description="India: PE ID of the DLT, 19 digits.")] = ""


class SenderView(msgspec.Struct, frozen=True):
    """A sender. `warnings` name what a country's rule finds unusual; they prevent nothing."""

    sender: str
    channel: str
    status: str
    default: bool
    pe_id: str
    reason: str
    warnings: list[str]


class SenderList(msgspec.Struct, frozen=True):
    """All senders of the account, those that wait for a decision first."""

    data: list[SenderView]
    next_cursor: str | None = None


def _shown(row: SenderRow, caller: Caller) -> SenderView:
    countries = caller.account.countries
    warnings = check.warnings(row.value, countries) if row.channel == "sms" else []
    return SenderView(
        row.value, row.channel, row.status, row.is_default, row.pe_id, row.reason, warnings
    )


async def _found(connection: Any, caller: Caller, channel: str, sender: str) -> SenderRow:
    row = await queries.find_sender(connection, caller.account.id, channel, sender)
    if row is None:
        raise ProblemError(
            404, "sender_not_found", f"Your account has no {channel[:20]} sender {sender[:40]!r}."
        )
    return row


def _no_nul(*values: str) -> None:
    if any("\0" in value for value in values):
        raise refused("validation_error", "It contains a NUL character.", "sender")


@get("/v1/senders", summary="List senders", tags=["Senders"])
async def list_senders(
    api: Api,
    caller: Caller,
    status: Annotated[str, Parameter(description="PENDING, APPROVED or REJECTED")] = "",
) -> SenderList:
    """Senders of the account with what was decided and why."""
    _no_nul(status)
    rows = await queries.senders(
        api.pool, account_id=caller.account.id, status=status.upper(), most=SENDERS_MAX
    )
    return SenderList([_shown(row, caller) for row in rows])


@post("/v1/senders", summary="Request a sender", tags=["Senders"])
async def request_sender(
    api: Api, caller: Caller, request: ApiRequest, data: SenderRequest
) -> SenderView:
    """Asks the operator for a sender; it can be used once it is APPROVED."""
    require_live(caller, _WHAT)
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        try:
            await decide.request(
                connection, caller.account.id, data.channel, data.sender, pe_id=data.pe_id
            )
        except InputError as error:
            field = "sender" if error.field == "value" else error.field
            raise refused("validation_error", f"{error.what}; {error.todo}.", field) from None
        return _shown(await _found(connection, caller, data.channel, data.sender), caller)


@put("/v1/senders/{sender:str}/default", summary="Choose the default sender", tags=["Senders"])
async def set_default_sender(
    api: Api, caller: Caller, request: ApiRequest, sender: str, channel: _Channel = "sms"
) -> SenderView:
    """Takes this approved sender where a message names none."""
    require_live(caller, _WHAT)
    _no_nul(sender, channel)
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        await _found(connection, caller, channel, sender)
        await decide.make_default(connection, caller.account.id, channel, sender)
        return _shown(await _found(connection, caller, channel, sender), caller)


@delete("/v1/senders/{sender:str}", summary="Delete a sender", tags=["Senders"])
async def delete_sender(
    api: Api, caller: Caller, request: ApiRequest, sender: str, channel: _Channel = "sms"
) -> None:
    """Takes a sender away; messages accepted with it still go."""
    require_live(caller, _WHAT)
    _no_nul(sender, channel)
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        await _found(connection, caller, channel, sender)
        await decide.remove(connection, caller.account.id, channel, sender)


HANDLERS: Final[list[Any]] = [list_senders, request_sender, set_default_sender, delete_sender]
