"""The sweep that moves best delivery's weights, on a real database."""

from collections.abc import AsyncIterator

import pytest
from tests.pipeline.world import INSTANCE, World, data_plane_pool, snapshot

from cpaas.gateway import queries as gateway_queries
from cpaas.gateway.quality import Counted
from cpaas.pipeline.best_delivery import sweep_best_delivery
from cpaas.pipeline.recover import Job, run_once
from cpaas.snapshot.types import Member, Strategy

MINUTE = 60_000_000


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with data_plane_pool(dsn) as pool:
        made = World(pool, await pool.fetchval("SELECT now()"))
        for n in (1, 2):
            await pool.execute(
                "INSERT INTO route (id, name, channel) VALUES ($1, $2, 'sms')", n, f"r{n}"
            )
        await pool.execute(
            "INSERT INTO strategy (id, name, channel, kind) VALUES (1, 's1', 'sms',"
            " 'best_delivery')"
        )
        await pool.execute(
            "INSERT INTO strategy_member (strategy_id, route_id, position, weight)"
            " VALUES (1, 1, 1, 70), (1, 2, 2, 30)"
        )
        members = (Member(1, 70), Member(2, 30))
        made.snapshot = snapshot()
        made.snapshot.strategies[1] = Strategy(1, "s1", "sms", "best_delivery", True, members)
        yield made


async def sweep(world: World) -> list[tuple[int, int]]:
    """One run; the points afterwards."""
    assert not await run_once(
        world.pool, Job(21, "best delivery", 1, sweep_best_delivery), world.context()
    )
    rows = await world.pool.fetch(
        "SELECT route_id, coalesce(share, weight) FROM strategy_member ORDER BY route_id"
    )
    return [tuple(row) for row in rows]


async def count(world: World, *counted: tuple[int, int, Counted]) -> None:
    """Writes what two processes saw of each route."""
    for instance in (INSTANCE, INSTANCE + 1):
        async with world.pool.acquire() as connection:
            await gateway_queries.add_quality(connection, instance, counted)


async def test_errors_move_points_once_and_leave_their_reason(world: World) -> None:
    assert await sweep(world) == [(1, 70), (2, 30)]
    minute = world.now_us - world.now_us % MINUTE
    await count(
        world, (1, minute, Counted(answers=15, errors=10)), (2, minute, Counted(answers=20))
    )
    assert await sweep(world) == [(1, 60), (2, 40)]
    # The same figures again, and another process right behind: one step a minute.
    assert await sweep(world) == [(1, 60), (2, 40)]
    row = await world.pool.fetchrow("SELECT kind, reason, before, after FROM strategy_change")
    assert tuple(row) == (
        "errors", "20 of 30 answers within a minute were errors", [70, 30], [60, 40]
    )  # fmt: skip
    audit = await world.pool.fetchrow(
        "SELECT actor, note FROM audit_log WHERE table_name = 'strategy_member' AND action ="
        " 'update' LIMIT 1"
    )
    assert tuple(audit) == ("system:best_delivery", row["reason"])


async def test_after_a_quiet_time_they_go_back_and_old_figures_are_thrown_away(
    world: World,
) -> None:
    minute = world.now_us - world.now_us % MINUTE
    await count(world, (1, minute, Counted(in_time=30, slow=30)), (2, minute, Counted(in_time=60)))
    assert await sweep(world) == [(1, 60), (2, 40)]
    world.now_us += 16 * MINUTE
    assert await sweep(world) == [(1, 70), (2, 30)]
    kinds = await world.pool.fetch("SELECT kind FROM strategy_change ORDER BY at")
    assert [row[0] for row in kinds] == ["slow", "rest"]
    world.now_us += 25 * 60 * MINUTE
    await sweep(world)
    assert await world.pool.fetchval("SELECT count(*) FROM route_quality") == 0
