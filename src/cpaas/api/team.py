"""`/v1/team`: who logs in to the account, who is invited, and in which role.

A person's token does what its owner may; a program's key never makes, changes or removes an owner,
or whoever holds a key could lock the owners out.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import delete, get, patch, post
from litestar.params import Parameter

from cpaas.accounts import team, team_queries
from cpaas.accounts.team_types import Invitation, Invited, Member
from cpaas.api.auth import Caller, require_live
from cpaas.api.context import Api, ApiRequest
from cpaas.api.problem import ProblemError
from cpaas.api.times import iso
from cpaas.db.actor import acting
from cpaas.kit.errors import InputError

_WHAT: Final = "the team"
_ID_MAX: Final = 2**63 - 1
_Role = Annotated[str, msgspec.Meta(description="owner, developer, marketer, finance or viewer.")]
_Id = Annotated[int, Parameter(ge=1, le=_ID_MAX)]


class InvitationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to invite, as what."""

    email: Annotated[str, msgspec.Meta(examples=["dev@shop.example"])]
    role: _Role


class RoleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another role."""

    role: _Role


class MemberView(msgspec.Struct, frozen=True):
    """A person who may log in to the portal."""

    id: int
    username: str
    email: str
    role: str
    second_factor: bool
    last_login_at: str | None


class InvitationView(msgspec.Struct, frozen=True):
    """An invitation that waits; `expired`: send it again or revoke it."""

    id: int
    email: str
    role: str
    expired: bool
    created_at: str | None
    expires_at: str | None


class InvitationLink(msgspec.Struct, frozen=True):
    """An invitation and its link, which is told this once: hand it to the person."""

    invitation: InvitationView
    link: str


class Team(msgspec.Struct, frozen=True):
    """The people of the account, and who is invited."""

    data: list[MemberView]
    invitations: list[InvitationView]


def _member(one: Member) -> MemberView:
    return MemberView(
        one.id, one.username, one.email, one.role, one.has_second_factor, iso(one.login_us)
    )


def _view(one: Invitation) -> InvitationView:
    return InvitationView(
        one.id, one.email, one.role, one.over, iso(one.created_us), iso(one.expires_us)
    )


def _link(api: Api, made: Invited) -> InvitationLink:
    address = f"{api.portal_url}/settings/invitation/{made.token}/"
    return InvitationLink(_view(made.invitation), address)


async def _allow(connection: Any, caller: Caller, *roles: str) -> None:
    """Whether the caller may change what concerns these roles. Errors: ProblemError 403."""
    require_live(caller, _WHAT)
    if caller.key.user_id:
        role = await team_queries.role_of(connection, caller.account.id, caller.key.user_id)
        if role != "owner":
            raise ProblemError(
                403, "owner_required", "Only an owner changes the team.", title="Owners only"
            )
    elif "owner" in roles:
        raise ProblemError(
            403, "owner_required",
            "A program's key makes, changes and removes no owner; an owner does, on the portal.",
            title="Owners only",
        )  # fmt: skip


def _problem(error: InputError) -> ProblemError:
    if error.field in {"invitation", "member"}:
        return ProblemError(404, f"{error.field}_not_found", f"{error.what}; {error.todo}.")
    if error.field == "role" and "last owner" in error.what:
        return ProblemError(409, "last_owner", f"{error.what}; {error.todo}.")
    raise error


@get("/v1/team", summary="List the team", tags=["Team"])
async def get_team(api: Api, caller: Caller) -> Team:
    """The people who log in to this account's portal, and who is invited."""
    require_live(caller, _WHAT)
    async with api.pool.acquire() as connection:
        people = await team_queries.members(connection, caller.account.id)
        waiting = await team_queries.invitations(connection, caller.account.id)
    return Team([_member(one) for one in people], [_view(one) for one in waiting])


@post("/v1/team/invitations", summary="Invite a person", tags=["Team"])
async def post_invitation(
    api: Api, caller: Caller, request: ApiRequest, data: InvitationRequest
) -> InvitationLink:
    """Makes a link with which one person joins within seven days; it is used once."""
    actor = f"key:{caller.key.id}"
    async with api.pool.acquire() as connection, acting(connection, actor, api.client(request)):
        await _allow(connection, caller, data.role)
        made = await team.invite(connection, caller.account.id, data.email, data.role, by=actor)
    return _link(api, made)


@post("/v1/team/invitations/{id:int}/resend", summary="Make an invitation's link anew",
      tags=["Team"], status_code=200)  # fmt: skip
async def resend_invitation(
    api: Api, caller: Caller, request: ApiRequest, id: _Id  # noqa: A002
) -> InvitationLink:  # fmt: skip
    """Another link for another seven days; the one before stops working."""
    actor = f"key:{caller.key.id}"
    async with api.pool.acquire() as connection, acting(connection, actor, api.client(request)):
        await _allow(connection, caller, *await _role_of(connection, caller, id))
        try:
            made = await team.renew(connection, caller.account.id, id)
        except InputError as error:
            raise _problem(error) from None
    return _link(api, made)


async def _role_of(connection: Any, caller: Caller, invitation_id: int) -> list[str]:
    waiting = await team_queries.invitations(connection, caller.account.id)
    return [one.role for one in waiting if one.id == invitation_id]


@delete("/v1/team/invitations/{id:int}", summary="Revoke an invitation", tags=["Team"])
async def revoke_invitation(
    api: Api, caller: Caller, request: ApiRequest, id: _Id  # noqa: A002
) -> None:  # fmt: skip
    """The link stops working at once."""
    actor = f"key:{caller.key.id}"
    async with api.pool.acquire() as connection, acting(connection, actor, api.client(request)):
        await _allow(connection, caller)
        try:
            await team.revoke(connection, caller.account.id, id)
        except InputError as error:
            raise _problem(error) from None


@patch("/v1/team/{id:int}", summary="Change a person's role", tags=["Team"])
async def patch_member(
    api: Api, caller: Caller, request: ApiRequest, id: _Id, data: RoleRequest  # noqa: A002
) -> MemberView:  # fmt: skip
    """Holds from the person's next page on. The last owner stays one (409 `last_owner`)."""
    actor, account_id = f"key:{caller.key.id}", caller.account.id
    async with api.pool.acquire() as connection, acting(connection, actor, api.client(request)):
        now = await team_queries.role_of(connection, account_id, id)
        await _allow(connection, caller, data.role, now)
        try:
            member = await team.change_role(connection, account_id, id, data.role)
        except InputError as error:
            raise _problem(error) from None
    return _member(msgspec.structs.replace(member, role=data.role))


@delete("/v1/team/{id:int}", summary="Remove a person", tags=["Team"])
async def remove_member(
    api: Api, caller: Caller, request: ApiRequest, id: _Id  # noqa: A002
) -> None:  # fmt: skip
    """Ends the person's sessions at once. The last owner cannot be removed (409 `last_owner`)."""
    actor, account_id = f"key:{caller.key.id}", caller.account.id
    async with api.pool.acquire() as connection, acting(connection, actor, api.client(request)):
        await _allow(connection, caller, await team_queries.role_of(connection, account_id, id))
        try:
            await team.remove(connection, account_id, id)
        except InputError as error:
            raise _problem(error) from None


HANDLERS: Final[list[Any]] = [
    get_team, post_invitation, resend_invitation, revoke_invitation, patch_member, remove_member,
]  # fmt: skip
