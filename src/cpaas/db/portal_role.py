"""Lets the User Portal's restricted role log in, with a password made once and kept in a file.

Never in a migration: who restores or copies a database gets a login of their own.
"""

import asyncio
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

import asyncpg

from cpaas.config import PORTAL_ROLE
from cpaas.db import queries
from cpaas.db.binaries import DatabaseError

_TRIES: Final = 20


async def let_in(connection: asyncpg.Connection, password_file: Path, *, alone: bool) -> None:
    """Gives the role the password in the file, made if there is none yet; safe to repeat.

    `alone`: no other host uses this database. Otherwise a further host must bring the file, or its
    new password would lock the others out. Call it within a transaction. Errors: DatabaseError.
    """
    known = await queries.portal_login_digest(connection)
    if known and not alone and _is_missing(password_file):
        raise DatabaseError(
            f"the User Portal's database login is known, but {password_file} is missing",
            "copy portal.password from the host that made it, or set CPAAS_PORTAL_DSN",
        )
    password = _password(password_file)
    for left in reversed(range(_TRIES)):
        try:
            async with connection.transaction():
                await queries.set_role_password(connection, PORTAL_ROLE, password)
            break
        except asyncpg.InternalServerError:
            # Two databases of one server share the role: both may be set up at the same moment.
            if not left:
                raise
            await asyncio.sleep(0.05)
    digest = hashlib.sha256(password.encode()).hexdigest()[:16]
    if digest != known:
        await queries.note_portal_login(connection, digest)


def _is_missing(path: Path) -> bool:
    return not path.exists()


def _password(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text().strip()
