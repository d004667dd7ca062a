"""Chooses the carrier of the queues by the settings: PostgreSQL itself, or RabbitMQ before it."""

from typing import Any

from cpaas.broker import address
from cpaas.broker.base import Broker
from cpaas.broker.embedded import EmbeddedBroker
from cpaas.broker.wakeups import QueueWakeups
from cpaas.config import Settings


def make_broker(
    settings: Settings, pool: Any, wakeups: QueueWakeups, instance_id: int, service: str
) -> Broker:
    """The carrier that these settings name."""
    url = address.url(settings)
    if not url:
        return EmbeddedBroker(pool, wakeups, instance_id)
    # Its client is large, and not needed otherwise.
    from cpaas.broker.rabbitmq import RabbitBroker

    return RabbitBroker(
        pool, wakeups, instance_id,
        url=url, queue_type=settings.amqp_queue_type, name=service,
    )  # fmt: skip
