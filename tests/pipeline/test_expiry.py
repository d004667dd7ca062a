"""Validity ends also for what no queue holds."""

from typing import Any

from tests.pipeline.world import HOUR_US, World

from cpaas.messages.envelopes import pack
from cpaas.pipeline import expiry, overdue

SUBMIT = "cpaas.sms.submit"


async def swept(world: World, sweep: Any) -> int:
    async with world.pool.acquire() as connection, connection.transaction():
        return int(await sweep(connection, world.context()))


async def test_dead_letters_and_lost_messages_expire_too(world: World) -> None:
    buried, lost = await world.message("QUEUED"), await world.message("QUEUED")
    await world.pool.execute(
        "INSERT INTO dead_letter (queue, account_id, reason, payload)"
        " VALUES ($1, 1, 'x', $2), ($1, 1, 'x', '')",
        SUBMIT, pack(buried),
    )  # fmt: skip
    walk = expiry.LettersWalk()
    assert await swept(world, walk.sweep) == 0
    world.now_us += 2 * HOUR_US + 1
    assert await swept(world, walk.sweep) == 1
    assert (await world.row(buried))["status"] == "EXPIRED"
    await world.pool.execute("DELETE FROM dead_letter")
    await world.pool.execute("UPDATE message SET valid_until = $1", world.now_us - HOUR_US - 1)
    assert await swept(world, overdue.sweep_stranded) == 1, "it is reported"
    # It was accepted less than an hour ago by its id: the walk leaves the youngest to the queues.
    small = expiry.OverdueWalk(rows=1)
    world.now_us += HOUR_US
    assert [await swept(world, small.sweep) for _ in range(3)] == [0, 1, 0]
    assert (await world.row(lost))["status"] == "EXPIRED"
    await world.money_adds_up()
