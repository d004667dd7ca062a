"""Makes, changes, switches and removes routes.

The caller holds the transaction (`db.actor.acting`); services obey within a second.
"""

import asyncpg
import msgspec

from cpaas.kit.errors import InputError
from cpaas.kit.secrets import Keyring
from cpaas.routes import check, queries
from cpaas.routes.credentials import seal
from cpaas.routes.types import NewRoute, RouteChanges


async def create_route(connection: asyncpg.Connection, keyring: Keyring, route: NewRoute) -> int:
    """A new route with its queue submit_<name>; returns its id."""
    check.new_route(route)
    secret = seal(keyring, route.name, {"password": route.password})
    try:
        return await queries.insert_route(connection, route, secret)
    except asyncpg.UniqueViolationError as error:
        raise InputError(
            f"a route {route.name} exists already", "choose another name, or change that one",
            "name",
        ) from error  # fmt: skip


async def change_route(
    connection: asyncpg.Connection, keyring: Keyring | None, name: str, changes: RouteChanges
) -> None:
    """Applies changes; a new password replaces the sealed one, an empty one removes it.

    `keyring` is only needed for a new password.
    """
    route = await queries.route_by_name(connection, name)
    if route is None:
        raise _missing(name)
    check.changes(changes, route.dialect)
    if changes.settings is not None:
        check.channel_settings(route.channel, changes.settings, route.dialect)
    values = {k: v for k, v in msgspec.structs.asdict(changes).items() if v is not None}
    if "password" in values:
        password = values.pop("password")
        if password and keyring is None:
            raise AssertionError("a password needs the keyring")
        values["secret"] = seal(keyring, name, {"password": password}) if keyring else b""
    if not values:
        raise InputError("nothing to change was given", "see `cpaas route set --help`")
    if not await queries.change_route(connection, name, values):
        raise _missing(name)


async def callback_token(connection: asyncpg.Connection, name: str, *, renew: bool = False) -> str:
    """The secret in the address at which a route's carrier calls; `renew`: the old ends at once."""
    token = await queries.callback_token(connection, name, renew=renew)
    if token is None:
        raise _missing(name)
    return token


async def delete_route(connection: asyncpg.Connection, name: str) -> None:
    """Removes a route that nothing uses any more."""
    rules, assignments, waiting = await queries.uses_of_route(connection, name)
    if rules or assignments:
        raise InputError(
            f"{rules} rules or strategies and {assignments} accounts use route {name}",
            "delete or change those first (cpaas rule list, cpaas strategy list)",
        )
    if waiting:
        raise InputError(
            f"messages wait in submit_{name}",
            f"switch it off (cpaas route off {name}); they go to other routes, then delete it",
        )
    if not await queries.delete_route(connection, name):
        raise _missing(name)


def _missing(name: str) -> InputError:
    return InputError(f"there is no route {name!r}", "list them: cpaas route list", "name")
