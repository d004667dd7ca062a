"""What carriers take for a unit, by route and the number's start; least cost routing reads it."""

import asyncpg

from cpaas.billing import check
from cpaas.kit.errors import InputError
from cpaas.routes import queries
from cpaas.routes.types import RouteRow


async def set_cost(
    connection: asyncpg.Connection, route: str, amount_micro: int, *, prefix: str = ""
) -> None:
    """The carrier's price of a unit to numbers that start so ("" = every number)."""
    row = await _route(connection, route)
    await queries.set_cost(connection, row.id, check.prefix(prefix), check.price(amount_micro))


async def delete_cost(connection: asyncpg.Connection, route: str, prefix: str) -> None:
    """Forgets the price for a prefix; a shorter prefix, then the route's own cost, holds again."""
    row = await _route(connection, route)
    if not await queries.delete_cost(connection, row.id, check.prefix(prefix)):
        raise InputError(
            f"route {route} has no cost for the prefix {prefix!r}",
            f"list them: cpaas route cost list {route}",
            "prefix",
        )


async def _route(connection: asyncpg.Connection, name: str) -> RouteRow:
    row = await queries.route_by_name(connection, name)
    if row is None:
        raise InputError(f"there is no route {name!r}", "list them: cpaas route list", "route")
    return row
