"""SQL of platform settings. Values are JSON; a secret's is {"secret": what a keyring reads}."""

from typing import Any

import msgspec


async def rows(connection: Any) -> dict[str, Any]:
    """Every setting that was ever changed, by name."""
    found = await connection.fetch("SELECT name, value::text FROM platform_setting")
    return {row[0]: msgspec.json.decode(row[1]) for row in found}


async def put(connection: Any, name: str, value: Any) -> None:
    """Sets one."""
    await connection.execute(
        "INSERT INTO platform_setting (name, value) VALUES ($1, $2::text::jsonb)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()",
        name, msgspec.json.encode(value).decode(),
    )  # fmt: skip


async def drop(connection: Any, name: str) -> None:
    """Back to its default."""
    await connection.execute("DELETE FROM platform_setting WHERE name = $1", name)


async def of_portal(connection: Any) -> dict[str, Any]:
    """What the portal's role may know of them."""
    return dict(msgspec.json.decode(await connection.fetchval("SELECT cpaas_portal_settings()")))


async def logo_of_portal(connection: Any) -> bytes:
    """The logo, as the portal's role may read it; empty without one."""
    return bytes(await connection.fetchval("SELECT cpaas_portal_logo()") or b"")
