"""SQL of operators' REST keys."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec


class AdminKeyRow(msgspec.Struct, frozen=True):
    """An operator's key as it may be shown."""

    name: str
    prefix: str
    allowed_ips: list[str]
    created_at: datetime
    revoked_at: datetime | None


async def insert_admin_key(
    connection: asyncpg.Connection, name: str, *, digest: bytes, prefix: str,
    allowed_ips: Sequence[str],
) -> None:  # fmt: skip
    """A new key. UniqueViolationError when the name is taken."""
    await connection.execute(
        "INSERT INTO admin_key (name, digest, prefix, allowed_ips) VALUES ($1, $2, $3, $4)",
        name, digest, prefix, list(allowed_ips),
    )  # fmt: skip


async def admin_keys(connection: asyncpg.Connection) -> list[AdminKeyRow]:
    """All keys, those in force first."""
    rows = await connection.fetch(
        "SELECT name, prefix, allowed_ips, created_at, revoked_at FROM admin_key"
        " ORDER BY revoked_at NULLS FIRST, name LIMIT 1000"
    )
    return [AdminKeyRow(**row) for row in rows]


async def revoke_admin_key(connection: asyncpg.Connection, name: str) -> bool:
    """Takes a key out of force; False when none of that name is in force."""
    status = await connection.execute(
        "UPDATE admin_key SET revoked_at = now() WHERE name = $1 AND revoked_at IS NULL", name
    )
    return bool(status != "UPDATE 0")
