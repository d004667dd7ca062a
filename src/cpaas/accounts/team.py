"""The team of an account: invited by a link, given roles, removed; the last owner stays.

The caller holds the transaction and has checked that who asks may: an owner, or (for anybody but
owners) a program with the account's live key.
"""

import asyncio
import hashlib
import secrets
from typing import Any, Final

import asyncpg

from cpaas.accounts import check, team_queries
from cpaas.accounts.team_types import ROLES, Invited, Member, Opened
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import hash_password

INVITATION_DAYS: Final = 7
WAITING_MAX: Final = 100
_SECONDS: Final = INVITATION_DAYS * 86_400
_TOKEN_CHARS_MAX: Final = 100


def role(value: str) -> str:
    """The role. Errors: InputError."""
    if value not in ROLES:
        raise InputError(f"{value[:40]!r} is no role", f"use one of {', '.join(ROLES)}", "role")
    return value


async def invite(connection: Any, account_id: int, email: str, wanted: str, *, by: str) -> Invited:
    """An invitation for `INVITATION_DAYS` days and one use. Errors: InputError."""
    given, address = role(wanted), check.email(email)
    if not address:
        raise InputError("an address is missing", "say whom to invite", "email")
    await team_queries.lock_members(connection, account_id)
    same = address.lower()
    if any(one.email.lower() == same for one in await team_queries.members(connection, account_id)):
        raise InputError(f"{address} is in the team already", "change the role there", "email")
    waiting = await team_queries.invitations(connection, account_id)
    if any(one.email.lower() == same for one in waiting):
        raise InputError(f"{address} is invited already", "send that invitation again", "email")
    if len(waiting) >= WAITING_MAX:
        raise InputError(f"{len(waiting)} invitations wait", "revoke those not needed", "email")
    token = secrets.token_urlsafe(32)
    made = await team_queries.invite(
        connection, account_id, address, given, digest(token), by=by, seconds=_SECONDS
    )
    return Invited(made, token)


async def renew(connection: Any, account_id: int, invitation_id: int) -> Invited:
    """Another link and another `INVITATION_DAYS` days; the link before is over."""
    token = secrets.token_urlsafe(32)
    made = await team_queries.renew(
        connection, account_id, invitation_id, digest(token), seconds=_SECONDS
    )
    if made is None:
        raise _gone()
    return Invited(made, token)


async def revoke(connection: Any, account_id: int, invitation_id: int) -> str:
    """Takes an invitation back; returns its address."""
    email = await team_queries.revoke(connection, account_id, invitation_id)
    if not email:
        raise _gone()
    return email


def _gone() -> InputError:
    return InputError("this invitation waits no more", "look at the list again", "invitation")


async def change_role(connection: Any, account_id: int, user_id: int, wanted: str) -> Member:
    """Another role for a member. Errors: InputError, also for the last owner's."""
    given = role(wanted)
    member = await _locked(connection, account_id, user_id)
    if given != "owner":
        await _refuse_last_owner(connection, account_id, member)
    await team_queries.set_role(connection, account_id, user_id, given)
    return member


async def remove(connection: Any, account_id: int, user_id: int) -> Member:
    """Ends a membership at once, with its sessions and tokens; the last owner's not."""
    member = await _locked(connection, account_id, user_id)
    await _refuse_last_owner(connection, account_id, member)
    await team_queries.remove(connection, account_id, user_id)
    return member


async def _locked(connection: Any, account_id: int, user_id: int) -> Member:
    await team_queries.lock_members(connection, account_id)
    for one in await team_queries.members(connection, account_id):
        if one.id == user_id:
            return one
    raise InputError("there is no such person in the team", "look at the list again", "member")


async def _refuse_last_owner(connection: Any, account_id: int, member: Member) -> None:
    people = await team_queries.members(connection, account_id)
    if member.role == "owner" and sum(one.role == "owner" for one in people) == 1:
        raise InputError(
            f"{member.username} is the last owner", "make somebody else an owner first", "role"
        )


def digest(token: str) -> bytes:
    """What a link is stored under."""
    return hashlib.sha256(token[:_TOKEN_CHARS_MAX].encode(errors="replace")).digest()


async def accept(
    connection: Any, account_id: int, found: Opened, username: str, password: str
) -> None:
    """The invited person joins under a name and password of their own. Errors: InputError.

    Who was removed and is invited again at the same address comes back under the old name.
    """
    name = check.username(username.strip())
    check.password(password, [name, found.email])
    new = await asyncio.to_thread(hash_password, password)
    if not await team_queries.use(connection, account_id, found.id):
        raise InputError("this invitation was used just now", "log in instead", "username")
    known = await team_queries.left_member(connection, account_id, name, found.email)
    if known is not None:
        await team_queries.come_back(connection, account_id, known, new, found.role)
        return
    taken = InputError(f"the username {name!r} is taken", "choose another", "username")
    if await team_queries.name_taken(connection, name):
        raise taken
    try:
        await team_queries.join(connection, account_id, name, new, found.email, found.role)
    except asyncpg.UniqueViolationError as error:
        raise taken from error
