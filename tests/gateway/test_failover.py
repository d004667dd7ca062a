"""Carriers that vanish, fall silent or are full, over real sockets: the next route takes over."""

import asyncio
from collections import Counter
from typing import Any

import msgspec
from tests.gateway.harness import Gateway, gateway_world, now_us, routed_to, smsc, until
from tests.gateway.test_deliver import bound
from tests.pipeline.test_route import rule
from tests.pipeline.world import INSTANCE

from cpaas.broker.embedded import EmbeddedConsumer
from cpaas.broker.topology import unreceipted_queue
from cpaas.pipeline.best_delivery import sweep_best_delivery
from cpaas.pipeline.no_receipt import ReceiptWatch
from cpaas.simulators.smsc import SimulatedSmsc
from cpaas.smpp.status import CommandStatus
from cpaas.snapshot.types import Member, Route, Strategy


def strategy(world: Gateway, kind: str, *routes: Route, **more: Any) -> None:
    """One strategy of these routes, equal in weight, for everything."""
    made = Strategy(1, "s1", "sms", kind, True, tuple(Member(r.id) for r in routes), **more)
    world.configure(*routes, rules=[rule(5, 0, strategy_id=1)], strategies={1: made})


def vanish(carrier: SimulatedSmsc) -> None:
    """Cuts its connections without a word and lets nobody bind again."""
    carrier.configure(accounts={"nobody": "x"})
    carrier.drop()


async def test_what_is_not_written_leaves_a_dead_route_and_what_is_stays_with_policy(
    dsn: str,
) -> None:
    async with (
        smsc(silent=True) as (dying, port), smsc() as (other, other_port),
        gateway_world(dsn) as world,
    ):  # fmt: skip
        first, second = routed_to(port, 1, window_size=5), routed_to(other_port, 2)
        strategy(world, "failover", first, second, overflow=False)
        await until(lambda: bound(world))
        await world.send(60, each=20)

        async def window_full() -> bool:
            return (await world.statuses()).get("SENDING", 0) == 5

        await until(window_full)
        assert other.stats.submits == 0
        vanish(dying)
        await world.settled(SENDING=5, DELIVERED=55)
        assert (dying.stats.submits, other.stats.submits) == (5, 55)
        kinds = await world.pool.fetch("SELECT kind, count(*) FROM message_event GROUP BY 1")
        assert dict(kinds)["unknown_outcome"] == 5
        decisions = await world.pool.fetch(
            "SELECT DISTINCT decision FROM message WHERE status = 'DELIVERED'"
        )
        assert all("strategy s1 (failover)" in row[0] for row in decisions)


async def test_what_waits_to_be_sent_again_leaves_a_dead_route_at_once(dsn: str) -> None:
    async with smsc() as (dying, port), smsc() as (other, other_port), gateway_world(dsn) as world:
        decide = dying.decider.decide

        def passing_fault(pdu: Any) -> Any:
            return msgspec.structs.replace(decide(pdu), status=0x08, state=None)

        dying.decider.decide = passing_fault  # type: ignore[method-assign]
        strategy(world, "failover", routed_to(port, 1), routed_to(other_port, 2))
        await until(lambda: bound(world))
        await world.send(10, each=10)

        async def refused() -> bool:
            waiting = await world.items("submit_smpp1")
            return sum(int(row["messages"]) for row in waiting if row["delay"] > 5) == 10

        await until(refused)
        vanish(dying)
        await until(lambda: _delivered(world, 10), 8, world.statuses)
        assert other.stats.submits == 10


async def _delivered(world: Gateway, count: int) -> bool:
    statuses = await world.statuses()
    return statuses == {"DELIVERED": count}


async def test_a_silent_carrier_with_a_full_window_lets_the_next_take_over(dsn: str) -> None:
    async with (
        smsc(silent=True) as (silent, port), smsc() as (other, other_port),
        gateway_world(dsn) as world,
    ):  # fmt: skip
        first, second = routed_to(port, 1, window_size=4), routed_to(other_port, 2)
        strategy(world, "failover", first, second, overflow=False)
        await until(lambda: bound(world))
        await world.send(30, each=30)
        await world.settled(SENDING=4, DELIVERED=26)
        assert (silent.stats.submits, other.stats.submits) == (4, 26)


async def test_a_route_whose_rate_is_used_up_lets_the_next_take_over(dsn: str) -> None:
    async with smsc() as (slow, port), smsc() as (other, other_port), gateway_world(dsn) as world:
        strategy(world, "failover", routed_to(port, 1, tps=5), routed_to(other_port, 2))
        await until(lambda: bound(world))
        await world.send(200, each=1)
        await world.settled(DELIVERED=200)
        assert slow.stats.submits + other.stats.submits == 200
        # At five a second the first alone would have taken forty seconds.
        assert 10 <= slow.stats.submits < 100


async def test_two_carriers_share_by_weight_and_each_bind_keeps_its_pace(dsn: str) -> None:
    async with smsc() as (one, port), smsc() as (two, other_port), gateway_world(dsn) as world:
        paced = routed_to(port, 1, binds=2, settings={"bind_tps": 20})
        strategy(world, "round_robin", paced, routed_to(other_port, 2))
        await until(lambda: bound(world))
        text = "A long text of several parts. " * 12
        sends = asyncio.create_task(world.send(10, text=text, segments=3))
        await sends
        await world.send(30, each=30)
        await world.settled(DELIVERED=40)
        counts = Counter({1: len(one.messages(100)), 2: len(two.messages(100))})
        assert counts == {1: 20, 2: 20}
        assert all(message.complete for message in one.messages(100))


async def test_an_otp_that_no_receipt_comes_for_goes_by_the_next_route(dsn: str) -> None:
    async with smsc() as (mute, port), smsc() as (other, other_port), gateway_world(dsn) as world:
        mute.decider.decide = _without_receipt(mute.decider.decide)  # type: ignore[method-assign]
        watch = ReceiptWatch(
            world.pool, EmbeddedConsumer(world.pool, unreceipted_queue("sms"), INSTANCE),
            lambda: world.snapshot, INSTANCE, now_us,
        )  # fmt: skip
        task = asyncio.create_task(watch.run())
        routes = routed_to(port, 1), routed_to(other_port, 2)
        strategy(world, "failover", *routes, no_receipt_seconds=1)
        await until(lambda: bound(world))
        await world.send(5, lane="otp")
        await world.settled(DELIVERED=5)
        assert (mute.stats.submits, other.stats.submits) == (5, 5)
        task.cancel()
        await world.money_adds_up()


def _without_receipt(decide: Any) -> Any:
    return lambda pdu: msgspec.structs.replace(decide(pdu), state=None)


async def test_best_delivery_leaves_a_carrier_that_errs_with_the_reason(dsn: str) -> None:
    async with smsc() as (bad, port), smsc() as (good, other_port), gateway_world(dsn) as world:
        decide = bad.decider.decide

        def refuses(pdu: Any) -> Any:
            return msgspec.structs.replace(
                decide(pdu), status=int(CommandStatus.ESME_RPROHIBITED), state=None
            )

        bad.decider.decide = refuses  # type: ignore[method-assign]
        await world.pool.execute(
            "INSERT INTO route (id, name, channel) VALUES (1, 'smpp1', 'sms'), (2, 'smpp2', 'sms')"
        )
        await world.pool.execute(
            "INSERT INTO strategy (id, name, channel, kind) VALUES (1, 's1', 'sms',"
            " 'best_delivery')"
        )
        await world.pool.execute(
            "INSERT INTO strategy_member (strategy_id, route_id, position) VALUES (1, 1, 1),"
            " (1, 2, 2)"
        )
        strategy(world, "best_delivery", routed_to(port, 1), routed_to(other_port, 2))
        await until(lambda: bound(world))
        await world.send(60, each=30)
        await world.settled(DELIVERED=60)
        assert (bad.stats.submits, good.stats.submits) == (30, 60)
        await world.host._count()
        world.now_us = now_us()
        async with world.pool.acquire() as connection, connection.transaction():
            assert await sweep_best_delivery(connection, world.context()) == 1
        shares = await world.pool.fetch("SELECT share FROM strategy_member ORDER BY position")
        assert [row[0] for row in shares] == [40, 60]
        reason = await world.pool.fetchval("SELECT reason FROM strategy_change")
        assert reason == "30 of 30 answers within a minute were errors"
