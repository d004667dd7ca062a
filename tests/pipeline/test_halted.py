"""A paused campaign's items wait in the route step, and nothing else waits for them."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.pipeline.test_route import SUBMIT, Step, configured, rule
from tests.pipeline.world import World, data_plane_pool

from cpaas.pipeline.route import HALTED_MS

CAMPAIGN = 41


@pytest.fixture
async def step(dsn: str) -> AsyncIterator[Step]:
    async with data_plane_pool(dsn) as pool:
        now = await pool.fetchval("SELECT now()")
        halted = msgspec.structs.replace(configured(rule(5, 1)), halted=frozenset({CAMPAIGN}))
        world = World(pool, now, halted)
        await world.open_account()
        yield Step(world)


async def test_its_items_wait_and_others_pass(step: Step) -> None:
    bulk = await step.world.message("QUEUED", plan=[], claimed_by=0)
    await step.put(msgspec.structs.replace(bulk, campaign_id=CAMPAIGN))
    single = await step.message()
    await step.router.turn()
    (routed,) = await step.routed("smpp1")
    assert routed.messages == single.messages
    (waiting,) = await step.world.items(SUBMIT)
    assert 0 < waiting["delay"] <= HALTED_MS / 1000
    assert (await step.world.row(bulk))["status"] == "QUEUED"


async def test_resumed_it_goes_on(step: Step) -> None:
    bulk = await step.world.message("QUEUED", plan=[], claimed_by=0)
    await step.put(msgspec.structs.replace(bulk, campaign_id=CAMPAIGN))
    await step.router.turn()
    assert not await step.routed("smpp1")
    step.world.snapshot = msgspec.structs.replace(step.world.snapshot, halted=frozenset())
    await step.world.pool.execute("UPDATE queue_item SET available_at = now()")
    await step.router.turn()
    (routed,) = await step.routed("smpp1")
    assert routed.campaign_id == CAMPAIGN
