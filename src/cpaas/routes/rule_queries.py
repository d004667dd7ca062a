"""All SQL of routing rules as the operator edits them."""

from typing import Any, Final

import asyncpg

from cpaas.routes.types import NewRule, RuleRow

_RULE: Final = """
    SELECT l.id, coalesce(a.name, 'ALL') AS account, l.channel, coalesce(r.name, '') AS route,
           coalesce(s.name, '') AS strategy, l.priority, l.active, l.prefixes, l.countries,
           l.senders, l.templates, l.lanes, l.days, l.hours
    FROM routing_rule l LEFT JOIN route r ON r.id = l.route_id
    LEFT JOIN strategy s ON s.id = l.strategy_id LEFT JOIN account a ON a.id = l.account_id
"""


async def insert_rule(
    connection: asyncpg.Connection, rule: NewRule, route_id: int | None, strategy_id: int | None
) -> int:
    """A new rule to one of the two; returns its id."""
    return int(
        await connection.fetchval(
            "INSERT INTO routing_rule (account_id, channel, route_id, strategy_id, priority,"
            " active, prefixes, countries, senders, templates, lanes, days, hours)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id",
            rule.account_id, rule.channel, route_id, strategy_id, rule.priority, rule.active,
            rule.prefixes, rule.countries, rule.senders, rule.templates, rule.lanes, rule.days,
            rule.hours,
        )
    )  # fmt: skip


async def change_rule(connection: asyncpg.Connection, rule_id: int, values: dict[str, Any]) -> bool:
    """Sets columns of a rule; False when there is none of that id."""
    # The names are columns that `rules` writes, never input.
    sets = ", ".join(f"{column} = ${place}" for place, column in enumerate(values, 2))
    status = await connection.execute(
        f"UPDATE routing_rule SET {sets} WHERE id = $1", rule_id, *values.values()
    )
    return bool(status != "UPDATE 0")


async def rule_by_id(connection: asyncpg.Connection, rule_id: int) -> RuleRow | None:
    """The rule of that id."""
    row = await connection.fetchrow(_RULE + " WHERE l.id = $1", rule_id)
    return None if row is None else RuleRow(**row)


async def rules(
    connection: asyncpg.Connection, *, channel: str = "", text: str = "", after: int = 0,
    most: int = 1000,
) -> list[RuleRow]:  # fmt: skip
    """Rules in order of evaluation: priority, an account's own before ALL, the older first.

    `text`: how the account, route or strategy begins; `after`: the id of the page's last rule.
    """
    rows = await connection.fetch(
        _RULE + " LEFT JOIN routing_rule p ON p.id = $3"
        " WHERE ($1 = '' OR l.channel = $1) AND (p.id IS NULL"
        " OR (l.channel, l.priority, l.account_id IS NULL, l.id)"
        " > (p.channel, p.priority, p.account_id IS NULL, p.id))"
        " AND ($2 = '' OR starts_with(lower(coalesce(a.name, 'ALL')), lower($2))"
        " OR starts_with(r.name, lower($2)) OR starts_with(s.name, lower($2)))"
        " ORDER BY l.channel, l.priority, l.account_id IS NULL, l.id LIMIT $4",
        channel, text, after, most,
    )  # fmt: skip
    return [RuleRow(**row) for row in rows]


async def delete_rule(connection: asyncpg.Connection, rule_id: int) -> bool:
    """Removes a rule; False when there is none of that id."""
    status = await connection.execute("DELETE FROM routing_rule WHERE id = $1", rule_id)
    return bool(status != "DELETE 0")
