"""A pause over real sockets: within two seconds nothing more is claimed, and a resume goes on."""

import asyncio
import time

import msgspec
from tests.gateway.harness import Gateway, gateway_world, routed_to, smsc, until

from cpaas.broker import embedded
from cpaas.broker.base import NewItem
from cpaas.messages.envelopes import pack

CAMPAIGN = 41
SUBMIT = "cpaas.sms.submit"


async def launched(world: Gateway, count: int) -> list[bytes]:
    """Messages of a campaign in one item; their ids."""
    parts = [await world.message("QUEUED", plan=[], claimed_by=0) for _ in range(count)]
    envelope = msgspec.structs.replace(
        parts[0], campaign_id=CAMPAIGN, messages=[part.messages[0] for part in parts]
    )
    async with world.pool.acquire() as connection, connection.transaction():
        await embedded.publish(connection, [NewItem(SUBMIT, 1, 1, count, pack(envelope))])
    return [message.id for message in envelope.messages]


async def claimed(world: Gateway) -> int:
    found = await world.pool.fetchval("SELECT count(*) FROM message WHERE status <> 'QUEUED'")
    return int(found)


async def test_nothing_is_claimed_after_a_pause(dsn: str) -> None:
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port, tps=50))
        ids = await launched(world, 400)
        await until(lambda: _reaches(world, 20))
        world.snapshot = msgspec.structs.replace(world.snapshot, halted=frozenset({CAMPAIGN}))
        paused_at = time.time_ns() // 1000
        # Other traffic of the account passes meanwhile.
        await world.send(5)
        await until(lambda: _are_delivered(world))
        await asyncio.sleep(1.5)
        late = await world.pool.fetchval(
            "SELECT count(*) FROM message WHERE id = ANY ($1::uuid[]) AND claimed_at > $2",
            ids,
            paused_at + 2_000_000,
        )
        assert late == 0
        before = await claimed(world)
        await asyncio.sleep(1)
        assert await claimed(world) == before < 405
        world.snapshot = msgspec.structs.replace(world.snapshot, halted=frozenset())
        await world.settled(DELIVERED=405, seconds=40)
        assert len(carrier.messages(1000)) == 405
        await world.money_adds_up()


async def _reaches(world: Gateway, count: int) -> bool:
    return await claimed(world) >= count


async def _are_delivered(world: Gateway) -> bool:
    rows = await world.pool.fetch("SELECT status FROM message ORDER BY id DESC LIMIT 5")
    return all(row[0] == "DELIVERED" for row in rows)
