"""Recovery on a real database: what dead processes left, late receipts, silence, housekeeping."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from tests.pipeline.world import PRICE, account, data_plane_pool, route, snapshot
from tests.pipeline.world import World as PlainWorld

from cpaas.kit.ids import lowest_at
from cpaas.messages.envelopes import Envelope, unpack
from cpaas.pipeline import overdue, recover_queries, unknown
from cpaas.pipeline.answers import commit_answers
from cpaas.pipeline.receipts import commit_receipts
from cpaas.pipeline.recover import jobs, run_once, run_sweeps
from cpaas.pipeline.types import ReceiptState
from cpaas.pipeline.waits import Heartbeats, Waits

HOUR_US = 3_600_000_000
START = lowest_at(0).bytes
DEAD_SECONDS = 15


class World(PlainWorld):
    """With what one recovering process has seen, by a clock that moves with the world's."""

    def __init__(self, pool: Any, now_us: int) -> None:
        super().__init__(pool, now_us)
        self.passed = 0.0
        self.waits = Waits(lambda: self.now_us / 1_000_000)
        self.hearts = Heartbeats(lambda: self.passed)

    async def sweep_dead(self) -> int:
        """As one process does it every two seconds, over a time in which others must beat."""
        for _ in range(0, DEAD_SECONDS, 2):
            await sweep(self, unknown.sweep_dead, self.hearts)
            self.passed += 2
        return int(await sweep(self, unknown.sweep_dead, self.hearts))


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with data_plane_pool(dsn) as pool:
        made = World(pool, time.time_ns() // 1000)
        await made.open_account()
        await link(made, binds_up=1)
        yield made


async def link(world: World, *, binds_up: int) -> None:
    """The route's holder lives; it told an hour ago how many binds stand, unchanged since."""
    await world.pool.execute(
        """WITH holder AS (
             INSERT INTO service_instance (id, service, heartbeat_at, recovered_at)
             OVERRIDING SYSTEM VALUE
             VALUES (7, 'cpaas-sms', now() + interval '1 hour', now())
             ON CONFLICT (id) DO NOTHING)
           INSERT INTO route_state
             (route_id, instance_id, state, binds_up, binds_wanted, updated_at)
           VALUES (1, 7, 'up', $1, 1, now() - interval '1 hour')
           ON CONFLICT (route_id) DO UPDATE SET binds_up = excluded.binds_up""",
        binds_up,
    )


async def sweep(world: World, one: Callable[..., Awaitable[Any]], *values: Any) -> Any:
    async with world.pool.acquire() as connection, connection.transaction():
        return await one(connection, world.context(), *values)


async def decide(world: World) -> bytes:
    after: bytes = await sweep(world, unknown.sweep_unknown, START, world.waits)
    return after


async def wait_is_over(world: World) -> None:
    """What was seen waiting has waited long enough."""
    await decide(world)
    world.now_us += unknown.WAIT_US


async def instance(world: World, *, seconds_ago: float) -> int:
    value = await world.pool.fetchval(
        """INSERT INTO service_instance (service, heartbeat_at)
           VALUES ('cpaas-sms', now() - $1 * interval '1 second') RETURNING id""",
        seconds_ago,
    )
    return int(value)


async def unknown_message(world: World, **changes: Any) -> Envelope:
    sent = await world.message(**changes)
    async with world.pool.acquire() as connection:
        answer = world.answer(sent, None, error="unknown_outcome")
        await commit_answers(connection, world.context(), [answer])
    return sent


async def early_receipt(world: World, provider_id: str = "p1") -> None:
    async with world.pool.acquire() as connection:
        await commit_receipts(connection, world.context(), [world.receipt(provider_id)])


async def test_only_dead_instances_rows_are_noted_and_once(world: World) -> None:
    # Stamps say nothing: the heart of the one that looks older than the other beats.
    dead, alive = await instance(world, seconds_ago=-60), await instance(world, seconds_ago=60)
    left = await world.message(claimed_by=dead)
    running = await world.message(claimed_by=alive)
    noted = []
    for _ in range(DEAD_SECONDS):
        await world.pool.execute(
            "UPDATE service_instance SET heartbeat_at = heartbeat_at + interval '1 second'"
            " WHERE id = $1",
            alive,
        )
        noted.append(await sweep(world, unknown.sweep_dead, world.hearts))
        world.passed += 2
    assert sum(noted) == 1
    assert noted.index(1) == DEAD_SECONDS // 2 + 1
    assert await world.kinds(left) == ["unknown_outcome"]
    assert await world.kinds(running) == []


async def test_who_ended_in_good_order_is_swept_at_once(world: World) -> None:
    ended = await instance(world, seconds_ago=0)
    await world.pool.execute("UPDATE service_instance SET stopped_at = now()")
    await world.message(claimed_by=ended)
    assert await sweep(world, unknown.sweep_dead, world.hearts) == 1
    assert await sweep(world, unknown.sweep_dead, world.hearts) == 0


async def test_nobody_is_dead_for_the_time_that_the_database_was_away(world: World) -> None:
    await world.message(claimed_by=await instance(world, seconds_ago=0))
    for seconds in (2, 60, 2, 2):
        assert await sweep(world, unknown.sweep_dead, world.hearts) == 0
        world.passed += seconds


async def test_nothing_is_decided_before_its_time(world: World) -> None:
    sent = await unknown_message(world, lane="otp")
    assert await decide(world) == START
    assert (await world.row(sent))["status"] == "SENDING"


async def test_an_otp_is_sent_again(world: World) -> None:
    sent = await unknown_message(world, lane="otp")
    await wait_is_over(world)
    assert await decide(world) > START
    (item,) = await world.items("cpaas.sms.submit")
    again = unpack(item["payload"])
    assert (again.lane, again.plan, again.messages[0].attempt) == ("otp", [], 2)
    row = await world.row(sent)
    assert (row["status"], row["attempt"]) == ("QUEUED", 2)
    assert await world.kinds(sent) == ["unknown_outcome", "resent"]


async def test_a_message_whose_outcome_is_unknown_twice_is_decided_twice(world: World) -> None:
    sent = await unknown_message(world, lane="otp")
    await wait_is_over(world)
    await decide(world)
    message = sent.messages[0]
    await world.pool.execute("UPDATE message SET status = 'SENDING' WHERE id = $1", message.id)
    message.attempt = 2
    async with world.pool.acquire() as connection:
        answer = world.answer(sent, None, error="unknown_outcome")
        await commit_answers(connection, world.context(), [answer])
    # Somebody who begins from the start, as after a restart, sees both notes at once.
    assert await decide(world) == START
    await wait_is_over(world)
    assert await decide(world) > START
    row = await world.row(sent)
    assert (row["status"], row["attempt"]) == ("QUEUED", 3)


async def test_others_fail_and_keep_their_price(world: World) -> None:
    sent = await unknown_message(world)
    await wait_is_over(world)
    await decide(world)
    row = await world.row(sent)
    assert (row["status"], row["error_code"], row["refunded_micro"]) == (
        "FAILED", "unknown_outcome", 0,
    )  # fmt: skip
    assert await world.kinds(sent) == ["unknown_outcome", "given_up"]
    await world.money_adds_up()


@pytest.mark.parametrize(
    ("lane", "policy", "status"),
    [("otp", "fail", "FAILED"), ("promotional", "resend", "QUEUED")],
)
async def test_the_accounts_policy_decides(
    world: World, lane: str, policy: str, status: str
) -> None:
    world.snapshot = snapshot([account(1, unknown=policy, refund_failed=True)])
    sent = await unknown_message(world, lane=lane)
    await wait_is_over(world)
    await decide(world)
    row = await world.row(sent)
    assert row["status"] == status
    assert row["refunded_micro"] == (PRICE if status == "FAILED" else 0)


@pytest.mark.parametrize(("lane", "status"), [("otp", "QUEUED"), ("transactional", "FAILED")])
async def test_a_call_is_never_repeated_but_for_a_code(
    world: World, lane: str, status: str
) -> None:
    world.snapshot = snapshot([account(1, unknown="resend")])
    sent = await unknown_message(world, lane=lane)
    await world.pool.execute("UPDATE message SET channel = 'voice'")
    await wait_is_over(world)
    await decide(world)
    assert (await world.row(sent))["status"] == status


async def test_a_receipt_that_fits_alone_is_adopted(world: World) -> None:
    sent = await unknown_message(world)
    await early_receipt(world)
    await decide(world)
    row = await world.row(sent)
    assert (row["status"], row["provider_message_id"]) == ("SUBMITTED", "p1")
    assert await sweep(world, overdue.sweep_unmatched) == 1
    assert (await world.row(sent))["status"] == "DELIVERED"
    assert await world.pool.fetchval("SELECT count(*) FROM unmatched_receipt") == 0
    assert await world.kinds(sent) == ["unknown_outcome", "adopted"]


async def test_nothing_is_ended_while_its_carrier_cannot_tell(world: World) -> None:
    """Its receipt waits there: it comes when the link does."""
    sent, otp = await unknown_message(world), await unknown_message(world, lane="otp", to="911")
    await link(world, binds_up=0)
    await wait_is_over(world)
    await decide(world)
    assert (await world.row(sent))["status"] == "SENDING"
    assert (await world.row(otp))["status"] == "QUEUED", "another route may have it sooner"
    await link(world, binds_up=1)
    await early_receipt(world)
    await decide(world)
    assert (await world.row(sent))["status"] == "SUBMITTED"


async def test_what_a_dead_process_told_of_its_links_holds_no_more(world: World) -> None:
    sent = await unknown_message(world)
    beat = "UPDATE service_instance SET heartbeat_at = now() + $1 * interval '1 minute'"
    await world.pool.execute(beat, -1.0)
    await wait_is_over(world)
    await decide(world)
    assert (await world.row(sent))["status"] == "SENDING"
    await world.pool.execute(beat, 1.0)
    await wait_is_over(world)
    await decide(world)
    assert (await world.row(sent))["error_code"] == "unknown_outcome"


async def test_the_wait_for_a_carrier_has_an_end(world: World) -> None:
    sent = await unknown_message(world)
    await link(world, binds_up=0)
    world.now_us += unknown.PATIENCE_US
    await wait_is_over(world)
    await decide(world)
    assert (await world.row(sent))["error_code"] == "unknown_outcome"


async def test_many_that_wait_hide_none_that_can_be_settled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three kills in a minute leave more than one page of them."""
    monkeypatch.setattr(unknown, "BATCH_MAX", 2)
    for number in range(5):
        await unknown_message(world, to=f"91987650000{number}")
    sent = await unknown_message(world)
    await early_receipt(world)
    assert await decide(world) == START
    assert (await world.row(sent))["status"] == "SUBMITTED"
    await wait_is_over(world)
    assert await decide(world) > START
    waiting = "SELECT count(*) FROM message WHERE status = 'SENDING'"
    assert await world.pool.fetchval(waiting) == 0


async def test_a_receipt_that_fits_two_is_not_adopted(world: World) -> None:
    sent = await unknown_message(world)
    await world.message()
    await early_receipt(world)
    await decide(world)
    assert (await world.row(sent))["status"] == "SENDING"


async def test_two_receipts_for_one_message_are_not_adopted(world: World) -> None:
    sent = await unknown_message(world)
    await early_receipt(world, "p1")
    await early_receipt(world, "p2")
    await decide(world)
    assert (await world.row(sent))["status"] == "SENDING"


@pytest.mark.parametrize(
    ("states", "status"),
    [(("DELIVERED", "DELIVERED"), "DELIVERED"), (("DELIVERED", "FAILED"), "FAILED")],
)
async def test_a_long_message_is_adopted_when_every_part_has_its_receipt(
    world: World, states: tuple[ReceiptState, ReceiptState], status: str
) -> None:
    sent = await unknown_message(world, segments=2)
    for name, state in zip(("p1", "p2"), states, strict=True):
        assert (await world.row(sent))["status"] == "SENDING"
        async with world.pool.acquire() as connection:
            await commit_receipts(connection, world.context(), [world.receipt(name, state)])
        await decide(world)
    assert (await world.row(sent))["status"] == "SUBMITTED"
    assert await sweep(world, overdue.sweep_unmatched) == 2
    assert (await world.row(sent))["status"] == status
    assert await world.pool.fetchval("SELECT count(*) FROM unmatched_receipt") == 0


async def test_the_part_that_was_answered_for_is_not_waited_for(world: World) -> None:
    sent = await world.message(segments=2)
    async with world.pool.acquire() as connection:
        answer = world.answer(sent, "p1", None, error="unknown_outcome")
        await commit_answers(connection, world.context(), [answer])
    for name in ("p1", "p2"):
        await early_receipt(world, name)
    await decide(world)
    assert await sweep(world, overdue.sweep_unmatched) == 1
    assert (await world.row(sent))["status"] == "DELIVERED"


async def test_a_long_message_that_went_as_one_has_one_receipt(world: World) -> None:
    whole = msgspec.structs.replace(route(1), settings={"long_message": "payload"})
    world.snapshot = snapshot(routes=[whole])
    sent = await unknown_message(world, segments=2)
    await early_receipt(world)
    await decide(world)
    await sweep(world, overdue.sweep_unmatched)
    assert (await world.row(sent))["status"] == "DELIVERED"


async def test_an_early_receipt_finds_its_message_later(world: World) -> None:
    await early_receipt(world)
    sent = await world.message()
    async with world.pool.acquire() as connection:
        await commit_answers(connection, world.context(), [world.answer(sent, "p1")])
    assert await sweep(world, overdue.sweep_unmatched) == 0
    world.now_us += 1_000_000
    assert await sweep(world, overdue.sweep_unmatched) == 1
    assert (await world.row(sent))["status"] == "DELIVERED"


async def test_a_receipt_without_a_message_is_given_up_after_three_days(world: World) -> None:
    await early_receipt(world)
    tries = 0
    for _ in range(200):
        world.now_us = await world.pool.fetchval("SELECT next_try_at FROM unmatched_receipt")
        tried = await sweep(world, overdue.sweep_unmatched)
        tries += tried
        if not tried:
            break
    row = await world.pool.fetchrow("SELECT * FROM unmatched_receipt")
    assert row["given_up_at"] - row["received_at"] >= 72 * HOUR_US
    assert 70 < tries < 90


async def test_silence_ends_after_three_days_without_refund(world: World) -> None:
    sent = await world.message()
    async with world.pool.acquire() as connection:
        await commit_answers(connection, world.context(), [world.answer(sent, "p1")])
    assert await sweep(world, overdue.sweep_silent) == 0
    world.now_us += 72 * HOUR_US + 1_000_000
    assert await sweep(world, overdue.sweep_silent) == 1
    row = await world.row(sent)
    assert (row["status"], row["error_code"], row["refunded_micro"]) == (
        "EXPIRED", "no_receipt", 0,
    )  # fmt: skip


async def test_stranded_messages_are_reported(world: World) -> None:
    assert await sweep(world, overdue.sweep_stranded) == 0
    await world.message("QUEUED")
    assert await sweep(world, overdue.sweep_stranded) == 1
    await world.pool.execute(
        "INSERT INTO queue_item (queue, payload) VALUES ('cpaas.sms.submit', '')"
    )
    assert await sweep(world, overdue.sweep_stranded) == 0


async def test_old_rows_go(world: World) -> None:
    await world.pool.execute(
        """INSERT INTO idempotency_key (account_id, key, body_hash, status, response, created_at)
           SELECT 1, n::text, '', 202, '', now() - n * interval '20 hours'
           FROM generate_series(0, 3) n"""
    )
    await world.pool.execute(
        """INSERT INTO unmatched_receipt (route_id, provider_message_id, state, given_up_at)
           SELECT 1, n::text, 'DELIVERED', now() - n * interval '20 days'
           FROM generate_series(0, 2) n"""
    )
    old = await instance(world, seconds_ago=8 * 86_400)
    await world.sweep_dead()
    kept = await instance(world, seconds_ago=8 * 86_400)
    assert await sweep(world, overdue.sweep_old_rows) == 4
    left = await world.pool.fetch("SELECT provider_message_id FROM unmatched_receipt ORDER BY 1")
    assert [row[0] for row in left] == ["0", "1"]
    ids = [row[0] for row in await world.pool.fetch("SELECT id FROM service_instance")]
    assert (old in ids, kept in ids) == (False, True)
    await sweep(world, overdue.sweep_partitions)


async def test_one_process_at_a_time_sweeps(world: World) -> None:
    job = jobs()[2]
    await early_receipt(world)
    world.now_us += 1_000_000
    async with world.pool.acquire() as other, other.transaction():
        assert await recover_queries.elect(other, job.number)
        await run_once(world.pool, job, world.context())
    assert await world.pool.fetchval("SELECT tries FROM unmatched_receipt") == 0
    await run_once(world.pool, job, world.context())
    assert await world.pool.fetchval("SELECT tries FROM unmatched_receipt") == 1


async def test_the_loop_brings_a_dead_senders_otp_back(world: World) -> None:
    dead = await instance(world, seconds_ago=60)
    await world.pool.execute("UPDATE service_instance SET stopped_at = now()")
    sent = await world.message(lane="otp", claimed_by=dead)
    running = asyncio.create_task(
        run_sweeps(
            world.pool, lambda: world.snapshot, 7, lambda: time.time_ns() // 1000,
            unknown_wait_us=0,
        )
    )  # fmt: skip
    async with asyncio.timeout(60):
        while (await world.row(sent))["status"] != "QUEUED":
            await asyncio.sleep(0.05)
    running.cancel()
    assert await world.kinds(sent) == ["unknown_outcome", "resent"]


async def test_an_rcs_message_is_asked_for_by_its_own_id_at_once(world: World) -> None:
    """Its hub refuses a second message of one id, so going again cannot make two."""
    sent = await unknown_message(world)
    await world.pool.execute("UPDATE message SET channel = 'rcs', fallback = '[]'")
    await decide(world)
    assert await world.kinds(sent) == ["unknown_outcome", "repeated"]
    (row,) = await world.pool.fetch("SELECT queue, payload FROM queue_item")
    again = unpack(row["payload"])
    assert (row["queue"], again.plan) == ("submit_smpp1", [1])
    assert (again.messages[0].id, again.messages[0].attempt) == (sent.messages[0].id, 2)
    assert again.in_fallback, "its fallback follows all the same"


async def test_an_rcs_message_whose_route_is_off_waits_like_any_other(world: World) -> None:
    sent = await unknown_message(world)
    await world.pool.execute("UPDATE message SET channel = 'rcs'")
    world.snapshot = snapshot(routes=[route(1, active=False), route(2)])
    await wait_is_over(world)
    await decide(world)
    assert await world.kinds(sent) == ["unknown_outcome", "given_up"]
