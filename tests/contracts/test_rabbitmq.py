"""What only a broker can do to the queue: die, freeze, forget a queue, hang up, deliver twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import aio_pika
import asyncpg
import pytest
from tests.rabbitmq_node import RabbitNode
from tests.tcp_proxy import proxied

from cpaas.broker import embedded, relay, relay_queries
from cpaas.broker.base import Consumer, Item, NewItem
from cpaas.broker.bundle import Carried, pack
from cpaas.broker.rabbitmq import RabbitBroker
from cpaas.broker.relay import RelayConsumer
from cpaas.broker.wakeups import QueueWakeups

QUEUE = "cpaas.sms.submit"
Make = Callable[..., Awaitable[RabbitBroker]]


@pytest.fixture
async def make(pool: asyncpg.Pool, dsn: str, rabbitmq: RabbitNode) -> AsyncIterator[Make]:
    """Makes brokers, as of several processes; all are closed in the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def maker(instance_id: int = 1, **more: Any) -> RabbitBroker:
            values = {"url": rabbitmq.url, "queue_type": "classic", "name": "tests"} | more
            broker = RabbitBroker(pool, QueueWakeups(dsn), instance_id, **values)
            await broker.start()
            stack.push_async_callback(broker.close)
            return broker

        yield maker


async def put(pool: asyncpg.Pool, *bodies: bytes, account: int = 1, queue: str = QUEUE) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await embedded.publish(connection, [NewItem(queue, 1, account, 1, b) for b in bodies])


async def drain(pool: asyncpg.Pool, *consumers: Consumer, count: int) -> list[bytes]:
    """Takes and completes until so many were worked; each of them once."""
    worked: list[bytes] = []
    async with asyncio.timeout(60):
        while len(worked) < count:
            for consumer in consumers:
                items = await consumer.take(10)
                async with pool.acquire() as connection:
                    await consumer.complete(connection, [item.id for item in items])
                worked += [item.payload for item in items]
            if len(worked) < count:
                await consumers[0].wait(0.05)
    return worked


async def through_broker(pool: asyncpg.Pool, consumer: RelayConsumer) -> Item:
    """Puts items until one comes through the broker, not past it."""
    async with asyncio.timeout(60):
        while True:
            await put(pool, b"probe")
            before = consumer.relayed
            while not (taken := await consumer.take(1)):
                await consumer.wait(0.05)
            async with pool.acquire() as connection:
                await consumer.complete(connection, [taken[0].id])
            if consumer.relayed > before:
                return taken[0]
            await asyncio.sleep(0.2)


def told(broker: RabbitBroker) -> dict[str, Any]:
    found = broker.details()["queue"]
    assert isinstance(found, dict)
    return found


async def other_end(rabbitmq: RabbitNode) -> Any:
    return await aio_pika.connect(rabbitmq.url)


async def test_a_killed_node_loses_nothing_and_holds_up_nothing(
    pool: asyncpg.Pool, make: Make, rabbitmq: RabbitNode
) -> None:
    broker = await make()
    consumer = broker.consumer(QUEUE)
    await through_broker(pool, consumer)
    await put(pool, *[b"%d" % n for n in range(30)])
    kept = await consumer.take(3)
    rabbitmq.kill()
    try:
        async with asyncio.timeout(60):
            while broker.link.up:
                await asyncio.sleep(0.01)
        assert told(broker)["up"] is False
        worked = await drain(pool, consumer, count=27)
        assert sorted(worked) == sorted(b"%d" % n for n in range(3, 30))
        async with pool.acquire() as connection:
            await consumer.complete(connection, [item.id for item in kept])
            assert (await embedded.depth(connection, QUEUE)).items == 0
    finally:
        rabbitmq.start()
    await through_broker(pool, consumer)
    assert told(broker) == {"carrier": "rabbitmq", "up": True, "error": ""}


async def test_what_lay_in_a_deleted_queue_comes_again(
    pool: asyncpg.Pool, make: Make, rabbitmq: RabbitNode
) -> None:
    consumer = (await make()).consumer(QUEUE)
    await through_broker(pool, consumer)
    connection = await other_end(rabbitmq)
    async with connection:
        channel = await connection.channel()
        for _ in range(3):
            await channel.queue_delete(QUEUE)
            await put(pool, b"a", b"b")
            assert sorted(await drain(pool, consumer, count=2)) == [b"a", b"b"]
    await through_broker(pool, consumer)


async def test_a_lost_connection_is_made_again(
    pool: asyncpg.Pool, make: Make, rabbitmq: RabbitNode
) -> None:
    async with proxied(rabbitmq.url) as (proxy, url):
        consumer = (await make(url=url)).consumer(QUEUE)
        for _ in range(3):
            await through_broker(pool, consumer)
            proxy.cut()
            await put(pool, b"a", b"b")
            assert sorted(await drain(pool, consumer, count=2)) == [b"a", b"b"]
        await through_broker(pool, consumer)


@pytest.mark.slow
async def test_a_broker_that_stands_still_is_passed_by(
    pool: asyncpg.Pool, make: Make, rabbitmq: RabbitNode
) -> None:
    consumer = (await make()).consumer(QUEUE)
    await through_broker(pool, consumer)
    rabbitmq.freeze()
    try:
        await put(pool, b"a", b"b")
        assert sorted(await drain(pool, consumer, count=2)) == [b"a", b"b"]
        assert consumer.passed_by >= 2
    finally:
        rabbitmq.thaw()
    await through_broker(pool, consumer)


async def test_processes_share_a_queue_and_each_item_is_worked_once(
    pool: asyncpg.Pool, make: Make
) -> None:
    consumers = [(await make(n)).consumer(QUEUE) for n in (1, 2, 3)]
    for consumer in consumers:
        await consumer.take(1)
    bodies = [b"%d" % n for n in range(60)]
    for start in range(0, 60, 5):
        await put(pool, *bodies[start : start + 5], account=start)
    assert sorted(await drain(pool, *consumers, count=60)) == sorted(bodies)
    assert sum(one.passed_by for one in consumers) == 0


async def test_what_a_process_left_untaken_goes_to_another(
    pool: asyncpg.Pool, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LINGER_SECONDS", 0.1)
    idle, busy = (await make(1)).consumer(QUEUE), (await make(2)).consumer(QUEUE)
    await idle.take(1)
    bodies = [b"%d" % n for n in range(10)]
    for body in bodies:
        await put(pool, body)
        # Half of it is delivered to the one that takes no more.
        await busy.take(0)
        await busy.take(1, not_accounts=[1])
    assert sorted(await drain(pool, busy, count=10)) == sorted(bodies)


async def test_a_paused_consumer_hands_back_and_takes_past_the_broker(
    pool: asyncpg.Pool, make: Make, rabbitmq: RabbitNode
) -> None:
    consumer = (await make()).consumer(QUEUE)
    await through_broker(pool, consumer)
    consumer.pause()
    await consumer.closed()
    connection = await other_end(rabbitmq)
    async with connection:
        channel = await connection.channel()
        declared = await channel.declare_queue(QUEUE, passive=True)
        assert declared.declaration_result.consumer_count == 0
    await put(pool, b"a")
    assert await drain(pool, consumer, count=1) == [b"a"]
    assert consumer.passed_by == 1
    consumer.resume()
    await through_broker(pool, consumer)


async def test_a_message_whose_row_is_gone_or_another_is_dropped(
    pool: asyncpg.Pool, make: Make, rabbitmq: RabbitNode
) -> None:
    broker = await make()
    consumer = broker.consumer(QUEUE)
    probe = await through_broker(pool, consumer)
    await put(pool, b"mine")
    (row,) = await pool.fetch("SELECT id FROM queue_item")
    connection = await other_end(rabbitmq)
    async with connection:
        channel = await connection.channel()
        strange = [
            pack([Carried(probe.id, 1, 1, 1, b"gone")], 1),
            pack([Carried(row["id"], 1, 1, 1, b"of another database")], 1),
            b"not ours at all",
        ]
        for body in strange:
            await channel.default_exchange.publish(aio_pika.Message(body), QUEUE)
        assert await drain(pool, consumer, count=1) == [b"mine"]
        assert await consumer.take(5) == []
        async with asyncio.timeout(60):
            while consumer.unacknowledged:
                await consumer.take(5)
                await asyncio.sleep(0.01)
    assert consumer.passed_by == 0


async def test_a_queue_of_another_type_is_told_and_passed_by(
    pool: asyncpg.Pool, make: Make, rabbitmq: RabbitNode
) -> None:
    classic = (await make()).consumer("submit_x")
    await classic.take(1)
    broker = await make(2, queue_type="quorum")
    consumer = broker.consumer("submit_x")
    await put(pool, b"a", queue="submit_x")
    assert await drain(pool, consumer, count=1) == [b"a"]
    error = told(broker)["error"]
    assert "submit_x" in error
    assert "x-queue-type" in error


@pytest.mark.slow
async def test_quorum_queues_carry_as_well(pool: asyncpg.Pool, make: Make) -> None:
    consumer = (await make(queue_type="quorum")).consumer("submit_quorum")
    for n in range(3):
        await put(pool, b"%d" % n, queue="submit_quorum")
        assert await drain(pool, consumer, count=1) == [b"%d" % n]
    assert consumer.relayed == 3


async def test_the_login_is_told_to_nobody(pool: asyncpg.Pool, make: Make) -> None:
    broker = await make(url="amqp://somebody:hush@127.0.0.1:1/")
    assert broker.link.error
    assert "hush" not in broker.link.error


async def test_a_claim_leaves_the_connection_as_durable_as_it_was(pool: asyncpg.Pool) -> None:
    await put(pool, b"a")
    async with pool.acquire() as connection:
        await connection.execute("SET synchronous_commit = on")
        (row,) = await relay_queries.relay(
            connection, QUEUE, [0, 1, 2], [-1, -1, -1], 5, not_accounts=[], instance_id=3,
            relayed_us=7,
        )  # fmt: skip
        claim = partial(
            relay_queries.claim, connection, QUEUE, [row[0]], lease_seconds=30, instance_id=4
        )
        assert await claim(relayed_us=[6]) == {}
        assert await claim(relayed_us=[6, 7]) == {row[0]: 1}
        assert await claim(relayed_us=[7]) == {}
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        found = await connection.fetchrow("SELECT leased_by, relayed_at FROM queue_item")
        assert tuple(found) == (4, None)
