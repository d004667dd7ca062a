"""Makes, changes and removes routing rules; which of them wins is decided in `routing`."""

from typing import Any

import asyncpg
import msgspec

from cpaas.kit.errors import InputError
from cpaas.routes import queries, rule_check, rule_queries, strategy_queries
from cpaas.routes.types import NewRule, RuleChanges, RuleRow

ID_MAX = 2**63 - 1


async def create_rule(connection: asyncpg.Connection, rule: NewRule) -> int:
    """A new rule for a route or a strategy of the same channel; returns its id."""
    checked = rule_check.new_rule(rule)
    target = await _target(connection, rule.channel, rule.route, rule.strategy)
    return await rule_queries.insert_rule(
        connection, checked, target["route_id"], target["strategy_id"]
    )


async def change_rule(
    connection: asyncpg.Connection, rule_id: int, changes: RuleChanges
) -> RuleRow:
    """Applies changes; returns the rule as it is now."""
    checked = rule_check.changes(changes)
    row = await _rule(connection, rule_id)
    given = {k: v for k, v in msgspec.structs.asdict(checked).items() if v is not None}
    values: dict[str, Any] = {
        k: v for k, v in given.items() if k not in {"route", "strategy", "account_id"}
    }
    if "account_id" in given:
        values["account_id"] = given["account_id"] or None
    if given.get("route") or given.get("strategy"):
        values |= await _target(
            connection, row.channel, given.get("route", ""), given.get("strategy", "")
        )
    if not values:
        raise InputError("nothing to change was given", "see `cpaas rule update --help`")
    await rule_queries.change_rule(connection, rule_id, values)
    return await _rule(connection, rule_id)


async def switch_rule(connection: asyncpg.Connection, rule_id: int, *, active: bool) -> None:
    """Switches a rule on or off."""
    await change_rule(connection, rule_id, RuleChanges(active=active))


async def delete_rule(connection: asyncpg.Connection, rule_id: int) -> None:
    """Removes a rule."""
    row = await _rule(connection, rule_id)
    await rule_queries.delete_rule(connection, row.id)


async def _rule(connection: asyncpg.Connection, rule_id: int) -> RuleRow:
    row = await rule_queries.rule_by_id(connection, rule_id) if 0 < rule_id <= ID_MAX else None
    if row is None:
        raise InputError(f"there is no rule {rule_id}", "list them: cpaas rule list", "id")
    return row


async def _target(
    connection: asyncpg.Connection, channel: str, route: str, strategy: str
) -> dict[str, int | None]:
    """The columns of what a rule leads to."""
    if bool(route) == bool(strategy):
        raise InputError(
            "a rule leads to one route or one strategy", "name a route, or name a strategy", "route"
        )
    if strategy:
        found = await strategy_queries.strategy_by_name(connection, strategy)
        if found is None:
            raise InputError(
                f"there is no strategy {strategy!r}", "list them: cpaas strategy list", "strategy"
            )
        _same_channel(f"strategy {strategy}", found.channel, channel, "strategy")
        return {"route_id": None, "strategy_id": found.id}
    row = await queries.route_by_name(connection, route)
    if row is None:
        raise InputError(f"there is no route {route!r}", "list them: cpaas route list", "route")
    _same_channel(f"route {route}", row.channel, channel, "route")
    return {"route_id": row.id, "strategy_id": None}


def _same_channel(what: str, has: str, wanted: str, field: str) -> None:
    if has != wanted:
        raise InputError(f"{what} carries {has}, not {wanted}", f"choose one of {wanted}", field)
