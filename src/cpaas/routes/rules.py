"""Makes, switches and removes routing rules; which of them wins is decided in `routing`."""

import asyncpg

from cpaas.kit.errors import InputError
from cpaas.routes import check, queries
from cpaas.routes.types import NewRule


async def create_rule(connection: asyncpg.Connection, rule: NewRule) -> int:
    """A new rule for a route of the same channel; returns its id."""
    checked = check.new_rule(rule)
    route = await queries.route_by_name(connection, rule.route)
    if route is None:
        raise InputError(
            f"there is no route {rule.route!r}", "list them: cpaas route list", "route"
        )
    if route.channel != rule.channel:
        raise InputError(
            f"route {rule.route} carries {route.channel}, not {rule.channel}",
            f"choose a route of {rule.channel}",
            "route",
        )
    return await queries.insert_rule(connection, checked, route.id)


async def switch_rule(connection: asyncpg.Connection, rule_id: int, *, active: bool) -> None:
    """Switches a rule on or off."""
    if not await queries.set_rule_active(connection, rule_id, active=active):
        raise _missing(rule_id)


async def delete_rule(connection: asyncpg.Connection, rule_id: int) -> None:
    """Removes a rule."""
    if not await queries.delete_rule(connection, rule_id):
        raise _missing(rule_id)


def _missing(rule_id: int) -> InputError:
    return InputError(f"there is no rule {rule_id}", "list them: cpaas rule list", "id")
