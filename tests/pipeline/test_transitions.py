"""The whole transition table and random lives: final states stay, money adds up, refunds once."""

import asyncio
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.pipeline.world import PRICE, World, account, data_plane_pool, snapshot

from cpaas.messages.envelopes import unpack_events
from cpaas.messages.statuses import FINAL, TRANSITIONS, Status, may_follow
from cpaas.messages.types import Applied, Finish
from cpaas.pipeline.answers import commit_answers
from cpaas.pipeline.receipts import commit_receipts
from cpaas.pipeline.transitions import finish

STATUSES: tuple[Status, ...] = tuple(TRANSITIONS)
ANSWERS = (
    "", "", "", "", "carrier_throttled", "carrier_temporary", "carrier_refused_route",
    "invalid_destination", "undeliverable", "unknown_outcome",
)  # fmt: skip
RECEIPTS = (*["DELIVERED"] * 3, "READ", "FAILED", "EXPIRED", "REJECTED", "ENROUTE")
STEPS = st.one_of(
    st.tuples(st.just("answer"), st.sampled_from(ANSWERS)),
    st.tuples(st.just("receipt"), st.sampled_from(RECEIPTS)),
    st.tuples(st.just("receipt"), st.sampled_from(RECEIPTS)),
    st.tuples(st.just("cancel"), st.just("")),
    st.tuples(st.just("claim"), st.just("")),
    st.tuples(st.just("expire"), st.just("")),
)


async def apply(world: World, *finishes: Finish) -> list[Applied]:
    async with world.pool.acquire() as connection, connection.transaction():
        return await finish(connection, world.context(), finishes)


async def open_world(pool: Any) -> World:
    world = World(pool, time.time_ns() // 1000)
    await world.open_account()
    return world


async def test_the_table_decides_every_pair(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:
        world = await open_world(pool)
        for before in STATUSES:
            for after in STATUSES:
                sent = await world.message(before)
                wanted = Finish(sent.messages[0].id, after, world.now_us)
                applied = await apply(world, wanted)
                assert bool(applied) == may_follow(before, after), (before, after)
                now = (await world.row(sent))["status"]
                assert now == (after if applied else before)


async def test_a_stale_attempt_changes_nothing(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:
        world = await open_world(pool)
        sent = await world.message()
        stale = Finish(sent.messages[0].id, "SUBMITTED", world.now_us, attempt=2)
        assert await apply(world, stale) == []


async def test_a_cancel_says_who_and_gives_the_money_back(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:
        world = await open_world(pool)
        before = await world.balance()
        sent = await world.message("QUEUED")
        wanted = Finish(
            sent.messages[0].id, "CANCELLED", world.now_us, refund="always", actor="api_key:4"
        )
        (applied,) = await apply(world, wanted, wanted)
        assert applied.refunded_micro == PRICE
        assert await world.balance() == before
        event = await pool.fetchrow("SELECT * FROM message_event")
        assert (event["kind"], event["actor"]) == ("cancelled", "api_key:4")
        (item,) = await world.items("cpaas.webhook")
        (told,) = unpack_events(item["payload"]).events
        assert b'"price":"0.0000"' in told.body
        await world.money_adds_up()


async def test_nothing_is_published_that_nobody_wants(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:
        world = await open_world(pool)
        world.snapshot = snapshot(events=frozenset({"message.submitted"}))
        sent = await world.message()
        await apply(world, Finish(sent.messages[0].id, "SUBMITTED", world.now_us))
        await apply(world, Finish(sent.messages[0].id, "DELIVERED", world.now_us))
        assert len(await world.items("cpaas.webhook")) == 1


async def test_writers_that_cross_never_fail_each_other(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:
        world = await open_world(pool)
        sent = [await world.message("QUEUED") for _ in range(30)]
        wanted = [
            Finish(one.messages[0].id, "CANCELLED", world.now_us, refund="always") for one in sent
        ]
        rounds = await asyncio.gather(*(apply(world, *wanted[::step]) for step in (1, -1, 2, -2)))
        assert sum(len(applied) for applied in rounds) == len(sent)
        assert await world.balance() == 100_000_000
        await world.money_adds_up()


async def live(world: World, steps: list[tuple[str, str]], policy: bool) -> None:
    """One message's random life; checks what must hold after every step."""
    world.snapshot = snapshot([account(1, refund_failed=policy)])
    sent = await world.message("QUEUED")
    message = sent.messages[0]
    given_id = f"p{message.id.hex()}"
    ended: str | None = None
    for kind, what in steps:
        world.now_us += 1
        row = await world.row(sent)
        message.attempt = row["attempt"]
        async with world.pool.acquire() as connection, connection.transaction():
            context = world.context()
            if kind == "answer":
                ids = [given_id] if not what else [None]
                await commit_answers(connection, context, [world.answer(sent, *ids, error=what)])
            elif kind == "receipt":
                receipt = world.receipt(given_id, what)  # type: ignore[arg-type]
                await commit_receipts(connection, context, [receipt])
            elif kind == "claim":
                await finish(connection, context, [Finish(message.id, "SENDING", world.now_us)])
            else:
                status: Status = "CANCELLED" if kind == "cancel" else "EXPIRED"
                wanted = Finish(message.id, status, world.now_us, refund="always")
                await finish(connection, context, [wanted] if row["status"] == "QUEUED" else [])
        row = await world.row(sent)
        assert ended in {None, row["status"]} or (ended, row["status"]) == ("DELIVERED", "READ")
        ended = row["status"] if row["status"] in FINAL else None
        assert row["refunded_micro"] in {0, PRICE}
        refunds = await world.pool.fetchval(
            "SELECT coalesce(sum(amount_micro), 0)::bigint FROM ledger_entry"
            " WHERE message_id = $1 AND kind = 'REFUND'",
            message.id,
        )
        assert refunds == row["refunded_micro"]
        await world.money_adds_up()


@pytest.mark.slow
def test_no_life_breaks_the_rules(module_dsn: str) -> None:
    async def setting() -> tuple[Any, World]:
        manager = data_plane_pool(module_dsn)
        return manager, await open_world(await manager.__aenter__())

    with asyncio.Runner() as runner:
        manager, world = runner.run(setting())

        @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(STEPS, min_size=4, max_size=12), st.booleans())
        def lives(steps: list[tuple[str, str]], policy: bool) -> None:
            runner.run(live(world, [("claim", ""), *steps], policy))

        lives()
        figures = runner.run(world.counted())
        assert figures["delivered"] <= figures["submitted"]
        runner.run(manager.__aexit__(None, None, None))
