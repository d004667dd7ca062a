"""A route step whose take never comes back is begun anew, and goes on where it was."""

import asyncio
import time
from typing import Any

from tests.pipeline.test_route import configured, rule
from tests.pipeline.world import World, data_plane_pool

from cpaas.broker.base import Item, NewItem
from cpaas.broker.embedded import EmbeddedConsumer, publish
from cpaas.broker.watchdog import Recyclable, Watchdog, Watched
from cpaas.messages.envelopes import pack
from cpaas.pipeline.load import RouteLoad
from cpaas.pipeline.route import Router

SUBMIT = "cpaas.sms.submit"


class Stalling(EmbeddedConsumer):
    """Its first take never returns, as when an answer of the database is lost on the way."""

    stalled = False

    async def take(self, most: int, **which: Any) -> list[Item]:
        if not self.stalled:
            self.stalled = True
            await asyncio.Event().wait()
        return await super().take(most, **which)


async def test_a_stalled_route_step_goes_on(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:
        world = World(pool, time.time_ns() // 1000, configured(rule(5, 1)))
        await world.open_account()
        consumer = Stalling(pool, SUBMIT, 7)
        router = Router(
            pool, consumer, lambda: world.snapshot, RouteLoad(), channel="sms", instance_id=7
        )
        sent = await world.message("QUEUED", plan=[])
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, [NewItem(SUBMIT, 1, 1, 1, pack(sent))])
        dog = Watchdog(pool, patience_seconds=0.2)
        work = Recyclable(router.run)
        dog.watch(Watched(SUBMIT, lambda: router.taken_at, lambda: router.excused, work.recycle))
        running = asyncio.create_task(work.run())
        try:
            async with asyncio.timeout(60):
                while not await world.items("submit_smpp1"):
                    await asyncio.sleep(0.05)
                    await dog.look()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert consumer.stalled
        assert dog.recycled[SUBMIT] >= 1
        assert await world.items(SUBMIT) == []
