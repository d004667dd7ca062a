"""SQL of the sandbox's routes over HTTP: they follow their simulated carriers to other ports."""

from typing import Any


async def follow(connection: Any, route: str, settings: str, token: str) -> None:
    """Lets a route follow its carrier, unless the operator pointed it elsewhere.

    settings: JSON of the route's settings that lead to it. token: of its callbacks.
    """
    await connection.execute(
        "UPDATE route SET settings = $2::text::jsonb, callback_token = $3 FROM platform_setting s"
        " WHERE s.name = 'sandbox_' || $1 AND route.name = $1 AND route.settings = s.value"
        " AND (settings, callback_token) <> ($2::text::jsonb, $3)",
        route, settings, token,
    )  # fmt: skip
    await note(connection, route, settings)


async def note(connection: Any, route: str, settings: str) -> None:
    """Remembers how the simulated carrier is reached."""
    await connection.execute(
        "INSERT INTO platform_setting AS s (name, value)"
        " VALUES ('sandbox_' || $1, $2::text::jsonb)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()"
        " WHERE s.value <> excluded.value",
        route, settings,
    )  # fmt: skip


async def first_time(connection: Any, what: str) -> bool:
    """Whether this part of the sandbox was never laid; it counts as laid from now on."""
    found = await connection.fetchval(
        "INSERT INTO platform_setting (name, value) VALUES ('sandbox_' || $1, 'true'::jsonb)"
        " ON CONFLICT (name) DO NOTHING RETURNING 1",
        what,
    )
    return found is not None
