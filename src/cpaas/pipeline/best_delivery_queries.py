"""SQL of best delivery: what routes did, members' points, and the record of every change."""

from collections.abc import Mapping, Sequence
from typing import Any

from cpaas.routing.best import Adjustment, Figures, Moved, Standing


async def figures(
    connection: Any, route_ids: Sequence[int], *, since_us: int, minute_us: int
) -> dict[int, Figures]:
    """By route: answers and errors since `minute_us`, receipts since `since_us`."""
    rows = await connection.fetch(
        """SELECT route_id,
             coalesce(sum(answers) FILTER (WHERE minute >= $3), 0)::bigint,
             coalesce(sum(errors) FILTER (WHERE minute >= $3), 0)::bigint,
             sum(in_time)::bigint, sum(slow)::bigint, sum(failed)::bigint
           FROM route_quality WHERE route_id = any($1::bigint[]) AND minute >= $2
           GROUP BY route_id""",
        list(route_ids), since_us, minute_us,
    )  # fmt: skip
    return {row[0]: Figures(*row[1:]) for row in rows}


async def members(connection: Any, strategy_id: int) -> list[Standing]:
    """The members as they are, locked until the change is made."""
    rows = await connection.fetch(
        """SELECT m.route_id, m.weight, m.share, r.active FROM strategy_member m
           JOIN route r ON r.id = m.route_id WHERE m.strategy_id = $1
           ORDER BY m.position, m.id FOR UPDATE OF m""",
        strategy_id,
    )
    return [Standing(*row) for row in rows]


async def past(connection: Any, strategy_id: int, since_us: int) -> list[Moved]:
    """The strategy's changes since then, oldest first."""
    rows = await connection.fetch(
        "SELECT at, kind FROM strategy_change WHERE strategy_id = $1 AND at >= $2 ORDER BY at, id",
        strategy_id, since_us,
    )  # fmt: skip
    return [Moved(*row) for row in rows]


async def change(
    connection: Any, strategy_id: int, at_us: int, made: Adjustment, before: Mapping[int, int]
) -> None:
    """Sets the members' points and records the change with its reason."""
    shares = made.shares
    await connection.execute(
        """UPDATE strategy_member m SET share = g.share
           FROM unnest($2::bigint[], $3::int[]) g(route_id, share)
           WHERE m.strategy_id = $1 AND m.route_id = g.route_id""",
        strategy_id, list(shares), list(shares.values()),
    )  # fmt: skip
    await connection.execute(
        """INSERT INTO strategy_change (strategy_id, at, kind, reason, route_ids, before, after)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        strategy_id, at_us, made.kind, made.reason, list(shares), [before[one] for one in shares],
        list(shares.values()),
    )  # fmt: skip


async def forget(connection: Any, before_us: int) -> None:
    """Throws away figures of minutes before then."""
    await connection.execute("DELETE FROM route_quality WHERE minute < $1", before_us)
