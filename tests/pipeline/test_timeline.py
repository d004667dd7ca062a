"""A message's life as a customer and an operator read it."""

import time

from tests.pipeline.world import World, data_plane_pool

from cpaas.messages.timeline import timeline
from cpaas.pipeline.answers import commit_answers
from cpaas.pipeline.receipts import commit_receipts


async def test_a_life_with_a_detour(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:
        world = World(pool, time.time_ns() // 1000)
        await world.open_account()
        sent = await world.message(segments=2)
        async with pool.acquire() as connection:
            context = world.context()
            world.now_us += 1
            first = world.answer(sent, None, None, error="carrier_temporary")
            await commit_answers(connection, context, [first])
            await pool.execute("UPDATE message SET status = 'SENDING'")
            sent.messages[0].attempt = 2
            world.now_us += 1
            await commit_answers(connection, context, [world.answer(sent, "p1", "p2")])
            world.now_us += 1
            late = [world.receipt("p1"), world.receipt("p2", "FAILED")]
            await commit_receipts(connection, world.context(), late)
            entries = await timeline(connection, 1, sent.messages[0].id)
            assert entries is not None
            assert [entry.kind for entry in entries] == [
                "accepted", "sending", "retry", "submitted", "part_submitted", "part_submitted",
                "failed", "part_final", "part_final",
            ]  # fmt: skip
            assert entries[2].details["carrier_code"] == "ESME"
            assert await timeline(connection, 2, sent.messages[0].id) is None
