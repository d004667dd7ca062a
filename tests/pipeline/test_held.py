"""What a restored backup had under way: held, matched by receipts, decided by an operator."""

from typing import Any

import pytest
from tests.pipeline.world import PRICE, World

from cpaas.broker.base import NewItem
from cpaas.broker.embedded import publish
from cpaas.kit.ids import lowest_at
from cpaas.messages.envelopes import Envelope, pack, unpack
from cpaas.pipeline import held, held_queries, overdue, unknown
from cpaas.pipeline.receipts import commit_receipts
from cpaas.pipeline.waits import Heartbeats, Waits

MADE_AT = "2026-11-26T00:00:00+00:00"
START = lowest_at(0).bytes
DAY_US = 86_400_000_000


async def queue(
    world: World, envelope: Envelope, name: str = "cpaas.sms.submit", delay_ms: int = 0
) -> None:
    async with world.pool.acquire() as connection:
        await publish(connection, [NewItem(name, 1, 1, 1, pack(envelope), delay_ms)])


async def hold(world: World) -> held.Held:
    async with world.pool.acquire() as connection:
        return await held.hold(connection, "cli:test", MADE_AT)


async def sweep(world: World) -> int:
    async with world.pool.acquire() as connection, connection.transaction():
        return await held.sweep(connection, world.context())


async def decide(world: World, decision: held.Decision, **which: Any) -> held.Decided:
    async with world.pool.acquire() as connection, connection.transaction():
        return await held.decide(connection, world.context(), decision, "cli:test", **which)


async def receipts(world: World, *names: str) -> None:
    for name in names:
        async with world.pool.acquire() as connection:
            await commit_receipts(connection, world.context(), [world.receipt(name)])


async def scheduled(world: World, send_in_us: int) -> Envelope:
    sent = await world.message("SCHEDULED")
    sent.scheduled = True
    await world.pool.execute(
        "UPDATE message SET send_at = $2 WHERE id = $1", sent.messages[0].id,
        world.now_us + send_in_us,
    )  # fmt: skip
    return sent


async def test_all_that_may_have_been_sent_is_held_and_the_rest_goes_on(world: World) -> None:
    queued, sending = await world.message("QUEUED"), await world.message("SENDING")
    past, later = await scheduled(world, -1_000_000), await scheduled(world, DAY_US)
    done = await world.message("DELIVERED")
    await queue(world, queued, "submit_smpp1")
    retried = await world.message("QUEUED")
    retried.scheduled = False
    await queue(world, retried, delay_ms=3_600_000)
    await queue(world, past)
    await queue(world, later, delay_ms=86_400_000)
    await queue(world, done, "cpaas.webhook")
    await queue(world, done, "cpaas.something.new")
    assert await hold(world) == held.Held(messages=4, scheduled_later=1, buried=1)
    for one in (queued, sending, past, retried):
        row = await world.row(one)
        assert (row["status"], row["claimed_by"], row["attempt"]) == ("SENDING", 0, 1)
        assert await world.kinds(one) == ["held"]
    assert (await world.row(later))["status"] == "SCHEDULED"
    left = await world.pool.fetch("SELECT queue FROM queue_item ORDER BY id")
    assert [row[0] for row in left] == ["cpaas.sms.submit", "cpaas.webhook"]
    assert await world.pool.fetchval("SELECT queue FROM dead_letter") == "cpaas.something.new"


async def test_with_nothing_held_all_of_it_is_free_at_once(world: World) -> None:
    sent = await world.message("QUEUED")
    await queue(world, sent)
    await world.pool.execute(
        "UPDATE queue_item SET leased_by = 7, relayed_at = now(),"
        " available_at = now() + interval '1 hour'"
    )
    async with world.pool.acquire() as connection:
        await held.let_go(connection)
    assert (await world.row(sent))["status"] == "QUEUED"
    [item] = await world.items("cpaas.sms.submit")
    assert (item["leased_by"], item["relayed_at"]) == (0, None)
    assert item["delay"] <= 0


async def test_no_broker_can_mistake_a_new_item_for_an_old_one(world: World) -> None:
    await queue(world, await world.message("QUEUED"))
    await queue(world, await world.message("DELIVERED"), "cpaas.webhook")
    before = await world.pool.fetchval("SELECT max(id) FROM queue_item")
    await hold(world)
    await queue(world, await world.message("QUEUED"))
    after = await world.pool.fetchval("SELECT max(id) FROM queue_item")
    assert after > before + held_queries.ITEM_IDS_SKIPPED


async def test_no_sweep_and_no_policy_touches_what_is_held(world: World) -> None:
    sent = await world.message("SENDING", lane="otp", claimed_by=77)
    async with world.pool.acquire() as connection:
        from cpaas.pipeline.answers import commit_answers

        unknown_answer = world.answer(sent, None, error="unknown_outcome")
        await commit_answers(connection, world.context(), [unknown_answer])
    await hold(world)
    world.now_us += 2 * unknown.WAIT_US
    async with world.pool.acquire() as connection, connection.transaction():
        await unknown.sweep_dead(connection, world.context(), Heartbeats(), dead_after_seconds=0)
        waits = Waits()
        assert (
            await unknown.sweep_unknown(connection, world.context(), START, waits, wait_us=0)
            > START
        )
    assert (await world.row(sent))["status"] == "SENDING"
    assert await world.kinds(sent) == ["unknown_outcome", "held"]


@pytest.mark.parametrize("segments", [1, 3])
async def test_receipts_of_what_was_sent_since_find_it(world: World, segments: int) -> None:
    """It waited in the backup, so that nobody knew its route; the receipts do."""
    sent = await world.message("QUEUED", segments=segments)
    await world.pool.execute("UPDATE message SET route_id = 0, claimed_at = NULL")
    await hold(world)
    names = [f"p{n}" for n in range(segments)]
    for name in names:
        assert await sweep(world) == 0
        await receipts(world, name)
    assert await sweep(world) == 1
    async with world.pool.acquire() as connection, connection.transaction():
        await overdue.sweep_unmatched(connection, world.context())
    row = await world.row(sent)
    assert (row["status"], row["route_id"]) == ("DELIVERED", 1)
    assert await world.kinds(sent) == ["held", "adopted"]
    assert await world.pool.fetchval("SELECT count(*) FROM held_message") == 0
    await world.money_adds_up()


async def test_a_receipt_that_fits_two_settles_neither(world: World) -> None:
    await world.message("QUEUED")
    await world.message("SENDING")
    await hold(world)
    await receipts(world, "p1")
    assert await sweep(world) == 0


async def test_an_operator_sends_again(world: World) -> None:
    sent = await world.message("QUEUED")
    await hold(world)
    done = await decide(world, "send")
    assert (done.sent, done.ended, done.partly) == (1, 0, 0)
    assert (await decide(world, "send", after=done.last)).last == b""
    row = await world.row(sent)
    assert (row["status"], row["attempt"]) == ("QUEUED", 2)
    [item] = await world.items("cpaas.sms.submit")
    assert unpack(item["payload"]).messages[0].attempt == 2
    assert await world.kinds(sent) == ["held", "queued", "resent"]


async def test_an_operator_ends(world: World) -> None:
    sent = await world.message("QUEUED")
    await hold(world)
    assert (await decide(world, "end")).ended == 1
    row = await world.row(sent)
    assert (row["status"], row["error_code"], row["refunded_micro"]) == (
        "FAILED", "unknown_outcome", 0,
    )  # fmt: skip
    assert row["price_micro"] == PRICE
    assert await world.pool.fetchval("SELECT count(*) FROM held_message") == 0
    await world.money_adds_up()


async def test_a_decision_is_about_those_named(world: World) -> None:
    otp = await world.message("QUEUED", lane="otp")
    other = await world.message("SENDING")
    await hold(world)
    assert (await decide(world, "end", lane="promotional")).last == b""
    assert (await decide(world, "end", account_id=2)).last == b""
    assert (await decide(world, "send", lane="otp")).sent == 1
    assert (await decide(world, "end", was="SENDING")).ended == 1
    assert [(await world.row(one))["status"] for one in (otp, other)] == ["QUEUED", "FAILED"]


async def test_what_a_carrier_has_in_part_is_not_sent_again_whole(world: World) -> None:
    sent = await world.message("SENDING", segments=2)
    await hold(world)
    await world.pool.execute(
        """INSERT INTO message_part (message_id, attempt, part_no, account_id, route_id, status)
           VALUES ($1, 1, 1, 1, 1, 'SUBMITTED')""",
        sent.messages[0].id,
    )
    done = await decide(world, "send")
    assert (done.sent, done.partly) == (0, 1)
    assert (await world.row(sent))["status"] == "SENDING"
    assert (await decide(world, "end")).ended == 1


async def test_what_went_on_by_itself_is_held_no_longer(world: World) -> None:
    sent = await world.message("SENDING")
    await hold(world)
    await world.pool.execute(
        "UPDATE message SET status = 'DELIVERED' WHERE id = $1", sent.messages[0].id
    )
    await sweep(world)
    assert await world.pool.fetchval("SELECT count(*) FROM held_message") == 0


async def test_the_list_tells_what_is_held(world: World) -> None:
    await world.message("QUEUED", lane="otp")
    await world.message("SENDING")
    await hold(world)
    async with world.pool.acquire() as connection:
        rows = await held_queries.waiting(connection, world.now_us)
    assert [(one.account, one.lane, one.was, one.messages, one.still_valid) for one in rows] == [
        ("a1", "otp", "QUEUED", 1, 1), ("a1", "transactional", "SENDING", 1, 1),
    ]  # fmt: skip
