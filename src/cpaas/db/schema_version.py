"""Which migrations this code knows, which the database has, and whether the two fit.

A database that is newer than the code must not be touched: old code would write rows that the new
schema has other rules for.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import asyncpg

from cpaas.db import queries
from cpaas.db.binaries import DatabaseError

_SCHEMA = Path(__file__).resolve().parents[1] / "schema"


def known() -> list[str]:
    """Names of the migrations that come with this code, oldest first."""
    return sorted(path.stem for path in (_SCHEMA / "migrations").glob("[0-9]*.py"))


def fingerprint() -> str:
    """Changes with everything that a migration run lays: migrations, triggers, grants, storage."""
    digest = hashlib.sha256()
    for path in sorted([*_SCHEMA.rglob("*.py"), *_SCHEMA.rglob("*.sql")]):
        digest.update(f"{path.relative_to(_SCHEMA)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


async def is_laid(dsn: str) -> bool:
    """Whether a migration run of exactly this code was the last that this database saw."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        if await queries.applied_migrations(connection) != known():
            return False
        return await queries.laid_schema(connection) == fingerprint()
    finally:
        await connection.close()


async def note_laid(dsn: str) -> None:
    """Notes in the database that a migration run of this code has just ended well."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await queries.note_laid_schema(connection, fingerprint())
    finally:
        await connection.close()


async def applied(dsn: str) -> list[str]:
    """Names of the migrations that the database has; empty for a new one."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await queries.applied_migrations(connection)
    finally:
        await connection.close()


def refuse_newer(what: str, migrations: Iterable[str]) -> None:
    """Raises DatabaseError when there is a migration that this code does not know."""
    unknown = sorted(set(migrations) - set(known()))
    if unknown:
        raise DatabaseError(
            f"{what} is of a newer version than this code: {', '.join(unknown[:3])} is not known",
            "install the newer version; what it has changed cannot be taken back",
        )
