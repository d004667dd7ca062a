"""Makes admins and gives people new passwords from the command line.

The one door that works when nobody can log in; it needs the database's own login.
"""

import asyncpg

from cpaas.accounts import check, queries
from cpaas.accounts.create import refuse_taken
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import hash_password, new_temporary_password


async def create_admin(
    connection: asyncpg.Connection, username: str, *, email: str = "", password: str = ""
) -> str:
    """An admin; returns the password. A generated one must be changed at the first login."""
    check.username(username)
    address = check.email(email)
    chosen = check.password(password, [username, address]) if password else ""
    await refuse_taken(connection, username)
    await queries.insert_user(
        connection,
        username,
        hash_password(chosen or (password := new_temporary_password())),
        role="ADMIN",
        account_id=None,
        email=address,
        phone="",
        must_change_password=not chosen,
    )
    return password


async def reset_password(
    connection: asyncpg.Connection, username: str, *, password: str = ""
) -> str:
    """A new password for a login, whose lock is lifted; returns it. Generated if none is given."""
    chosen = check.password(password, [username]) if password else ""
    new = chosen or new_temporary_password()
    if not await queries.set_password(
        connection, username, hash_password(new), must_change=not chosen
    ):
        raise InputError(f"nobody logs in as {username!r}", "check the spelling", "username")
    return new
