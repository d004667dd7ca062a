"""Acceptance: message, money and work together or not at all, each request by itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.pipeline.accepting import ANSWER, NUMBER, PRICE, Desk, desk
from tests.tcp_proxy import proxied

from cpaas.messages.envelopes import unpack, unpack_events
from cpaas.pipeline.accept import BATCH_MESSAGES_MAX, Acceptor
from cpaas.pipeline.accept_queries import sweep_keys
from cpaas.pipeline.drafts import Outcome, Replay
from cpaas.pipeline.refusals import RefusedError

SECOND = 1_000_000


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[Desk]:
    async with desk(dsn) as made:
        yield made


def code(outcome: Outcome) -> str:
    return outcome.code if isinstance(outcome, RefusedError) else "" if outcome is None else "again"


def numbers(count: int, start: int = 0) -> list[str]:
    return [f"+9198{n:08d}" for n in range(start, start + count)]


async def test_stored_charged_queued_and_counted(world: Desk) -> None:
    one = await world.account(balance=SECOND)
    assert await world.send(one, text="x" * 161, reference="order-17") is None
    assert await world.balance(one) == SECOND - 2 * PRICE
    row = await world.pool.fetchrow("SELECT * FROM message")
    assert (row["status"], row["recipient"], row["sender"]) == ("QUEUED", NUMBER, "MYBRAND")
    assert (row["price_micro"], row["segments"], row["encoding"]) == (2 * PRICE, 2, "GSM7")
    assert (row["country"], row["reference"], row["actor_id"]) == ("IN", "order-17", 5)
    assert row["valid_until"] - row["created_at"] == 86_400 * SECOND
    item = await world.pool.fetchrow("SELECT * FROM queue_item")
    envelope = unpack(item["payload"])
    assert (item["queue"], item["lane"], item["account_id"]) == ("cpaas.sms.submit", 1, one)
    assert envelope.messages[0].id == row["id"]
    assert envelope.messages[0].to == NUMBER
    count = await world.pool.fetchrow("SELECT * FROM counter_minute")
    assert (count["accepted"], count["segments"], count["charged_micro"]) == (1, 2, 2 * PRICE)
    assert (count["country"], count["instance_id"], count["route_id"]) == ("IN", 7, 0)


async def test_many_requests_share_commits_and_envelopes(world: Desk) -> None:
    one, two = await world.account("one"), await world.account("two")
    wanted = [world.message(one if n % 2 else two, to) for n, to in enumerate(numbers(200))]
    outcomes = await asyncio.gather(*(world.acceptor.accept(one) for one in wanted))
    assert outcomes == [None] * 200
    assert await world.pool.fetchval("SELECT count(*) FROM message") == 200
    assert await world.pool.fetchval("SELECT count(*) FROM queue_item") <= 6
    assert await world.pool.fetchval("SELECT sum(messages)::int FROM queue_item") == 200
    assert await world.balance(one) == 1_000_000_000 - 100 * PRICE
    assert await world.pool.fetchval("SELECT sum(accepted)::int FROM counter_minute") == 200


async def test_a_list_is_whole_in_envelopes_of_500(world: Desk) -> None:
    one = await world.account(balance=10_000 * PRICE)
    assert await world.send(one, numbers(10_000)) is None
    sizes = await world.pool.fetch("SELECT messages FROM queue_item")
    assert [row[0] for row in sizes] == [BATCH_MESSAGES_MAX] * 20
    assert await world.balance(one) == 0
    assert code(await world.send(one, numbers(2))) == "insufficient_balance"


async def test_a_list_too_dear_is_refused_whole(world: Desk) -> None:
    one = await world.account(balance=5 * PRICE - 1)
    assert code(await world.send(one, numbers(5))) == "insufficient_balance"
    assert await world.balance(one) == 5 * PRICE - 1
    for table in ("message", "queue_item", "counter_minute"):
        assert await world.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_the_credit_limit_may_be_spent(world: Desk) -> None:
    one = await world.account(balance=PRICE)
    await world.pool.execute("UPDATE wallet SET credit_limit_micro = $1", PRICE)
    outcomes = [code(await world.send(one)) for _ in range(3)]
    assert outcomes == ["", "", "insufficient_balance"]
    assert await world.balance(one) == -PRICE


async def test_money_goes_in_order_of_arrival_and_spares_others(world: Desk) -> None:
    poor, rich = await world.account("poor", 3 * PRICE), await world.account("rich")
    wanted = [
        world.message(poor, numbers(1)),
        world.message(rich, numbers(1)),
        world.message(poor, numbers(3)),
        world.message(poor, numbers(2)),
        world.message(poor, numbers(1)),
    ]
    outcomes = await asyncio.gather(*(world.acceptor.accept(one) for one in wanted))
    refused = "insufficient_balance"
    assert [code(outcome) for outcome in outcomes] == ["", "", refused, "", refused]
    assert await world.balance(poor) == 0


async def test_two_processes_never_overdraw(world: Desk) -> None:
    one = await world.account(balance=50 * PRICE)
    other = Acceptor(world.pool, world.holder, 8)
    running = asyncio.create_task(other.run())
    wanted = [world.message(one, to) for to in numbers(120)]
    outcomes = await asyncio.gather(
        *((world.acceptor if n % 2 else other).accept(message) for n, message in enumerate(wanted))
    )
    running.cancel()
    codes = [code(outcome) for outcome in outcomes]
    assert codes.count("") == 50
    assert codes.count("insufficient_balance") == 70
    assert await world.balance(one) == 0
    assert await world.pool.fetchval("SELECT count(*) FROM message") == 50


async def test_blocked_is_stored_unpaid_and_told(world: Desk) -> None:
    one, two = await world.account("one"), await world.account("two")
    await world.pool.execute(
        "INSERT INTO blacklist_entry (account_id, number) VALUES (0, $1), ($2, $3)",
        "+919800000000", two, "+919800000001",
    )  # fmt: skip
    await world.pool.execute(
        "INSERT INTO webhook_endpoint (account_id, url, secret) VALUES ($1, 'https://a.test', 's')",
        one,
    )
    while one not in world.holder.current.webhooks:
        await asyncio.sleep(0.005)
    assert await world.send(one, numbers(2)) is None
    assert await world.send(two, numbers(2)) is None
    rows = await world.pool.fetch("SELECT * FROM message ORDER BY id")
    assert [row["status"] for row in rows] == ["BLOCKED", "QUEUED", "BLOCKED", "BLOCKED"]
    assert [row["price_micro"] for row in rows] == [0, PRICE, 0, 0]
    assert rows[0]["final_at"] is not None
    assert await world.balance(one) == 1_000_000_000 - PRICE
    assert await world.balance(two) == 1_000_000_000
    assert await world.pool.fetchval("SELECT sum(blocked)::int FROM counter_minute") == 3
    items = await world.pool.fetch("SELECT queue, payload FROM queue_item ORDER BY queue")
    assert [row["queue"] for row in items] == ["cpaas.sms.submit", "cpaas.webhook"]
    event = unpack_events(items[1]["payload"]).events[0]
    assert (event.type, event.message_id) == ("message.blocked", rows[0]["id"])


async def test_an_entry_of_another_channel_or_account_blocks_nothing(world: Desk) -> None:
    one, two = await world.account("one"), await world.account("two")
    await world.pool.execute(
        "INSERT INTO blacklist_entry (account_id, number, channel) VALUES"
        " ($1, $3, 'whatsapp'), ($1, $4, 'sms'), ($2, $3, '')",
        one, two, "+919800000000", "+919800000001",
    )  # fmt: skip
    assert await world.send(one, numbers(2)) is None
    rows = await world.pool.fetch("SELECT status FROM message ORDER BY id")
    assert [row["status"] for row in rows] == ["QUEUED", "BLOCKED"]


async def test_a_low_balance_is_told_once(world: Desk) -> None:
    one = await world.account(balance=4 * PRICE)
    await world.pool.execute("UPDATE wallet SET low_balance_micro = $1", 2 * PRICE)
    await world.pool.execute(
        "INSERT INTO webhook_endpoint (account_id, url, secret, events)"
        " VALUES ($1, 'https://a.test', 's', '{balance.low}')",
        one,
    )
    while one not in world.holder.current.webhooks:
        await asyncio.sleep(0.005)
    for _ in range(4):
        assert await world.send(one) is None
    rows = world.pool.fetch("SELECT payload FROM queue_item WHERE queue = 'cpaas.webhook'")
    events = [event for row in await rows for event in unpack_events(row[0]).events]
    assert [event.type for event in events] == ["balance.low"]
    assert b'"balance":"0.1200"' in events[0].body


async def test_a_test_key_costs_and_counts_nothing(world: Desk) -> None:
    one = await world.account(balance=0)
    assert await world.send(one, "+9990000000001", is_test=True) is None
    row = await world.pool.fetchrow("SELECT * FROM message")
    assert (row["is_test"], row["price_micro"]) == (True, 0)
    assert await world.pool.fetchval("SELECT count(*) FROM counter_minute") == 0
    assert unpack(await world.pool.fetchval("SELECT payload FROM queue_item")).is_test


async def test_scheduled_pays_now_and_goes_later(world: Desk) -> None:
    one = await world.account(balance=PRICE)
    at = time.time_ns() // 1000 + 3600 * SECOND
    assert await world.send(one, send_at_us=at, lane="otp") is None
    assert await world.balance(one) == 0
    row = await world.pool.fetchrow("SELECT * FROM message")
    assert (row["status"], row["send_at"]) == ("SCHEDULED", at)
    assert row["valid_until"] == at + 600 * SECOND
    due = await world.pool.fetchval("SELECT available_at FROM queue_item")
    assert abs(due - at) < SECOND


async def test_the_first_answer_is_replayed(world: Desk) -> None:
    one, two = await world.account("one"), await world.account("two")
    assert await world.send(one, key="k") is None
    assert await world.send(one, key="k") == Replay(202, ANSWER)
    assert code(await world.send(one, key="k", body_hash=b"x")) == "idempotency_key_reused"
    assert await world.send(two, key="k") is None
    assert await world.pool.fetchval("SELECT count(*) FROM message") == 2
    await world.pool.execute("UPDATE idempotency_key SET created_at = now() - interval '25 hours'")
    assert await world.send(one, key="k", body_hash=b"x") is None


async def test_old_keys_are_swept(world: Desk) -> None:
    one = await world.account()
    for key in ("old", "older", "new"):
        assert await world.send(one, key=key) is None
    await world.pool.execute(
        "UPDATE idempotency_key SET created_at = now() - interval '25 hours' WHERE key <> 'new'"
    )
    swept = [await sweep_keys(world.pool, 1) for _ in range(3)]
    assert swept == [1, 1, 0]
    assert await world.pool.fetchval("SELECT key FROM idempotency_key") == "new"


async def test_while_the_first_is_running(world: Desk) -> None:
    one = await world.account()
    first = asyncio.create_task(world.acceptor.accept(world.message(one, key="k")))
    await asyncio.sleep(0)
    with pytest.raises(RefusedError, match="idempotency_in_progress"):
        await world.send(one, key="k")
    assert await first is None


async def test_the_same_key_in_two_processes_is_one_message(world: Desk) -> None:
    one = await world.account()
    other = Acceptor(world.pool, world.holder, 8)
    running = asyncio.create_task(other.run())
    for round_number in range(20):
        key = f"k{round_number}"
        outcomes = await asyncio.gather(
            world.acceptor.accept(world.message(one, key=key)),
            other.accept(world.message(one, key=key)),
        )
        assert sorted(map(code, outcomes)) == ["", "again"]
    running.cancel()
    assert await world.pool.fetchval("SELECT count(*) FROM message") == 20


async def test_what_the_database_cannot_take_fails_alone(world: Desk) -> None:
    one = await world.account()
    wanted = [world.message(one, to) for to in numbers(50)]
    for bad in (7, 8, 30):
        wanted[bad].messages[0].text = "a\0b"
    outcomes = await asyncio.gather(*(world.acceptor.accept(one) for one in wanted))
    failed = [n for n, outcome in enumerate(outcomes) if code(outcome)]
    assert failed == [7, 8, 30]
    assert {code(outcomes[n]) for n in failed} == {"internal_error"}
    assert await world.balance(one) == 1_000_000_000 - 47 * PRICE


async def test_too_much_waiting_is_refused(world: Desk) -> None:
    one = await world.account()
    world.acceptor.admission.queue_items = 10**9
    with pytest.raises(RefusedError, match="busy"):
        await world.send(one)


async def test_a_backlog_of_a_million_single_messages_is_not_too_much(world: Desk) -> None:
    one = await world.account()
    world.acceptor.admission.queue_items = 2_000_000
    assert await world.send(one) is None


async def test_too_many_bytes_waiting_are_refused(world: Desk) -> None:
    one = await world.account()
    async with held_wallets(world.pool):
        big = world.message(one)
        big.size = 64 * 2**20
        storing = asyncio.create_task(world.acceptor.accept(big))
        await waiting(world.pool)
        with pytest.raises(RefusedError, match="busy"):
            await world.send(one)
    assert await storing is None
    assert world.acceptor.admission.bytes == 0
    assert await world.send(one) is None


@asynccontextmanager
async def held_wallets(pool: Any) -> AsyncIterator[None]:
    """Nobody can pay until the end of the block, so a commit stays under way."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SELECT * FROM wallet FOR UPDATE")
        yield
        await transaction.rollback()


async def waiting(pool: Any) -> None:
    """Until the acceptor's statement waits for the lock."""
    async with asyncio.timeout(60):
        while not await pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'accept' AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.005)


async def test_a_lost_answer_is_looked_up(dsn: str) -> None:
    async with proxied(dsn) as (proxy, through), desk(dsn, through=through) as world:
        one = await world.account()
        async with held_wallets(world.pool):
            sending = asyncio.create_task(world.send(one))
            await waiting(world.pool)
            proxy.losing_the_next_answer = True
        assert await asyncio.wait_for(sending, 5) is None
        assert not proxy.losing_the_next_answer
        assert await world.pool.fetchval("SELECT count(*) FROM message") == 1
        assert await world.balance(one) == 1_000_000_000 - PRICE


async def test_a_commit_cut_off_midway_is_done_again(dsn: str) -> None:
    async with proxied(dsn) as (proxy, through), desk(dsn, through=through) as world:
        one = await world.account()
        async with held_wallets(world.pool):
            sending = asyncio.create_task(world.send(one))
            await waiting(world.pool)
            proxy.cut()
        assert await asyncio.wait_for(sending, 5) is None
        assert await world.pool.fetchval("SELECT count(*) FROM message") == 1
        assert await world.balance(one) == 1_000_000_000 - PRICE


async def test_an_unknown_outcome_says_so(dsn: str) -> None:
    async with (
        proxied(dsn) as (proxy, through),
        desk(dsn, through=through, resolve_seconds=0.5) as world,
    ):
        one = await world.account()
        assert await world.send(one) is None
        async with held_wallets(world.pool):
            sending = asyncio.create_task(world.send(one))
            await waiting(world.pool)
            proxy.refusing = True
            proxy.cut()
            outcome = await asyncio.wait_for(sending, 5)
        assert isinstance(outcome, RefusedError)
        assert (outcome.code, len(outcome.ids)) == ("outcome_unknown", 1)


@pytest.mark.parametrize("committed", [False, True])
async def test_after_an_unknown_outcome_the_same_key_is_safe(dsn: str, committed: bool) -> None:
    async with (
        proxied(dsn) as (proxy, through),
        desk(dsn, through=through, resolve_seconds=0.5) as world,
    ):
        one = await world.account()
        async with held_wallets(world.pool):
            sending = asyncio.create_task(world.send(one, key="k"))
            await waiting(world.pool)
            proxy.refusing = True
            if committed:
                proxy.losing_the_next_answer = True
            else:
                proxy.cut()
                assert code(await asyncio.wait_for(sending, 5)) == "outcome_unknown"
        if committed:
            assert code(await asyncio.wait_for(sending, 5)) == "outcome_unknown"
        proxy.refusing = False
        again = await asyncio.wait_for(world.send(one, key="k"), 10)
        # A server that is cut off from its client may still commit once the wallet is free.
        assert code(again) in ({"again"} if committed else {"again", ""})
        assert await world.pool.fetchval("SELECT count(*) FROM message") == 1
        assert await world.balance(one) == 1_000_000_000 - PRICE


async def test_a_database_that_is_away_for_a_moment_is_waited_for(dsn: str) -> None:
    async with proxied(dsn) as (proxy, through), desk(dsn, through=through) as world:
        one = await world.account()
        proxy.refusing = True
        proxy.cut()
        sending = asyncio.create_task(world.send(one))
        await asyncio.sleep(0.3)
        proxy.refusing = False
        assert await asyncio.wait_for(sending, 5) is None
        assert await world.balance(one) == 1_000_000_000 - PRICE


async def test_stopping_answers_everybody(world: Desk) -> None:
    one = await world.account()
    sending = [asyncio.create_task(world.send(one)) for _ in range(50)]
    await asyncio.sleep(0)
    await world.acceptor.drain(5)
    assert [code(await task) for task in sending] == [""] * 50
