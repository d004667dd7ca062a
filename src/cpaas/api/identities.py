"""The account's channel identities: the WhatsApp numbers and RCS bots that it may send from."""

from typing import Annotated, Any, Final

import msgspec
from litestar import get
from litestar.params import Parameter

from cpaas.api.auth import Caller
from cpaas.api.context import Api
from cpaas.api.problem import refused
from cpaas.identities import queries


class IdentityView(msgspec.Struct, frozen=True):
    """An identity; `identity` is what a message names in `from`."""

    identity: str
    channel: str
    label: str
    active: bool
    default: bool


class IdentityList(msgspec.Struct, frozen=True):
    """All identities of the account."""

    data: list[IdentityView]
    next_cursor: str | None = None


@get("/v1/identities", summary="List channel identities", tags=["Identities"])
async def list_identities(
    api: Api,
    caller: Caller,
    channel: Annotated[str, Parameter(description="whatsapp or rcs")] = "",
) -> IdentityList:
    """WhatsApp numbers and RCS bots that the operator gave to the account."""
    if "\0" in channel:
        raise refused("validation_error", "It contains a NUL character.", "channel")
    rows = await queries.identities(api.pool, account_id=caller.account.id, channel=channel)
    name = caller.account.name
    return IdentityList(
        [
            IdentityView(row.value, row.channel, row.label, row.active, name in row.default_of)
            for row in rows
        ]
    )


HANDLERS: Final[list[Any]] = [list_identities]
