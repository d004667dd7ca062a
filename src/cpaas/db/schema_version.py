"""Which migrations this code knows, which the database has, and whether the two fit.

A database that is newer than the code must not be touched: old code would write rows that the new
schema has other rules for.
"""

from collections.abc import Iterable
from pathlib import Path

import asyncpg

from cpaas.db import queries
from cpaas.db.binaries import DatabaseError


def known() -> list[str]:
    """Names of the migrations that come with this code, oldest first."""
    folder = Path(__file__).resolve().parents[1] / "schema" / "migrations"
    return sorted(path.stem for path in folder.glob("[0-9]*.py"))


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
