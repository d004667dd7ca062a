"""Makes, changes and removes identities, and gives them to accounts.

The caller holds the transaction (`db.actor.acting`); services obey within a second.
"""

from typing import Any

import asyncpg
import msgspec

from cpaas.identities import check, queries
from cpaas.identities.credentials import seal, unseal
from cpaas.identities.types import IdentityRow, NewIdentity
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import Keyring
from cpaas.routes import queries as route_queries


async def create(connection: Any, keyring: Keyring, wanted: NewIdentity) -> int:
    """A new identity; its id."""
    check.new(wanted)
    route = await route_queries.route_by_name(connection, wanted.route)
    if route is None or route.channel != wanted.channel:
        raise InputError(
            f"there is no {wanted.channel} route {wanted.route!r}",
            f"make one: cpaas route create {wanted.route} --channel {wanted.channel}", "route",
        )  # fmt: skip
    secret = seal(keyring, wanted.channel, wanted.value, wanted.secrets)
    try:
        return await queries.insert(connection, wanted, route.id, secret)
    except asyncpg.UniqueViolationError as error:
        raise InputError(
            f"the {wanted.channel} identity {wanted.value} exists already", "change that one",
            "value",
        ) from error  # fmt: skip


async def change(
    connection: Any, keyring: Keyring, channel: str, value: str, *, label: str | None = None,
    active: bool | None = None, settings: dict[str, object] | None = None,
    secrets: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """Changes what is given; settings and secrets are added to those that are there."""
    row, sealed = await found(connection, channel, value)
    values: dict[str, Any] = {}
    if label is not None:
        values["label"] = check.label(label)
    if active is not None:
        values["active"] = active
    if settings:
        check.settings(channel, settings, whole=False)
        values["settings"] = row.settings | settings
    if secrets:
        check.secrets(channel, secrets, whole=False)
        known = unseal(keyring, channel, value, sealed) | secrets
        values["secret"] = seal(keyring, channel, value, known)
    if not values:
        raise InputError("nothing to change was given", "see `cpaas identity set --help`")
    await queries.change(connection, row.id, values)


async def delete(connection: Any, channel: str, value: str) -> None:
    """Removes an identity; what was accepted for it is refused when it is its turn."""
    row, _ = await found(connection, channel, value)
    await queries.delete(connection, row.id)


async def give(
    connection: Any, account_id: int, channel: str, value: str, *, default: bool = False
) -> None:
    """Lets an account send from it."""
    row, _ = await found(connection, channel, value)
    await queries.give(connection, account_id, row.id, channel, default=default)


async def take(connection: Any, account_id: int, channel: str, value: str) -> None:
    """Ends an account's use of it."""
    row, _ = await found(connection, channel, value)
    if not await queries.take(connection, account_id, row.id):
        raise InputError(f"the account does not use {value}", "list them: cpaas identity list")


async def found(connection: Any, channel: str, value: str) -> tuple[IdentityRow, bytes]:
    """The identity with its sealed secrets. Errors: InputError."""
    known = await queries.find(connection, channel, value)
    if known is None:
        raise InputError(
            f"there is no {channel[:20]} identity {value[:40]!r}", "list them: cpaas identity list",
            "value",
        )  # fmt: skip
    return known


def named(keyring: Keyring, row: IdentityRow, sealed: bytes) -> IdentityRow:
    """The row with the names of the secrets that are kept, never their values."""
    names = sorted(unseal(keyring, row.channel, row.value, sealed))
    return msgspec.structs.replace(row, secrets=names)
