"""Answers and receipts on a real database: what each does to message, money, figures, events."""

import asyncio
from typing import Any

import asyncpg
import pytest
from tests.pipeline.world import COST, INSTANCE, PRICE, World, account, snapshot

from cpaas.messages.envelopes import unpack, unpack_events
from cpaas.pipeline.answers import commit_answers
from cpaas.pipeline.receipts import commit_receipts
from cpaas.pipeline.settle import Settler
from cpaas.pipeline.types import Answer, Receipt


async def answers(world: World, *given: Answer) -> None:
    async with world.pool.acquire() as connection, connection.transaction():
        await commit_answers(connection, world.context(), given)


async def receipts(world: World, *given: Receipt) -> None:
    async with world.pool.acquire() as connection, connection.transaction():
        await commit_receipts(connection, world.context(), given)


async def test_accepted_then_delivered_then_read(world: World) -> None:
    sent = await world.message()
    await answers(world, world.answer(sent, "p1"))
    row = await world.row(sent)
    assert (row["status"], row["provider_message_id"]) == ("SUBMITTED", "p1")
    assert row["submitted_at"] == world.now_us
    assert row["carrier_cost_micro"] == COST
    assert await world.items("cpaas.webhook") == []
    await receipts(world, world.receipt("p1"), world.receipt("p1", "READ"))
    row = await world.row(sent)
    assert row["status"] == "READ"
    assert row["delivered_at"]
    assert row["read_at"]
    assert row["final_by"] == INSTANCE
    assert await world.counted() == {"submitted": 1, "delivered": 1, "read": 1, "cost": COST}
    items = await world.items("cpaas.webhook")
    events = [event for item in items for event in unpack_events(item["payload"]).events]
    assert [e.type for e in events] == ["message.delivered", "message.read"]
    assert await world.kinds(sent) == []


async def test_read_without_delivered_counts_both(world: World) -> None:
    sent = await world.message()
    await answers(world, world.answer(sent, "p1"))
    await receipts(world, world.receipt("p1", "READ"))
    assert await world.counted() == {"submitted": 1, "delivered": 1, "read": 1, "cost": COST}


async def test_everything_twice_changes_nothing(world: World) -> None:
    sent = await world.message()
    for _ in range(2):
        await answers(world, world.answer(sent, "p1"))
    for _ in range(2):
        await receipts(world, world.receipt("p1"), world.receipt("p1"))
    assert (await world.counted())["delivered"] == 1
    assert len(await world.items("cpaas.webhook")) == 1
    assert await world.kinds(sent) == []


async def test_a_late_receipt_is_kept_and_changes_nothing(world: World) -> None:
    sent = await world.message()
    await answers(world, world.answer(sent, "p1"))
    await receipts(world, world.receipt("p1"))
    await receipts(world, world.receipt("p1", "FAILED"))
    assert (await world.row(sent))["status"] == "DELIVERED"
    assert await world.kinds(sent) == ["late_receipt"]


@pytest.mark.parametrize("policy", [True, False])
async def test_a_carriers_failure_is_refunded_by_policy(world: World, policy: bool) -> None:
    world.snapshot = snapshot([account(1, refund_failed=policy)])
    sent = await world.message()
    before = await world.balance()
    await answers(world, world.answer(sent, "p1"))
    await receipts(world, world.receipt("p1", "FAILED"))
    row = await world.row(sent)
    assert (row["status"], row["error_code"]) == ("FAILED", "010")
    assert row["refunded_micro"] == (PRICE if policy else 0)
    assert await world.balance() - before == (PRICE if policy else 0)
    assert (await world.counted()).get("refunded_micro", 0) == (PRICE if policy else 0)
    await world.money_adds_up()


async def test_refused_is_rejected_and_refunded(world: World) -> None:
    before = await world.balance()
    sent = await world.message()
    await answers(world, world.answer(sent, None, error="invalid_destination"))
    row = await world.row(sent)
    assert (row["status"], row["error_code"]) == ("REJECTED", "invalid_destination")
    assert await world.balance() == before
    assert await world.counted() == {"rejected": 1, "refunded_micro": PRICE}
    await world.money_adds_up()


async def test_throttled_goes_again_on_the_same_route(world: World) -> None:
    sent = await world.message()
    for attempt in (1, 2):
        sent.messages[0].attempt = attempt
        await world.pool.execute("UPDATE message SET status = 'SENDING'")
        await answers(world, world.answer(sent, None, error="carrier_throttled"))
        items = await world.items("submit_smpp1")
        assert len(items) == attempt
        sent = unpack(items[-1]["payload"])
    assert 0 < items[-1]["delay"] <= 1
    assert (sent.messages[0].attempt, sent.messages[0].tries) == (3, 2)
    row = await world.row(sent)
    assert (row["status"], row["attempt"], row["claimed_by"]) == ("QUEUED", 3, 0)
    assert await world.kinds(sent) == ["throttled"]


async def test_temporary_faults_end_in_another_route_and_then_in_failure(world: World) -> None:
    before = await world.balance()
    sent = await world.message(plan=[1, 2], tries=4)
    await answers(world, world.answer(sent, None, error="carrier_temporary"))
    (item,) = await world.items("submit_smpp2")
    following = unpack(item["payload"])
    assert (following.plan, following.messages[0].tries) == ([2], 0)
    assert await world.kinds(sent) == ["failover"]
    await world.pool.execute("UPDATE message SET status = 'SENDING'")
    following.messages[0].tries = 4
    await answers(world, world.answer(following, None, error="carrier_temporary", route_id=2))
    assert (await world.row(sent))["status"] == "FAILED"
    assert await world.balance() == before


async def test_no_route_left(world: World) -> None:
    sent = await world.message(plan=[])
    await answers(world, world.answer(sent, None, error="carrier_refused_route"))
    row = await world.row(sent)
    assert (row["status"], row["error_code"], row["refunded_micro"]) == (
        "REJECTED", "no_route_left", PRICE,
    )  # fmt: skip


async def test_a_down_route_without_another_is_waited_for(world: World) -> None:
    sent = await world.message(plan=[])
    await answers(world, world.answer(sent, None, error="route_down"))
    (item,) = await world.items("submit_smpp1")
    assert item["delay"] > 3


async def test_a_retry_after_the_validity_expires(world: World) -> None:
    sent = await world.message(valid_until_us=world.now_us + 500_000)
    await answers(world, world.answer(sent, None, error="carrier_throttled"))
    row = await world.row(sent)
    assert (row["status"], row["refunded_micro"]) == ("EXPIRED", PRICE)
    await world.money_adds_up()


async def test_parts_are_delivered_together(world: World) -> None:
    sent = await world.message(segments=2)
    await answers(world, world.answer(sent, "p1", "p2"))
    assert (await world.row(sent))["provider_message_id"] == "p1"
    await receipts(world, world.receipt("p2"))
    assert (await world.row(sent))["status"] == "SUBMITTED"
    await receipts(world, world.receipt("p1"))
    assert (await world.row(sent))["status"] == "DELIVERED"


async def test_one_failed_part_fails_the_message(world: World) -> None:
    sent = await world.message(segments=3)
    await answers(world, world.answer(sent, "p1", "p2", "p3"))
    await receipts(world, world.receipt("p3"), world.receipt("p2", "FAILED"), world.receipt("p1"))
    assert (await world.row(sent))["status"] == "FAILED"


async def test_only_missing_parts_go_again_on_the_same_route(world: World) -> None:
    sent = await world.message(segments=2, plan=[1, 2], parts_ref=9)
    await answers(world, world.answer(sent, "p1", None, error="carrier_refused_route"))
    (item,) = await world.items("submit_smpp1")
    again = unpack(item["payload"])
    assert (again.messages[0].parts_done, again.messages[0].parts_ref) == ([1], 9)
    await receipts(world, world.receipt("p1"))
    assert (await world.row(sent))["status"] == "QUEUED"
    await world.pool.execute("UPDATE message SET status = 'SENDING'")
    await answers(world, world.answer(again, None, "p2"))
    await receipts(world, world.receipt("p2"))
    assert (await world.row(sent))["status"] == "DELIVERED"


async def test_a_part_accepted_without_an_id_is_not_sent_again(world: World) -> None:
    sent = await world.message(segments=2)
    await answers(world, world.answer(sent, "", None, error="carrier_throttled"))
    (item,) = await world.items("submit_smpp1")
    assert unpack(item["payload"]).messages[0].parts_done == [1]
    # An id that is none belongs to nobody.
    await receipts(world, world.receipt(""))
    assert await world.pool.fetchval("SELECT count(*) FROM unmatched_receipt") == 1
    assert await world.pool.fetchval("SELECT status FROM message_part") == "SUBMITTED"


async def test_what_a_deleted_route_shall_send_again_is_routed_anew(world: World) -> None:
    sent = await world.message(plan=[9])
    await answers(world, world.answer(sent, None, error="carrier_throttled", route_id=9))
    (item,) = await world.items("cpaas.sms.submit")
    assert unpack(item["payload"]).messages[0].attempt == 2
    assert (await world.row(sent))["status"] == "QUEUED"


async def test_an_unknown_outcome_is_left_to_recovery(world: World) -> None:
    sent = await world.message()
    await answers(world, world.answer(sent, None, error="unknown_outcome"))
    assert (await world.row(sent))["status"] == "SENDING"
    assert await world.kinds(sent) == ["unknown_outcome"]


async def test_a_receipt_before_its_answer_costs_as_much(world: World) -> None:
    sent = await world.message()
    await world.pool.execute("UPDATE message SET provider_message_id = 'b'")
    await world.pool.execute("INSERT INTO provider_id SELECT 'b', id, account_id FROM message")
    await receipts(world, world.receipt("b"))
    for _ in range(2):
        await answers(world, world.answer(sent, "b"))
    row = await world.row(sent)
    assert (row["status"], row["carrier_cost_micro"]) == ("DELIVERED", COST)
    assert (await world.counted())["cost"] == COST


async def test_an_answer_after_its_attempt_keeps_the_id(world: World) -> None:
    sent = await world.message()
    await world.pool.execute("UPDATE message SET status = 'SENDING', attempt = 2")
    await answers(world, world.answer(sent, "old"))
    assert await world.kinds(sent) == ["late_answer"]
    await receipts(world, world.receipt("old"))
    assert (await world.row(sent))["status"] == "DELIVERED"


async def test_an_unknown_receipt_is_kept(world: World) -> None:
    await receipts(world, world.receipt("never\0seen"))
    row = await world.pool.fetchrow("SELECT * FROM unmatched_receipt")
    assert (row["provider_message_id"], row["tries"]) == ("neverseen", 0)


async def test_a_test_message_counts_nothing(world: World) -> None:
    sent = await world.message()
    sent.is_test = True
    await world.pool.execute("UPDATE message SET is_test = true")
    await answers(world, world.answer(sent, "p1"))
    assert await world.counted() == {}


def settler(world: World, **options: Any) -> Settler:
    return Settler(
        world.pool, lambda: world.snapshot, INSTANCE, lambda: world.now_us,
        on_receipts_committed=world.committed.extend, **options,
    )  # fmt: skip


async def test_a_receipt_waits_for_its_answers_commit(world: World) -> None:
    sent = [await world.message() for _ in range(40)]
    settle = settler(world)
    settle.answers([world.answer(one, f"p{n}") for n, one in enumerate(sent)])
    settle.receipts([world.receipt(f"p{n}") for n in range(40)])
    assert world.committed == []
    running = asyncio.create_task(settle.run())
    await settle.drain()
    running.cancel()
    assert sorted(world.committed, key=str) == sorted((f"p{n}" for n in range(40)), key=str)
    assert {(await world.row(one))["status"] for one in sent} == {"DELIVERED"}
    assert await world.pool.fetchval("SELECT count(*) FROM unmatched_receipt") == 0
    assert not settle._uncommitted


async def test_a_bad_receipt_does_not_hold_up_the_others(world: World) -> None:
    sent = await world.message()
    await answers(world, world.answer(sent, "good"))
    bad = world.receipt("bad")
    bad.route_id = 2**70
    settle = settler(world)
    settle.receipts([world.receipt("other"), bad, world.receipt("good")])
    running = asyncio.create_task(settle.run())
    await settle.drain()
    running.cancel()
    assert (await world.row(sent))["status"] == "DELIVERED"
    assert len(world.committed) == 3


async def test_a_bad_answer_becomes_an_unknown_outcome(world: World) -> None:
    sent, other = await world.message(), await world.message()
    bad = world.answer(sent, "p1")
    bad.route_id = 2**70
    settle = settler(world)
    settle.answers([bad, world.answer(other, "p2")])
    running = asyncio.create_task(settle.run())
    await settle.drain()
    running.cancel()
    assert (await world.row(other))["status"] == "SUBMITTED"
    assert (await world.row(sent))["status"] == "SENDING"


async def test_full_tells_when_receipts_must_be_refused(world: World) -> None:
    settler = Settler(
        world.pool, lambda: world.snapshot, INSTANCE, lambda: world.now_us,
        on_receipts_committed=world.committed.extend, receipts_held_max=3,
    )  # fmt: skip
    sent = await world.message()
    settler.answers([world.answer(sent, "p1")])
    settler.receipts([world.receipt("p1"), world.receipt("p2")])
    assert not settler.full
    settler.receipts([world.receipt("p3")])
    assert settler.full


async def test_room_tells_how_many_more(world: World) -> None:
    settle = settler(world, receipts_max=3)
    settle.receipts([world.receipt("a"), world.receipt("b")])
    assert settle.room == 1
    settle.receipts([world.receipt("c"), world.receipt("d")])
    assert settle.room == 0


async def test_a_database_that_goes_away_loses_nothing(world: World, dsn: str) -> None:
    sent = [await world.message() for _ in range(20)]
    database = dsn.rpartition("/")[2]
    other = await asyncpg.connect(dsn.replace(database, "postgres"))
    await other.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database
    )
    settle = settler(world)
    settle.answers([world.answer(one, f"p{n}") for n, one in enumerate(sent)])
    settle.receipts([world.receipt("p3"), world.receipt("elsewhere")])
    running = asyncio.create_task(settle.run())
    async with asyncio.timeout(60):
        while settle.room or settle.answers_room:
            await asyncio.sleep(0.01)
    assert world.committed == []
    await other.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
    await other.close()
    async with asyncio.timeout(60):
        await settle.drain()
    running.cancel()
    assert sorted(world.committed, key=str) == ["elsewhere", "p3"]
    assert (await world.row(sent[3]))["status"] == "DELIVERED"
    assert (await world.row(sent[4]))["status"] == "SUBMITTED"
    assert settle.room
