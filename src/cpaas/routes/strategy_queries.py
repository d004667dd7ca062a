"""All SQL of strategies and their members as the operator edits them."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from cpaas.routes.types import ChangeRow, MemberRow, NewMember, NewStrategy, StrategyRow

_STRATEGY: Final = """
    SELECT s.id, s.name, s.channel, s.kind, s.active, s.overflow, s.no_receipt,
           s.no_receipt_seconds, s.settings::text AS settings,
           (SELECT count(*) FROM routing_rule WHERE strategy_id = s.id) AS rules
    FROM strategy s
"""


async def insert_strategy(connection: asyncpg.Connection, strategy: NewStrategy) -> int:
    """A new strategy without members; returns its id. UniqueViolationError: the name is taken."""
    return int(
        await connection.fetchval(
            "INSERT INTO strategy (name, channel, kind, active, overflow, no_receipt,"
            " no_receipt_seconds, settings) VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb)"
            " RETURNING id",
            strategy.name, strategy.channel, strategy.kind, strategy.active, strategy.overflow,
            strategy.no_receipt, strategy.no_receipt_seconds, _json(strategy.settings),
        )
    )  # fmt: skip


async def change_strategy(
    connection: asyncpg.Connection, strategy_id: int, values: dict[str, Any]
) -> None:
    """Sets columns of a strategy."""
    if "settings" in values:
        values = values | {"settings": _json(values["settings"])}
    # The names are the fields of StrategyChanges, never input.
    sets = ", ".join(
        f"{column} = ${place}" + ("::text::jsonb" if column == "settings" else "")
        for place, column in enumerate(values, 2)
    )
    await connection.execute(
        f"UPDATE strategy SET {sets} WHERE id = $1", strategy_id, *values.values()
    )


async def replace_members(
    connection: asyncpg.Connection, strategy_id: int, members: Sequence[tuple[int, NewMember]]
) -> None:
    """The members (route id, wishes) in order; one that stays keeps its row."""
    ids = [route_id for route_id, _ in members]
    await connection.execute(
        "DELETE FROM strategy_member WHERE strategy_id = $1 AND route_id <> ALL ($2::bigint[])",
        strategy_id, ids,
    )  # fmt: skip
    await connection.executemany(
        "INSERT INTO strategy_member (strategy_id, route_id, position, weight, days, hours)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (strategy_id, route_id) DO UPDATE"
        " SET position = excluded.position, weight = excluded.weight, days = excluded.days,"
        " hours = excluded.hours, share = NULL",
        [
            (strategy_id, route_id, place, one.weight, one.days, one.hours)
            for place, (route_id, one) in enumerate(members, 1)
        ],
    )


async def strategy_by_name(connection: asyncpg.Connection, name: str) -> StrategyRow | None:
    """The strategy of that name, with its members."""
    row = await connection.fetchrow(_STRATEGY + " WHERE s.name = $1", name)
    if row is None:
        return None
    found = _row(row)
    return msgspec.structs.replace(found, members=await _members(connection, found.id))


async def strategies(
    connection: asyncpg.Connection, *, channel: str = "", most: int = 1000
) -> list[StrategyRow]:
    """All strategies by channel and name, with their members."""
    rows = await connection.fetch(
        _STRATEGY + " WHERE $1 = '' OR s.channel = $1 ORDER BY s.channel, s.name LIMIT $2",
        channel, most,
    )  # fmt: skip
    return [
        msgspec.structs.replace(_row(row), members=await _members(connection, row["id"]))
        for row in rows
    ]


async def strategy_changes(
    connection: asyncpg.Connection, strategy_id: int, most: int
) -> list[ChangeRow]:
    """The latest changes that best delivery made, newest first."""
    rows = await connection.fetch(
        """SELECT c.at, c.kind, c.reason, c.before, c.after,
             array(SELECT coalesce(r.name, u.id::text) FROM unnest(c.route_ids)
                   WITH ORDINALITY u(id, place) LEFT JOIN route r ON r.id = u.id
                   ORDER BY u.place) AS routes
           FROM strategy_change c WHERE c.strategy_id = $1
           ORDER BY c.at DESC, c.id DESC LIMIT $2""",
        strategy_id, most,
    )  # fmt: skip
    return [ChangeRow(**row) for row in rows]


async def delete_strategy(connection: asyncpg.Connection, strategy_id: int) -> None:
    """Removes a strategy and its members."""
    await connection.execute("DELETE FROM strategy_member WHERE strategy_id = $1", strategy_id)
    await connection.execute("DELETE FROM strategy WHERE id = $1", strategy_id)


async def _members(connection: asyncpg.Connection, strategy_id: int) -> list[MemberRow]:
    rows = await connection.fetch(
        "SELECT r.name, m.position, m.weight, coalesce(m.share, m.weight), r.active, m.days,"
        " m.hours FROM strategy_member m JOIN route r ON r.id = m.route_id"
        " WHERE m.strategy_id = $1 ORDER BY m.position, m.id",
        strategy_id,
    )
    return [MemberRow(*row) for row in rows]


def _row(row: asyncpg.Record) -> StrategyRow:
    values = dict(row) | {"settings": msgspec.json.decode(row["settings"])}
    return StrategyRow(**values)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
