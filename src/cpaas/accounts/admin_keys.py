"""Issues and revokes operators' REST keys, which open the calls about the platform itself.

They belong to no account, so no tenant's row can be reached with one; each has a name, so that the
log says who asked.
"""

from collections.abc import Sequence

import asyncpg

from cpaas.accounts import admin_key_queries, check
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import api_key_digest, api_key_prefix, new_api_key


async def issue(
    connection: asyncpg.Connection, name: str, *, allowed_ips: Sequence[str] = ()
) -> str:
    """A new key, shown once; without addresses it may be used from everywhere."""
    key = new_api_key("admin")
    try:
        await admin_key_queries.insert_admin_key(
            connection, check.username(name), digest=api_key_digest(key),
            prefix=api_key_prefix(key), allowed_ips=check.allowed_ips(allowed_ips),
        )  # fmt: skip
    except asyncpg.UniqueViolationError as error:
        raise InputError(
            f"an admin key {name} exists or existed already", "choose another name", "name"
        ) from error
    return key


async def revoke(connection: asyncpg.Connection, name: str) -> None:
    """Takes a key out of force, within a second; its name stays for the log."""
    if not await admin_key_queries.revoke_admin_key(connection, name):
        raise InputError(
            f"no admin key {name!r} is in force", "list them: cpaas admin key list", "name"
        )
