"""Delivery end to end: a real queue, a real receiver, the record of every attempt."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from standardwebhooks import Webhook
from tests.webhooks.world import AT_US, World, a_message, a_world, all_are

from cpaas.broker.base import NewItem
from cpaas.broker.embedded import publish
from cpaas.db.pool import create_pool
from cpaas.messages.envelopes import Event
from cpaas.simulators.customer.sink import Behaviour
from cpaas.webhooks import schedule, settings
from cpaas.webhooks.events import event_items, message_event, uuid_text
from cpaas.webhooks.lanes import Lanes

HOUR_US = 3600 * schedule.SECOND_US


@pytest.fixture
async def world(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(dsn, tmp_path) as made:
        yield made


async def test_events_arrive_signed_and_are_on_record(world: World) -> None:
    account_id, secret = await world.endpoint("a", world.sink.url("/a"))
    events = await world.publish(account_id, 250)
    async with world.delivering():
        rows = await world.until(account_id, all_are("delivered", 250))
    assert await world.queued() == 0
    assert sorted(world.sink.bodies("/a")) == sorted(event.body for event in events)
    for got in list(world.sink.received)[:20]:
        verified = Webhook(secret).verify(got.body, got.headers)
        assert verified == json.loads(got.body)
    assert {got.id for got in world.sink.received} == {uuid_text(e.id) for e in events}
    row = rows[0]
    assert (row["attempts"], row["last_status"], row["own_url"]) == (1, 200, False)
    assert row["url"] == world.sink.url("/a")
    assert row["body"] in {event.body for event in events}
    assert row["next_attempt_at"] is None
    assert await world.pool.fetchval("SELECT count(*) FROM webhook_attempt") == 0


async def test_failures_are_retried_with_the_same_id_and_every_attempt_is_kept(
    world: World,
) -> None:
    account_id, secret = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/a", Behaviour(fail_first=2, fail_status=503, secrets=(secret,)))
    (event,) = await world.publish(account_id)
    async with world.delivering():
        (row,) = await world.until(account_id, lambda rows: rows and rows[0]["attempts"] == 1)
        assert (row["status"], row["last_status"], row["last_error"]) == ("retrying", 503, "ok")
        assert row["next_attempt_at"] - row["last_attempt_at"] >= 5_000_000
        world.later_us = 5_500_000
        (row,) = await world.until(account_id, lambda rows: rows[0]["attempts"] == 2)
        assert row["next_attempt_at"] - row["last_attempt_at"] >= 30_000_000
        world.later_us += 30_500_000
        (row,) = await world.until(account_id, all_are("delivered", 1))
    assert row["attempts"] == 3
    assert [got.id for got in world.sink.received] == [uuid_text(event.id)] * 3
    assert world.sink.counts["signature_bad"] == 0
    stamps = [int(got.headers["webhook-timestamp"]) for got in world.sink.received]
    assert stamps[1] - stamps[0] >= 5
    made = await settings.attempts(world.pool, account_id, uuid_text(event.id))
    assert [(a.status, a.replay) for a in made] == [(503, False), (503, False), (200, False)]
    assert made[0].at < made[1].at < made[2].at


async def test_an_item_whose_lease_ends_while_it_is_worked_is_worked_once(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/a", Behaviour(delay_seconds=1.3))
    await world.publish(account_id, 3)
    async with world.delivering(lease_seconds=0.05):
        await world.until(account_id, all_are("delivered", 3))
    assert await world.queued() == 0
    assert world.sink.counts["requests"] == 3


async def test_an_event_that_cannot_be_recorded_holds_up_no_other(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    made = [message_event("message.delivered", a_message(account_id), AT_US, "INR")
            for _ in range(5)]  # fmt: skip
    made[1] = Event(b"too short", *msgspec.structs.astuple(made[1])[1:])
    async with world.pool.acquire() as connection, connection.transaction():
        await publish(connection, event_items(account_id, made))
    async with world.delivering():
        rows = await world.until(account_id, all_are("delivered", 4))
        async with asyncio.timeout(60):
            while await world.queued():
                await asyncio.sleep(0.01)
    good = sorted((event for event in made if len(event.id) == 16), key=lambda event: event.id)
    assert [(row["id"], row["message_id"], row["body"]) for row in rows] == [
        (event.id, event.message_id, event.body) for event in good
    ]


async def test_given_up_after_a_day(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/a", Behaviour(status=500))
    await world.publish(account_id)
    async with world.delivering():
        attempts = 0
        (row,) = await world.until(account_id, bool)
        while row["status"] == "retrying":
            assert attempts < 30
            (row,) = await world.until(
                account_id,
                lambda rows: rows[0]["attempts"] > attempts,  # noqa: B023
            )
            attempts = row["attempts"]
            if row["next_attempt_at"]:
                world.later_us += row["next_attempt_at"] - world.now_us() + 1
    assert (row["status"], row["next_attempt_at"]) == ("failed", None)
    assert 10 <= attempts <= 16
    assert 23 * HOUR_US < row["last_attempt_at"] - row["created_at"] < 25 * HOUR_US


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (Behaviour(status=302, location="https://x.example/"), "redirects are not followed"),
        (Behaviour(trick="close"), "closed"),
        (Behaviour(trick="garbage"), "not HTTP"),
        (Behaviour(trick="silent"), "no answer within"),
        (Behaviour(status=404, body=b"no\x00such\npage"), "no such page"),
    ],
)
async def test_what_counts_as_failure(world: World, behaviour: Behaviour, error: str) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/a", behaviour)
    await world.publish(account_id)
    async with world.delivering(timeout_seconds=0.1):
        (row,) = await world.until(account_id, lambda rows: rows and rows[0]["attempts"] == 1)
    assert row["status"] == "retrying"
    assert error in row["last_error"]


async def test_retry_after_is_honoured_within_bounds(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/a", Behaviour(status=429, retry_after="600"))
    await world.publish(account_id)
    async with world.delivering():
        (row,) = await world.until(account_id, lambda rows: rows and rows[0]["attempts"] == 1)
    assert 599_000_000 < row["next_attempt_at"] - row["last_attempt_at"] < 660_000_000


async def test_410_switches_the_endpoint_off(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/a", Behaviour(status=410))
    await world.publish(account_id)
    async with world.delivering():
        await world.until(account_id, all_are("failed", 1))
        await world.reload()
        await world.publish(account_id)
        rows = await world.until(account_id, lambda rows: len(rows) == 2)
    assert rows[1]["status"] == "skipped"
    assert world.sink.counts["/a"] == 1
    found = await settings.get_endpoint(world.pool, account_id)
    assert found is not None
    assert not found.active
    assert "410" in found.disabled_reason
    actor = await world.pool.fetchval(
        "SELECT actor FROM audit_log WHERE table_name = 'webhook_endpoint' ORDER BY id DESC LIMIT 1"
    )
    assert actor == "system:webhooks"


async def test_a_retry_goes_to_the_url_as_it_is_then(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/old"))
    world.sink.behave("/old", Behaviour(status=500))
    await world.publish(account_id)
    async with world.delivering():
        await world.until(account_id, lambda rows: rows and rows[0]["attempts"] == 1)
        await world.put(account_id, world.sink.url("/new"))
        world.later_us = 6_000_000
        (row,) = await world.until(account_id, all_are("delivered", 1))
    assert row["url"] == world.sink.url("/new")


async def test_a_messages_own_url_is_signed_without_any_endpoint(world: World) -> None:
    account_id = await world.account("a")
    events = await world.publish(account_id, 2, url=world.sink.url("/own"))
    async with world.delivering():
        rows = await world.until(account_id, all_are("delivered", 2))
    assert all(row["own_url"] for row in rows)
    # The secret was made for it; the account sees it when it first sets a URL.
    secret = await world.put(account_id, world.sink.url("/a"))
    assert secret
    for got in world.sink.received:
        Webhook(secret).verify(got.body, got.headers)
    assert len(events) == 2


async def test_410_of_an_own_url_leaves_the_endpoint_alone(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/own", Behaviour(status=410))
    await world.publish(account_id, url=world.sink.url("/own"))
    async with world.delivering():
        await world.until(account_id, all_are("failed", 1))
    found = await settings.get_endpoint(world.pool, account_id)
    assert found is not None
    assert found.active


async def test_without_an_endpoint_events_are_skipped(world: World) -> None:
    account_id = await world.account("a")
    await world.publish(account_id)
    async with world.delivering():
        (row,) = await world.until(account_id, all_are("skipped", 1))
    assert (row["attempts"], row["next_attempt_at"]) == (0, None)
    assert await world.queued() == 0


async def test_replay_posts_the_same_body_once_more(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    (event,) = await world.publish(account_id)
    async with world.delivering():
        await world.until(account_id, all_are("delivered", 1))
        await settings.replay(world.pool, account_id, uuid_text(event.id))
        await world.until(account_id, lambda rows: rows[0]["attempts"] == 2)
        world.sink.behave("/a", Behaviour(status=500))
        await settings.replay(world.pool, account_id, uuid_text(event.id))
        (row,) = await world.until(account_id, lambda rows: rows[0]["attempts"] == 3)
    # A failed replay takes nothing back, and is not repeated by itself.
    assert (row["status"], row["next_attempt_at"]) == ("delivered", None)
    assert world.sink.bodies("/a") == [event.body] * 3
    assert {got.id for got in world.sink.received} == {uuid_text(event.id)}
    made = await settings.attempts(world.pool, account_id, uuid_text(event.id))
    assert [(a.status, a.replay) for a in made] == [(200, False), (200, True), (500, True)]


async def test_a_slow_customer_delays_nobody(world: World) -> None:
    slow, _ = await world.endpoint("slow", world.sink.url("/slow"))
    quick, _ = await world.endpoint("quick", world.sink.url("/quick"))
    world.sink.behave("/slow", Behaviour(trick="silent"))
    await world.publish(slow, 2_000)
    async with world.delivering(lanes=Lanes(posts_max=20)):
        await world.sink.wait_for("/slow", 5)
        await world.publish(quick, 500)
        await world.until(quick, all_are("delivered", 500))
        # All 500 while the slow one's first posts still wait for their answers.
        assert world.sink.counts["/slow"] <= 20
        assert 1 <= world.sink.open_most["/slow"] <= 10
    assert world.sink.open_most["/slow"] + world.sink.open_most["/quick"] <= 20 + 1


async def test_posts_are_bounded_per_account(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/a", Behaviour(delay_seconds=0.01))
    await world.publish(account_id, 300)
    async with world.delivering():
        await world.until(account_id, all_are("delivered", 300))
    assert 16 <= world.sink.open_most["/a"] <= 32


async def test_events_of_a_dead_receiver_leave_the_queue_for_the_record(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/a", Behaviour(status=503))
    await world.publish(account_id, 600)
    async with world.delivering():
        rows = await world.until(account_id, lambda rows: len(rows) == 600)
        assert await world.queued() == 0
        assert {row["status"] for row in rows} == {"retrying"}
        assert world.sink.counts["/a"] < 600
        world.sink.behave("/a", Behaviour())
        world.later_us = 120_000_000
        await world.until(account_id, all_are("delivered", 600))


async def test_a_stop_in_the_middle_loses_nothing(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/a", Behaviour(delay_seconds=0.02))
    events = await world.publish(account_id, 300)
    async with world.delivering():
        await world.sink.wait_for("/a", 40)
    assert await world.queued() == 0
    rows = await world.rows(account_id)
    assert len(rows) == 300
    assert {row["status"] for row in rows} == {"delivered", "retrying"}
    async with world.delivering():
        await world.until(account_id, all_are("delivered", 300))
    assert {got.id for got in world.sink.received} == {uuid_text(event.id) for event in events}
    assert len(world.sink.received) <= 300 + 32


async def test_a_kill_in_the_middle_loses_nothing(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/a", Behaviour(delay_seconds=0.02))
    events = await world.publish(account_id, 300)
    victim = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("victim.py")), world.dsn,
        str(world.keyring_file),
    )  # fmt: skip
    await world.until(account_id, lambda rows: len(rows) >= 40)
    victim.kill()
    await victim.wait()
    assert await world.queued() > 0
    async with world.delivering():
        await world.until(account_id, all_are("delivered", 300))
    assert await world.queued() == 0
    assert {got.id for got in world.sink.received} == {uuid_text(event.id) for event in events}
    counts: dict[str, int] = {}
    for got in world.sink.received:
        counts[got.id] = counts.get(got.id, 0) + 1
    assert max(counts.values()) <= 2


async def test_damaged_items_go_to_the_dead_letters(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    async with world.pool.acquire() as connection, connection.transaction():
        await publish(connection, [NewItem("cpaas.webhook", 1, account_id, 1, b"\x00damaged")])
    await world.publish(account_id)
    async with world.delivering():
        await world.until(account_id, all_are("delivered", 1))
    assert await world.pool.fetchval("SELECT count(*) FROM dead_letter") == 1


@pytest.mark.slow
async def test_two_deliverers_share_the_work(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/a", Behaviour(fail_first=1))
    await world.publish(account_id, 200)
    async with world.delivering(), world.delivering():
        await world.until(account_id, all_are_tried(200))
        world.later_us = 60_000_000
        await world.until(account_id, all_are("delivered", 200))
    rows = await world.rows(account_id)
    assert await world.pool.fetchval("SELECT count(*) FROM webhook_attempt") == 2 * sum(
        row["attempts"] == 2 for row in rows
    )


def all_are_tried(count: int) -> Any:
    return lambda rows: len(rows) == count


async def test_a_database_restart_is_survived(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    world.sink.behave("/a", Behaviour(delay_seconds=0.005))
    await world.publish(account_id, 400)
    other = await create_pool(
        world.dsn, min_size=1, max_size=4, application_name="cut_off", data_plane=True
    )
    async with world.delivering(pool=other):
        await world.sink.wait_for("/a", 50)
        for _ in range(3):
            await world.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'cut_off'"
            )
            await asyncio.sleep(0.02)
        await world.until(account_id, all_are("delivered", 400))
    await other.close()
    assert {UUID(got.id).version for got in world.sink.received} == {7}
