"""All SQL of routes and their costs as the operator edits them."""

from typing import Any

import asyncpg
import msgspec

from cpaas.routes.types import CostRow, NewRoute, RouteRow

_ROUTE = """
    SELECT r.id, r.name, r.label, r.channel, r.dialect, r.host, r.port, r.active, r.simulated,
           r.tps, r.binds, r.window_size, r.bind_type, r.system_id, r.system_type,
           r.default_sender, r.message_id_mode, r.cost_micro,
           octet_length(r.secret) > 0 AS has_password, coalesce(s.state, '') AS state,
           coalesce(s.binds_up, 0) AS binds_up, coalesce(s.last_error, '') AS last_error
    FROM route r LEFT JOIN route_state s ON s.route_id = r.id
"""


async def insert_route(connection: asyncpg.Connection, route: NewRoute, secret: bytes) -> int:
    """A new route; returns its id. UniqueViolationError when the name is taken."""
    return int(
        await connection.fetchval(
            "INSERT INTO route (name, label, channel, dialect, host, port, active, simulated, tps,"
            " binds, window_size, bind_type, system_id, system_type, default_sender,"
            " message_id_mode, settings, secret, cost_micro) VALUES ($1, $2, $3, $4, $5, $6, $7,"
            " $8, $9, $10, $11, $12, $13, $14, $15, $16, $17::text::jsonb, $18, $19) RETURNING id",
            route.name, route.label, route.channel, route.dialect, route.host, route.port,
            route.active, route.simulated, route.tps, route.binds, route.window_size,
            route.bind_type, route.system_id, route.system_type, route.default_sender,
            route.message_id_mode, msgspec.json.encode(route.settings).decode(), secret,
            route.cost_micro,
        )
    )  # fmt: skip


async def change_route(connection: asyncpg.Connection, name: str, values: dict[str, Any]) -> bool:
    """Sets columns of a route; False when there is none of that name."""
    if "settings" in values:
        values = values | {"settings": msgspec.json.encode(values["settings"]).decode()}
    # The names are the fields of RouteChanges, never input.
    sets = ", ".join(
        f"{column} = ${place}" + ("::text::jsonb" if column == "settings" else "")
        for place, column in enumerate(values, 2)
    )
    status = await connection.execute(
        f"UPDATE route SET {sets} WHERE name = $1", name, *values.values()
    )
    return bool(status != "UPDATE 0")


async def route_by_name(connection: asyncpg.Connection, name: str) -> RouteRow | None:
    """The route of that name."""
    row = await connection.fetchrow(_ROUTE + " WHERE r.name = $1", name)
    return None if row is None else RouteRow(**row)


async def callback_token(connection: asyncpg.Connection, name: str, *, renew: bool) -> str | None:
    """A route's callback token, a new one on wish; None when there is no such route."""
    if renew:
        # As the column's default makes one.
        await connection.execute("UPDATE route SET callback_token = DEFAULT WHERE name = $1", name)
    token: str | None = await connection.fetchval(
        "SELECT callback_token FROM route WHERE name = $1", name
    )
    return token


async def routes(connection: asyncpg.Connection, most: int = 1000) -> list[RouteRow]:
    """All routes by channel and name."""
    rows = await connection.fetch(_ROUTE + " ORDER BY r.channel, r.name LIMIT $1", most)
    return [RouteRow(**row) for row in rows]


async def live_states(connection: Any) -> dict[str, str]:
    """Route name -> state as its holder last saw it; a route that nobody holds is missing."""
    rows = await connection.fetch(
        "SELECT r.name, s.state FROM route_state s JOIN route r ON r.id = s.route_id"
    )
    return {row[0]: row[1] for row in rows}


async def uses_of_route(connection: asyncpg.Connection, name: str) -> tuple[int, int, int]:
    """How many rules or strategies, assignments and waiting queue items name a route."""
    row = await connection.fetchrow(
        "SELECT (SELECT count(*) FROM routing_rule WHERE route_id = r.id)"
        " + (SELECT count(*) FROM strategy_member WHERE route_id = r.id),"
        " (SELECT count(*) FROM assigned_route WHERE route_id = r.id),"
        " (SELECT count(*) FROM (SELECT FROM queue_item WHERE queue = $2 LIMIT 1000) q)"
        " FROM route r WHERE r.name = $1",
        name, f"submit_{name}",
    )  # fmt: skip
    return (0, 0, 0) if row is None else (row[0], row[1], row[2])


async def delete_route(connection: asyncpg.Connection, name: str) -> bool:
    """Removes a route and its costs; False when there is none of that name."""
    await connection.execute(
        "DELETE FROM route_cost WHERE route_id = (SELECT id FROM route WHERE name = $1)", name
    )
    status = await connection.execute("DELETE FROM route WHERE name = $1", name)
    return bool(status != "DELETE 0")


async def set_cost(
    connection: asyncpg.Connection, route_id: int, prefix: str, amount_micro: int
) -> None:
    """What the carrier takes for numbers that start so; replaces what was said before."""
    await connection.execute(
        "INSERT INTO route_cost (route_id, prefix, amount_micro) VALUES ($1, $2, $3)"
        " ON CONFLICT (route_id, prefix) DO UPDATE SET amount_micro = excluded.amount_micro",
        route_id, prefix, amount_micro,
    )  # fmt: skip


async def delete_cost(connection: asyncpg.Connection, route_id: int, prefix: str) -> bool:
    """Forgets what was said for a prefix; False when nothing was."""
    status = await connection.execute(
        "DELETE FROM route_cost WHERE route_id = $1 AND prefix = $2", route_id, prefix
    )
    return bool(status != "DELETE 0")


async def costs(
    connection: asyncpg.Connection, *, route: str = "", most: int = 10_000
) -> list[CostRow]:
    """Carrier costs by route and prefix; the route's own cost stands under no prefix here."""
    rows = await connection.fetch(
        "SELECT r.name, c.prefix, c.amount_micro FROM route_cost c"
        " JOIN route r ON r.id = c.route_id WHERE $1 = '' OR r.name = $1"
        " ORDER BY r.name, c.prefix LIMIT $2",
        route, most,
    )  # fmt: skip
    return [CostRow(*row) for row in rows]


async def route_settings(connection: asyncpg.Connection, name: str) -> dict[str, Any]:
    """The settings document of a route; empty when there is none of that name."""
    text = await connection.fetchval("SELECT settings::text FROM route WHERE name = $1", name)
    found: dict[str, Any] = msgspec.json.decode(text) if text else {}
    return found
