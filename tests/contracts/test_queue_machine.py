"""Random lives of a queue against a model: no item is lost, none is held by two at a time.

Consumers take, finish, hand back, bury and die in any order; with RabbitMQ its connections are cut,
its queue is deleted and its consumers pause as well.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

import aio_pika
import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from tests.rabbitmq_node import RabbitNode

from cpaas.broker import amqp, embedded, relay, relay_queries
from cpaas.broker.base import Broker, Consumer, Item, NewItem
from cpaas.broker.rabbitmq import RabbitBroker
from cpaas.broker.relay import RelayConsumer
from cpaas.broker.wakeups import QueueWakeups
from cpaas.db.pool import create_pool
from cpaas.simulators.tcp_proxy import Proxy

QUEUE = "cpaas.sms.submit"
PROCESSES = 2
DRAIN_SECONDS_MAX = 60
CLOSE_SECONDS_MAX = 20
LIVES = settings(
    max_examples=25, stateful_step_count=30, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


class Process:
    """A consumer with an instance of its own, and what it holds."""

    def __init__(self, broker: Broker, instance_id: int) -> None:
        self.broker = broker
        self.instance_id = instance_id
        self.consumer: Consumer = broker.consumer(QUEUE)
        self.held: dict[int, Item] = {}


class QueueMachine(RuleBasedStateMachine):
    """The embedded queue; the model is what lies in it, by payload."""

    run: Callable[[Coroutine[Any, Any, Any]], Any]
    dsn: str
    pool: asyncpg.Pool

    def __init__(self) -> None:
        super().__init__()
        self.waiting: set[bytes] = set()
        self.buried: set[bytes] = set()
        self.made = 0
        self.instances = 0
        self.processes: list[Process] = []

    async def broker(self, instance_id: int) -> Broker:
        """The carrier of one process."""
        broker = embedded.EmbeddedBroker(self.pool, QueueWakeups(self.dsn), instance_id)
        await broker.start()
        return broker

    @initialize()
    def begin(self) -> None:
        self.run(self.pool.execute("TRUNCATE queue_item, dead_letter"))
        self.processes = [self.run(self._process()) for _ in range(PROCESSES)]

    async def _process(self) -> Process:
        self.instances += 1
        return Process(await self.broker(self.instances), self.instances)

    def process(self, data: st.DataObject) -> Process:
        return self.processes[data.draw(st.integers(0, PROCESSES - 1))]

    def some(self, data: st.DataObject, process: Process) -> list[Item]:
        items = sorted(process.held.values(), key=lambda item: item.id)
        return data.draw(st.lists(st.sampled_from(items), unique_by=lambda i: i.id, min_size=1))

    @rule(
        accounts=st.lists(st.integers(1, 3), min_size=1, max_size=6), lane=st.integers(0, 2),
        fails=st.booleans(),
    )  # fmt: skip
    def publish(self, accounts: list[int], lane: int, fails: bool) -> None:
        bodies = [b"%d" % (self.made + n) for n in range(len(accounts))]
        self.made += len(accounts)
        items = [
            NewItem(QUEUE, lane, account, 1, body)
            for account, body in zip(accounts, bodies, strict=True)
        ]

        async def work() -> None:
            async with self.pool.acquire() as connection:
                transaction = connection.transaction()
                await transaction.start()
                await embedded.publish(connection, items)
                await (transaction.rollback() if fails else transaction.commit())

        self.run(work())
        self.waiting |= set() if fails else set(bodies)

    @rule(data=st.data(), most=st.integers(1, 8), lanes=st.sampled_from([(), (0,), (1, 2)]))
    def take(self, data: st.DataObject, most: int, lanes: tuple[int, ...]) -> None:
        process = self.process(data)
        self.got(process, self.run(self.taking(process, most, lanes)), lanes)

    async def taking(self, process: Process, most: int, lanes: tuple[int, ...]) -> list[Item]:
        """A take."""
        return await process.consumer.take(most, lanes=lanes)

    def got(self, process: Process, items: list[Item], lanes: tuple[int, ...] = ()) -> None:
        """Nobody else may have had them."""
        for item in items:
            assert item.payload in self.waiting, "taken though it is held, finished or buried"
            assert not lanes or item.lane in lanes
            self.waiting.discard(item.payload)
            process.held[item.id] = item

    @precondition(lambda self: any(one.held for one in self.processes))
    @rule(data=st.data(), what=st.sampled_from(["complete", "release", "bury", "extend"]))
    def end(self, data: st.DataObject, what: str) -> None:
        holders = [one for one in self.processes if one.held]
        process = holders[data.draw(st.integers(0, len(holders) - 1))]
        items = self.some(data, process)
        ids, consumer = [item.id for item in items], process.consumer
        if what == "complete":
            self.run(consumer.complete(self.pool, ids))
        elif what == "release":
            self.run(consumer.release(ids))
            self.waiting |= {item.payload for item in items}
        elif what == "bury":
            self.run(consumer.bury(items, "by the machine"))
            self.buried |= {item.payload for item in items}
        else:
            self.run(consumer.extend(ids))
            return
        for item_id in ids:
            del process.held[item_id]

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """A process ends without a word; what it held is freed, as a restart does."""
        place = data.draw(st.integers(0, PROCESSES - 1))
        process = self.processes[place]
        self.run(asyncio.wait_for(process.broker.close(), CLOSE_SECONDS_MAX))
        self.run(self._free(process))
        self.waiting |= {item.payload for item in process.held.values()}
        self.processes[place] = self.run(self._process())

    async def _free(self, process: Process) -> None:
        async with self.pool.acquire() as connection:
            await embedded.release_leases_of(connection, [process.instance_id])

    def teardown(self) -> None:
        """What is left is taken, each item once; the books agree."""
        if self.processes:
            self.run(self._finish())

    async def _finish(self) -> None:
        for process in self.processes:
            await process.broker.close()
            await self._free(process)
            self.waiting |= {item.payload for item in process.held.values()}
        last = await self._process()
        async with asyncio.timeout(DRAIN_SECONDS_MAX):
            while self.waiting:
                taken = await last.consumer.take(10)
                for item in taken:
                    assert item.payload in self.waiting
                    self.waiting.discard(item.payload)
                await last.consumer.complete(self.pool, [item.id for item in taken])
                if not taken:
                    await last.consumer.wait(0.05)
        await last.broker.close()
        dead = await self.pool.fetch("SELECT payload FROM dead_letter")
        assert {row["payload"] for row in dead} == self.buried
        assert len(dead) == len(self.buried)
        assert await self.pool.fetchval("SELECT count(*) FROM queue_item") == 0


class RabbitQueueMachine(QueueMachine):
    """The same queue with RabbitMQ between, behind a proxy that cuts."""

    node: RabbitNode
    proxy: Proxy
    url: str
    consumers: ClassVar[list[RelayConsumer]] = []

    async def _process(self) -> Process:
        process = await super()._process()
        assert isinstance(process.consumer, RelayConsumer)
        self.consumers.append(process.consumer)
        return process

    async def broker(self, instance_id: int) -> Broker:
        broker = RabbitBroker(
            self.pool,
            QueueWakeups(self.dsn),
            instance_id,
            url=self.url,
            queue_type="classic",
            name="machine",
        )  # fmt: skip
        await broker.start()
        return broker

    async def taking(self, process: Process, most: int, lanes: tuple[int, ...]) -> list[Item]:
        """A take through the broker, if it can be had in a moment."""
        consumer = process.consumer
        assert isinstance(consumer, RelayConsumer)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.0 if self.proxy.refusing else 2.0):
                while not consumer.carried and not consumer.paused:
                    consumer.resume()
                    await asyncio.sleep(0.005)
        return await super().taking(process, most, lanes)

    @rule()
    def cut(self) -> None:
        self.proxy.cut()

    @rule(data=st.data(), milliseconds=st.integers(0, 12))
    def cut_while_taking(self, data: st.DataObject, milliseconds: int) -> None:
        process = self.process(data)

        async def work() -> list[Item]:
            taking = asyncio.create_task(self.taking(process, 5, ()))
            await asyncio.sleep(milliseconds / 1000)
            self.proxy.cut()
            return await taking

        self.got(process, self.run(work()))

    @rule(refusing=st.sampled_from([False, False, False, True]))
    def refuse(self, refusing: bool) -> None:
        self.proxy.refusing = refusing

    @rule()
    def delete_queue(self) -> None:
        async def work() -> None:
            async with await aio_pika.connect(self.node.url) as connection:
                channel = await connection.channel()
                await channel.queue_delete(QUEUE)

        self.run(work())

    @rule(data=st.data(), paused=st.sampled_from([False, False, True]))
    def pause(self, data: st.DataObject, paused: bool) -> None:
        async def work() -> None:
            consumer = self.process(data).consumer
            if paused:
                consumer.pause()
            else:
                consumer.resume()

        self.run(work())

    def teardown(self) -> None:
        self.proxy.refusing = False
        super().teardown()


def test_embedded(dsn: str) -> None:
    with asyncio.Runner() as runner:
        QueueMachine.run = runner.run
        QueueMachine.dsn = dsn
        QueueMachine.pool = runner.run(
            create_pool(dsn, min_size=1, max_size=5, application_name="machine")
        )
        run_machine(QueueMachine, settings=LIVES)
        runner.run(QueueMachine.pool.close())


def test_rabbitmq(dsn: str, rabbitmq: RabbitNode, monkeypatch: pytest.MonkeyPatch) -> None:
    # A broker in disgrace, and a message that got lost, come back within the time of a test.
    monkeypatch.setattr(relay, "AVOID_SECONDS", 0.02)
    monkeypatch.setattr(relay_queries, "RELAY_SECONDS", 1.0)
    monkeypatch.setattr(amqp, "RECONNECT_SECONDS", (0.01, 0.05))
    machine = RabbitQueueMachine
    with asyncio.Runner() as runner:
        machine.run = runner.run
        machine.dsn, machine.node = dsn, rabbitmq
        machine.pool = runner.run(
            create_pool(dsn, min_size=1, max_size=5, application_name="machine")
        )
        machine.proxy = Proxy("127.0.0.1", rabbitmq.settings.rabbitmq_port)
        runner.run(machine.proxy.start())
        port = rabbitmq.settings.rabbitmq_port
        machine.url = rabbitmq.url.replace(f":{port}/", f":{machine.proxy.port}/")
        run_machine(machine, settings=LIVES)
        assert sum(one.relayed for one in machine.consumers) > 10
        runner.run(machine.proxy.stop())
        runner.run(machine.pool.close())
