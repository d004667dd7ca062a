"""No receipt in time: another route, one price, all ids, and the first receipt wins."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.pipeline.world import INSTANCE, PRICE, World, data_plane_pool, snapshot

from cpaas.broker.embedded import EmbeddedConsumer
from cpaas.broker.topology import submit_queue, unreceipted_queue
from cpaas.messages.envelopes import VERSION, Channel, Envelope, Outgoing, unpack
from cpaas.messages.types import Finish
from cpaas.pipeline.answers import commit_answers
from cpaas.pipeline.no_receipt import ReceiptWatch, wanted
from cpaas.pipeline.receipts import commit_receipts
from cpaas.pipeline.transitions import finish
from cpaas.pipeline.types import Answer
from cpaas.snapshot.types import Member, Strategy

WAITED = unreceipted_queue("sms")
SUBMIT = submit_queue("sms")


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with data_plane_pool(dsn) as pool:
        made = World(pool, await pool.fetchval("SELECT now()"), snapshot())
        members = (Member(1), Member(2))
        made.snapshot.strategies[1] = Strategy(1, "s1", "sms", "failover", True, members)
        await made.open_account()
        yield made


async def submit(
    world: World, *, provider_id: str | tuple[str, ...] = "p1", **changes: Any
) -> Envelope:
    """A message that route 1 has just accepted."""
    values = {"lane": "otp", "plan": [1, 2]} | changes
    strategy_id = values.pop("strategy_id", 1)
    envelope = msgspec.structs.replace(await world.message(**values), strategy_id=strategy_id)
    ids = (provider_id,) if isinstance(provider_id, str) else provider_id
    async with world.pool.acquire() as connection, connection.transaction():
        await commit_answers(connection, world.context(), [world.answer(envelope, *ids)])
    return envelope


async def due(world: World) -> None:
    """The time without a receipt is over."""
    await world.pool.execute("UPDATE queue_item SET available_at = now() WHERE queue = $1", WAITED)
    world.now_us += 61_000_000
    consumer = EmbeddedConsumer(world.pool, WAITED, INSTANCE)
    watch = ReceiptWatch(
        world.pool, consumer, lambda: world.snapshot, INSTANCE, lambda: world.now_us
    )
    await watch.turn()
    assert await world.items(WAITED) == []


async def receipt(world: World, provider_id: str, route_id: int = 1, state: Any = None) -> None:
    async with world.pool.acquire() as connection, connection.transaction():
        told = world.receipt(provider_id, state or "DELIVERED", route_id=route_id)
        await commit_receipts(connection, world.context(), [told])


async def again(world: World, provider_id: str | None = "p2", error: str = "") -> Envelope:
    """The second route answers what it was given."""
    (item,) = await world.items(SUBMIT)
    envelope = unpack(item["payload"])
    await world.pool.execute("DELETE FROM queue_item WHERE queue = $1", SUBMIT)
    await world.pool.execute(
        "UPDATE message SET status = 'SENDING', route_id = 2, claimed_by = $1", INSTANCE
    )
    async with world.pool.acquire() as connection, connection.transaction():
        told = world.answer(envelope, provider_id, error=error, route_id=2)
        await commit_answers(connection, world.context(), [told])
    return envelope


async def test_an_otp_without_a_receipt_goes_to_the_next_route(world: World) -> None:
    envelope = await submit(world)
    (item,) = await world.items(WAITED)
    assert 55 < item["delay"] <= 60
    before = await world.balance()
    await due(world)
    row = await world.row(envelope)
    assert (row["status"], row["attempt"], row["provider_message_id"]) == ("QUEUED", 2, None)
    (routed,) = [unpack(one["payload"]) for one in await world.items(SUBMIT)]
    assert (routed.plan, routed.messages[0].attempt) == ([2], 2)
    assert await world.kinds(envelope) == ["failover"]
    await again(world)
    assert await world.items(WAITED) == [], "the last route is not left for another"
    await receipt(world, "p2", 2)
    row = await world.row(envelope)
    assert (row["status"], row["route_id"], row["price_micro"]) == ("DELIVERED", 2, PRICE)
    assert await world.balance() == before, "one price"
    counted = await world.counted()
    assert (counted["submitted"], counted["delivered"]) == (1, 1)
    await receipt(world, "p1", 1)
    assert (await world.row(envelope))["status"] == "DELIVERED"
    await world.money_adds_up()


async def test_the_first_routes_receipt_wins_while_the_second_waits_or_sends(world: World) -> None:
    waiting, sending = await submit(world), await submit(world, provider_id="q1")
    await due(world)
    await receipt(world, "p1")
    assert (await world.row(waiting))["status"] == "DELIVERED"
    await world.pool.execute(
        "UPDATE message SET status = 'SENDING', route_id = 2 WHERE id = $1",
        sending.messages[0].id,
    )
    await receipt(world, "q1")
    assert (await world.row(sending))["status"] == "DELIVERED"
    counted = await world.counted()
    assert (counted["submitted"], counted["delivered"]) == (2, 2)


async def test_a_failure_of_the_first_says_nothing_about_the_second(world: World) -> None:
    envelope = await submit(world)
    await due(world)
    await receipt(world, "p1", state="FAILED")
    assert (await world.row(envelope))["status"] == "QUEUED"
    assert "late_receipt" in await world.kinds(envelope)


async def test_what_a_carrier_has_is_not_refunded_when_the_next_one_refuses(world: World) -> None:
    envelope = await submit(world)
    await due(world)
    await again(world, None, "invalid_sender")
    row = await world.row(envelope)
    assert (row["status"], row["refunded_micro"]) == ("FAILED", 0)
    await world.money_adds_up()


async def test_a_receipt_in_time_leaves_nothing_to_do(world: World) -> None:
    envelope = await submit(world)
    await receipt(world, "p1")
    await due(world)
    assert (await world.row(envelope))["status"] == "DELIVERED"
    assert await world.items(SUBMIT) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"lane": "transactional"},
        {"plan": [1]},
        {"strategy_id": 0},
        {"registered_delivery": 0},
        {"valid_until_us": 1},
        # A long message: no other carrier could complete what this one has of it.
        {"provider_id": ("p1", "p2")},
    ],
)
async def test_nothing_is_waited_for_where_none_may_take_over(
    world: World, changes: dict[str, Any]
) -> None:
    await submit(world, **changes)
    assert await world.items(WAITED) == []


async def test_all_lanes_or_none_as_the_strategy_says(world: World) -> None:
    one = world.snapshot.strategies[1]
    for which, lane, expected in (("all", "promotional", 1), ("off", "otp", 1)):
        world.snapshot.strategies[1] = msgspec.structs.replace(one, no_receipt=which)
        await submit(world, lane=lane, provider_id=which)
        assert len(await world.items(WAITED)) == expected


async def test_a_message_that_ends_otherwise_keeps_its_end(world: World) -> None:
    envelope = await submit(world)
    await due(world)
    async with world.pool.acquire() as connection, connection.transaction():
        wanted = Finish(envelope.messages[0].id, "EXPIRED", world.now_us, refund="policy")
        await finish(connection, world.context(), [wanted])
    await receipt(world, "p1")
    assert (await world.row(envelope))["status"] == "EXPIRED"


def test_a_call_that_goes_on_is_not_made_again_elsewhere() -> None:
    made = snapshot()
    made.strategies[1] = Strategy(1, "s1", "voice", "failover", True, (Member(1), Member(2)))
    outgoing = Outgoing(b"\0" * 16, "+1", "+2", "Hi", "", 1, 1, 0, 2**60, 0)
    for channel, kept in (("voice", False), ("sms", True)):
        envelope = Envelope(
            VERSION, 1, 1, msgspec.convert(channel, Channel), "otp", False, 0, [1, 2], 0, "", 0,
            [outgoing], strategy_id=1,
        )  # fmt: skip
        answer = Answer(envelope, outgoing, 1, 0, ["call-1"])
        assert (wanted(made, answer) is not None) is kept
