"""Messages that wait behind others end when their validity does, wherever they wait."""

from collections.abc import AsyncIterator

import pytest
from tests.pipeline.world import HOUR_US, World, data_plane_pool

from cpaas.kit.ids import new_id
from cpaas.messages.envelopes import Envelope, pack
from cpaas.pipeline.expire import ITEMS_MAX, MESSAGES_MAX, ExpiredWaiting


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with data_plane_pool(dsn) as pool:
        from time import time_ns

        made = World(pool, time_ns() // 1000)
        await made.open_account()
        yield made


async def lies(world: World, envelope: Envelope, queue: str, minutes: int = 5) -> None:
    await world.pool.execute(
        "INSERT INTO queue_item (queue, account_id, payload, available_at)"
        " VALUES ($1, 1, $2, now() - $3 * interval '1 minute')",
        queue, pack(envelope), minutes,
    )  # fmt: skip


async def swept(world: World, sweep: ExpiredWaiting) -> int:
    async with world.pool.acquire() as connection, connection.transaction():
        return await sweep.sweep(connection, world.context())


@pytest.mark.parametrize("queue", ["cpaas.sms.submit", "submit_smpp1"])
async def test_what_waits_too_long_ends_and_is_paid_back(world: World, queue: str) -> None:
    late = await world.message("QUEUED", valid_until_us=world.now_us - 1)
    young = await world.message("QUEUED", valid_until_us=world.now_us + HOUR_US)
    gone = await world.message("CANCELLED", valid_until_us=world.now_us - 1)
    sent = await world.message("SENDING", valid_until_us=world.now_us - 1)
    again = await world.message("QUEUED", valid_until_us=world.now_us - 1, attempt=1)
    await world.pool.execute("UPDATE message SET attempt = 2 WHERE id = $1", again.messages[0].id)
    before = await world.balance()
    for envelope in (late, young, gone, sent, again):
        await lies(world, envelope, queue)
    assert await swept(world, ExpiredWaiting()) == 5
    rows = [(await world.row(one))["status"] for one in (late, young, gone, sent, again)]
    assert rows == ["EXPIRED", "QUEUED", "CANCELLED", "SENDING", "QUEUED"]
    assert await world.balance() == before + late.messages[0].price_micro
    await world.money_adds_up()


async def test_what_is_young_not_due_or_unreadable_is_let_be(world: World) -> None:
    late = await world.message("QUEUED", valid_until_us=world.now_us - 1)
    await lies(world, late, "cpaas.sms.submit", minutes=0)
    await lies(world, late, "cpaas.sms.submit", minutes=-60)
    await lies(world, late, "cpaas.webhook")
    await world.pool.execute(
        "INSERT INTO queue_item (queue, payload, available_at)"
        " VALUES ('submit_x', '\\x00', now() - interval '1 hour')"
    )
    assert await swept(world, ExpiredWaiting()) == 1
    assert (await world.row(late))["status"] == "QUEUED"


async def test_a_long_queue_is_walked_through(world: World) -> None:
    young = await world.message("QUEUED", valid_until_us=world.now_us + HOUR_US)
    await lies(world, young, "submit_smpp1")
    await world.pool.execute(
        "INSERT INTO queue_item (queue, account_id, payload, available_at)"
        " SELECT queue, 1, payload, available_at FROM queue_item, generate_series(2, $1::int)",
        ITEMS_MAX,
    )
    late = await world.message("QUEUED", valid_until_us=world.now_us - 1, id=new_id().bytes)
    await lies(world, late, "submit_smpp1")
    sweep = ExpiredWaiting()
    assert await swept(world, sweep) == ITEMS_MAX
    assert (await world.row(late))["status"] == "QUEUED"
    assert await swept(world, sweep) == 1
    assert (await world.row(late))["status"] == "EXPIRED"
    assert await swept(world, sweep) == ITEMS_MAX


async def test_long_lists_are_walked_a_few_at_a_time(world: World) -> None:
    for _ in range(3):
        await lies(world, await world.message("QUEUED"), "cpaas.sms.submit")
    await world.pool.execute("UPDATE queue_item SET messages = $1", MESSAGES_MAX - 1)
    sweep = ExpiredWaiting()
    assert [await swept(world, sweep) for _ in range(3)] == [2, 1, 2]
