"""Changes an account's owner, name and assigned routes, as the user editor does.

The caller holds the transaction (`db.actor.acting`).
"""

from collections.abc import Mapping
from typing import Any

import asyncpg

from cpaas.accounts import check, editing_queries, queries
from cpaas.accounts.editing_types import Edited
from cpaas.kit.errors import InputError


async def change_owner(
    connection: Any, known: Edited, *, username: str, email: str, phone: str
) -> None:
    """The owner's login name, email and phone. Errors: InputError naming the field."""
    new = check.username(username)
    if new.lower() != known.username.lower() and await queries.username_taken(connection, new):
        raise InputError(f"the username {new!r} is taken", "choose another", "username")
    try:
        await editing_queries.set_owner(
            connection, known.user_id, new, check.email(email), check.phone(phone)
        )
    except asyncpg.UniqueViolationError as error:
        raise InputError(
            f"the username {new!r} was taken just now", "choose another", "username"
        ) from error


async def rename(connection: Any, known: Edited, name: str) -> None:
    """The account's name. Errors: InputError."""
    new = check.account_name(name)
    if new == known.name:
        return
    if new.lower() != known.name.lower() and await queries.account_name_taken(connection, new):
        raise InputError(f"an account {new!r} exists already", "choose another name", "name")
    await editing_queries.rename(connection, known.id, new)


async def assign_routes(
    connection: Any,
    account_id: int,
    wanted: Mapping[str, str],
    routes: Mapping[str, tuple[int, str]],
) -> None:
    """channel -> route name ("" = by the rules). `routes`: name -> id and channel."""
    for channel, name in wanted.items():
        found = routes.get(name)
        if name and (found is None or found[1] != channel):
            raise InputError(
                f"there is no {channel} route {name!r}", "choose one of the list",
                f"route_{channel}",
            )  # fmt: skip
        await editing_queries.assign(connection, account_id, channel, found[0] if found else None)
