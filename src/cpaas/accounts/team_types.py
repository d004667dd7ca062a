"""People of an account and those invited; times in Unix microseconds."""

from typing import Final

import msgspec

#: what a person may do within an account; the portal's screens say which role opens them.
ROLES: Final = ("owner", "developer", "marketer", "finance", "viewer")


class Member(msgspec.Struct, frozen=True):
    """A person who may log in."""

    id: int
    username: str
    email: str
    role: str
    has_second_factor: bool
    login_us: int | None


class Invitation(msgspec.Struct, frozen=True):
    """An invitation that was neither accepted nor revoked; `over` once it has expired."""

    id: int
    email: str
    role: str
    invited_by: str
    created_us: int
    expires_us: int
    over: bool


class Invited(msgspec.Struct, frozen=True):
    """An invitation with the token of its link, the only time that anybody sees it."""

    invitation: Invitation
    token: str


class Opened(msgspec.Struct, frozen=True):
    """What the link of an invitation shows: to which account, for whom."""

    id: int
    account: str
    email: str
    role: str
