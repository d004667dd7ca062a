"""A clock that steps by hours expires, doubles and stalls nothing."""

import asyncio
import time
from typing import Any

import msgspec
from tests.pipeline.world import World

from cpaas.broker.base import NewItem
from cpaas.broker.embedded import EmbeddedConsumer, publish
from cpaas.gateway import queries as gateway_queries
from cpaas.kit.ids import new_id
from cpaas.messages.envelopes import Envelope, pack
from cpaas.pipeline.clock_steps import ClockSteps, put_right
from cpaas.pipeline.recover import run_sweeps

SUBMIT = "cpaas.sms.submit"
STEP_US = 3 * 3_600_000_000
STEP = "interval '3 hours'"


async def put(world: World, envelope: Envelope, delay_ms: int = 0, queue: str = SUBMIT) -> None:
    async with world.pool.acquire() as connection, connection.transaction():
        item = NewItem(queue, 1, envelope.account_id, 1, pack(envelope), delay_ms)
        await publish(connection, [item])


async def step_back(world: World) -> None:
    """What a database finds whose clock has stepped back: everything before is in the future."""
    await world.pool.execute(
        f"UPDATE queue_item SET created_at = created_at + {STEP},"
        f" available_at = available_at + {STEP}"
    )


async def swept(world: World, sweep: Any) -> int:
    async with world.pool.acquire() as connection, connection.transaction():
        return int(await sweep(connection, world.context()))


async def test_a_step_back_holds_up_nothing_in_the_queue(world: World) -> None:
    at_once, retry, dated, leased = [
        await world.message("QUEUED", plan=plan) for plan in ([], [1], [], [])
    ]
    gone = EmbeddedConsumer(world.pool, SUBMIT, 5, lease_seconds=30)
    await put(world, leased)
    assert await gone.take(1)
    await put(world, at_once)
    await put(world, retry, delay_ms=50, queue="submit_smpp1")
    await put(world, dated, delay_ms=600_000)
    await step_back(world)
    consumer = EmbeddedConsumer(world.pool, SUBMIT, 6)
    assert await consumer.take(9) == []
    async with world.pool.acquire() as connection, connection.transaction():
        assert await put_right(connection, STEP_US) == 4
        assert await put_right(connection, STEP_US) == 0
    (first,) = await consumer.take(9)
    assert msgspec.msgpack.decode(first.payload)[11][0][0] == at_once.messages[0].id
    await asyncio.sleep(0.1)
    assert len(await EmbeddedConsumer(world.pool, "submit_smpp1", 6).take(9)) == 1
    left = {round(item["delay"] / 60): item["leased_by"] for item in await world.items(SUBMIT)}
    assert set(left) <= {0, 1, 190}, "a lease of half a minute, and a date that does not move"
    assert 190 in left


async def test_the_sweep_notices_a_step_by_itself(world: World) -> None:
    await put(world, await world.message("QUEUED", plan=[]))
    real = time.monotonic()
    passed = [real]
    steps = ClockSteps(lambda: passed[0])
    assert await swept(world, steps.sweep) == 0
    await step_back(world)
    # Three hours passed, says the monotonic clock, and the database's stands where it was.
    passed[0] += 3 * 3_600
    assert await swept(world, steps.sweep) == 1
    assert await swept(world, steps.sweep) == 0
    assert len(await EmbeddedConsumer(world.pool, SUBMIT, 6).take(9)) == 1


async def test_a_process_that_starts_after_the_step_notices_too(world: World) -> None:
    await put(world, await world.message("QUEUED", plan=[]))
    await step_back(world)
    assert await swept(world, ClockSteps().sweep) == 1
    assert len(await EmbeddedConsumer(world.pool, SUBMIT, 6).take(9)) == 1


async def test_retries_come_when_their_time_has_passed(world: World) -> None:
    steps = ClockSteps(lambda: world.now_us / 1_000_000 + passed[0])
    passed = [0.0]
    await swept(world, steps.sweep)
    await world.pool.execute(
        "INSERT INTO webhook_delivery (id, account_id, event_type, url, body, status, attempts,"
        " last_attempt_at, next_attempt_at) VALUES ($1, 1, 'x', '', '', 'retrying', 1, $2, $3)",
        new_id().bytes, world.now_us, world.now_us + 30_000_000,
    )  # fmt: skip
    await world.pool.execute(
        "INSERT INTO unmatched_receipt (route_id, provider_message_id, state, received_at,"
        " next_try_at) VALUES (1, 'p', 'DELIVERED', $1, $2)",
        world.now_us, world.now_us + 5_000_000,
    )  # fmt: skip
    world.now_us -= STEP_US
    passed[0] = STEP_US / 1_000_000
    await swept(world, steps.sweep)
    await swept(world, steps.sweep)
    assert await world.pool.fetchval("SELECT next_attempt_at FROM webhook_delivery") == (
        world.now_us + 30_000_000
    )
    assert await world.pool.fetchval("SELECT next_try_at FROM unmatched_receipt") == (
        world.now_us + 5_000_000
    )


async def test_a_lease_made_before_the_step_holds_up_no_route(world: World) -> None:
    async with world.pool.acquire() as connection:
        assert await gateway_queries.renew_leases(connection, [1], 5, 15) == {1}
        assert await gateway_queries.renew_leases(connection, [1], 6, 15) == set()
        await connection.execute(f"UPDATE route_lease SET leased_until = leased_until + {STEP}")
        assert await gateway_queries.renew_leases(connection, [1], 6, 15) == {1}


async def test_sweeps_go_on_though_the_clock_steps_back(world: World) -> None:
    running = asyncio.create_task(
        run_sweeps(world.pool, lambda: world.snapshot, 7, lambda: world.now_us)
    )
    async with world.pool.acquire() as connection:
        insert = (
            "INSERT INTO unmatched_receipt (route_id, provider_message_id, state, received_at,"
            " next_try_at) VALUES (1, 'p', 'DELIVERED', $1, $1)"
        )
        try:
            for tries in (1, 2):
                await connection.execute(insert, world.now_us)
                async with asyncio.timeout(60):
                    while (
                        await connection.fetchval(
                            "SELECT count(*) FROM unmatched_receipt WHERE tries > 0"
                        )
                        < tries
                    ):
                        await asyncio.sleep(0.05)
                world.now_us -= STEP_US
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
