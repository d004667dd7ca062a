"""The straight part of a batch goes by one statement; whatever is not as it is held goes back."""

from typing import Any

import pytest
from tests.pipeline.world import COST, PRICE, World

from cpaas.messages.envelopes import Envelope, unpack_events
from cpaas.pipeline import straight
from cpaas.pipeline.receipts import Key
from cpaas.pipeline.types import Answer, Receipt


async def submit(world: World, *answers: Answer) -> list[Answer]:
    async with world.pool.acquire() as connection:
        return await straight.submit(connection, world.context(), answers)


async def deliver(world: World, expected: dict[Key, Answer], *receipts: Receipt) -> list[Receipt]:
    async with world.pool.acquire() as connection:
        return await straight.deliver(connection, world.context(), receipts, expected)


async def sent(world: World, count: int) -> tuple[list[Envelope], dict[Key, Answer]]:
    """So many messages that are SUBMITTED, and the answers that are held."""
    envelopes = [await world.message() for _ in range(count)]
    answers = [world.answer(one, f"p{n}") for n, one in enumerate(envelopes)]
    assert await submit(world, *answers) == []
    return envelopes, {(f"p{n}", 1): answer for n, answer in enumerate(answers)}


async def events(world: World) -> list[Any]:
    items = await world.items("cpaas.webhook")
    return [event for item in items for event in unpack_events(item["payload"]).events]


async def test_a_batch_is_submitted_and_delivered_whole(world: World) -> None:
    envelopes, expected = await sent(world, 3)
    for number, envelope in enumerate(envelopes):
        row = await world.row(envelope)
        assert (row["status"], row["provider_message_id"]) == ("SUBMITTED", f"p{number}")
        assert (row["submitted_at"], row["carrier_cost_micro"]) == (world.now_us, COST)
    assert await world.pool.fetchval("SELECT count(*) FROM provider_id") == 3
    assert await deliver(world, expected, *(world.receipt(f"p{n}") for n in range(3))) == []
    assert {(await world.row(one))["status"] for one in envelopes} == {"DELIVERED"}
    assert [one.type for one in await events(world)] == ["message.delivered"] * 3
    assert await world.counted() == {"submitted": 3, "delivered": 3, "cost": 3 * COST}


async def test_what_is_not_straight_goes_back_and_the_rest_goes(world: World) -> None:
    plain, failed, parts = [await world.message() for _ in range(3)]
    answers = [
        world.answer(plain, "p1"), world.answer(failed, error="carrier_queue_full"),
        world.answer(parts, "a", "b"),
    ]  # fmt: skip
    assert await submit(world, *answers) == answers[1:]
    assert (await world.row(plain))["status"] == "SUBMITTED"
    assert (await world.row(failed))["status"] == "SENDING"


async def test_a_message_of_which_a_batch_says_two_things_goes_back(world: World) -> None:
    one = await world.message()
    answers = [world.answer(one, "p1"), world.answer(one, "p2")]
    assert await submit(world, *answers) == answers
    _, expected = await sent(world, 1)
    receipts = [world.receipt("p0", "ENROUTE"), world.receipt("p0")]
    assert await deliver(world, expected, *receipts) == receipts
    assert await events(world) == []


async def test_one_that_went_on_otherwise_brings_all_back_and_nothing_is_done(
    world: World,
) -> None:
    envelopes, expected = await sent(world, 2)
    await world.pool.execute(
        "UPDATE message SET status = 'FAILED' WHERE id = $1", envelopes[1].messages[0].id
    )
    receipts = [world.receipt("p0"), world.receipt("p1")]
    assert await deliver(world, expected, *receipts) == receipts
    assert (await world.row(envelopes[0]))["status"] == "SUBMITTED"
    assert await events(world) == []
    assert await world.counted() == {"submitted": 2, "cost": 2 * COST}


async def test_what_was_given_back_is_asked_for_and_not_assumed(world: World) -> None:
    envelopes, expected = await sent(world, 1)
    await world.pool.execute(
        "UPDATE message SET refunded_micro = $2 WHERE id = $1", envelopes[0].messages[0].id, PRICE
    )
    receipts = [world.receipt("p0")]
    assert await deliver(world, expected, *receipts) == receipts


async def test_a_batch_that_is_settled_already_goes_back_whole(world: World) -> None:
    """As after a commit whose answer was lost: the ordinary way finds that nothing is left."""
    _, expected = await sent(world, 2)
    answers = list(expected.values())
    assert await submit(world, *answers) == answers
    receipts = [world.receipt("p0"), world.receipt("p1")]
    assert await deliver(world, expected, *receipts) == []
    assert await deliver(world, expected, *receipts) == receipts
    assert len(await events(world)) == 2


async def test_a_receipt_whose_message_is_not_held_goes_back(world: World) -> None:
    await sent(world, 1)
    receipts = [world.receipt("p0")]
    assert await deliver(world, {}, *receipts) == receipts


@pytest.mark.parametrize("changes", [{"attempt": 2}, {"tries": 1}])
async def test_a_further_attempt_is_looked_up_and_a_further_try_is_not(
    world: World, changes: dict[str, Any]
) -> None:
    """A second attempt may be answered with an id that the message had before."""
    envelope = await world.message(**changes)
    if "attempt" in changes:
        await world.pool.execute(
            "UPDATE message SET attempt = 2 WHERE id = $1", envelope.messages[0].id
        )
    answer = world.answer(envelope, "p1")
    assert await submit(world, answer) == ([answer] if "attempt" in changes else [])
