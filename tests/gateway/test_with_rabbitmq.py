"""The SMS side with RabbitMQ between its steps: a carrier that is away has no consumer."""

from typing import Any

import aio_pika
from tests.gateway.harness import SUBMIT, Gateway, gateway_world, routed_to, smsc, until
from tests.pipeline.world import INSTANCE
from tests.rabbitmq_node import RabbitNode

from cpaas.broker.base import Broker
from cpaas.broker.rabbitmq import RabbitBroker
from cpaas.broker.topology import gateway_queue
from cpaas.broker.wakeups import QueueWakeups
from cpaas.config import QueueType
from cpaas.snapshot.types import Route


def broker_of(node: RabbitNode, dsn: str, queue_type: QueueType = "classic") -> Any:
    def make(pool: Any) -> Broker:
        return RabbitBroker(
            pool, QueueWakeups(dsn), INSTANCE, url=node.url, queue_type=queue_type, name="gateway"
        )

    return make


async def consumers(node: RabbitNode, route: Route) -> int:
    """How many consume a route's queue."""
    async with await aio_pika.connect(node.url) as connection:
        channel = await connection.channel()
        declared = await channel.declare_queue(gateway_queue(route.name), durable=True)
        return int(declared.declaration_result.consumer_count or 0)


async def has_consumers(world: Gateway, node: RabbitNode, route: Route, count: int) -> None:
    async def so_many() -> bool:
        return await consumers(node, route) == count

    await until(so_many, 20, world.statuses)


async def test_messages_go_through_rabbitmq_and_none_is_consumed_for_a_dead_link(
    dsn: str, rabbitmq: RabbitNode
) -> None:
    async with (
        smsc() as (_, other_port),
        gateway_world(dsn, broker=broker_of(rabbitmq, dsn)) as world,
    ):
        async with smsc() as (_, port):
            first, second = routed_to(port), routed_to(other_port, id_=2)
            world.configure(first)
            await world.send(100, each=10)
            await world.settled(DELIVERED=100)
            assert isinstance(world.broker, RabbitBroker)
            assert dict(world.broker.gauges())["cpaas_broker_items_relayed"] > 10
            await has_consumers(world, rabbitmq, first, 1)
        # Its carrier is gone: nothing lies there for it, and what comes takes the other route.
        await has_consumers(world, rabbitmq, first, 0)
        world.configure(first, second)
        await world.send(50, each=5)
        await world.settled(DELIVERED=150)
        async with smsc(port=port):
            await has_consumers(world, rabbitmq, first, 1)


async def test_messages_go_their_whole_way_through_quorum_queues(
    dsn: str, rabbitmq: RabbitNode
) -> None:
    async with smsc() as (carrier, port):
        route = routed_to(port)
        queues = (SUBMIT, gateway_queue(route.name))
        # The node is shared, and a queue keeps the type that it was declared with.
        await delete(rabbitmq, *queues)
        made = broker_of(rabbitmq, dsn, "quorum")
        async with gateway_world(dsn, broker=made) as world:
            world.configure(route)
            await world.send(30, each=10)
            await world.settled(DELIVERED=30)
            gauges = dict(world.broker.gauges())
            assert gauges["cpaas_broker_items_relayed"] >= 2
            assert world.broker.details()["queue"] == {
                "carrier": "rabbitmq", "up": True, "error": "",
            }  # fmt: skip
            assert carrier.stats.submits == 30
            for queue in queues:
                assert await is_quorum(rabbitmq, queue)
            await world.money_adds_up()
        await delete(rabbitmq, *queues)


async def delete(node: RabbitNode, *queues: str) -> None:
    async with await aio_pika.connect(node.url) as connection:
        channel = await connection.channel()
        for queue in queues:
            await channel.queue_delete(queue)


async def is_quorum(node: RabbitNode, queue: str) -> bool:
    """A declaration with another type is refused by the server, which tells the present one."""
    async with await aio_pika.connect(node.url) as connection:
        channel = await connection.channel()
        try:
            await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "classic"})
        except aio_pika.exceptions.ChannelPreconditionFailed as error:
            return "current is 'quorum'" in str(error) or "the value 'quorum'" in str(error)
        return False
