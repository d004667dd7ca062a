"""RabbitMQ as the carrier of a process's work, in front of the same rows of PostgreSQL."""

from collections.abc import Callable
from typing import Any

from cpaas.broker.amqp import Link
from cpaas.broker.relay import RelayConsumer
from cpaas.broker.wakeups import QueueWakeups
from cpaas.config import QueueType


class RabbitBroker:
    """One connection to the server; each consumer has a channel of its own on it."""

    def __init__(
        self, pool: Any, wakeups: QueueWakeups, instance_id: int, *, url: str,
        queue_type: QueueType, name: str,
    ) -> None:  # fmt: skip
        self.link = Link(url, name)
        self._pool = pool
        self._instance_id = instance_id
        self._queue_type = queue_type
        self._wakeups = wakeups
        self._consumers: list[RelayConsumer] = []
        #: what consumers that are gone had taken.
        self._relayed = 0
        self._passed_by = 0

    async def start(self) -> None:
        """Connects; while the server is away, work is taken from PostgreSQL directly."""
        await self._wakeups.start()
        await self.link.start()

    async def close(self) -> None:
        """Gives back what lies untaken here, then ends all connections."""
        for consumer in self._consumers:
            consumer.close()
        for consumer in self._consumers:
            await consumer.closed()
        await self.link.close()
        await self._wakeups.close()

    def consumer(self, queue: str, *, on_news: Callable[[], None] | None = None) -> RelayConsumer:
        """A consumer of a queue; it consumes from its first take on."""
        for one in [one for one in self._consumers if one.gone]:
            self._consumers.remove(one)
            self._relayed += one.relayed
            self._passed_by += one.passed_by
        made = RelayConsumer(
            self._pool, queue, self._instance_id, link=self.link, queue_type=self._queue_type,
            wakeups=self._wakeups, on_news=on_news,
        )  # fmt: skip
        self._consumers.append(made)
        return made

    def gauges(self) -> list[tuple[str, float]]:
        """What /metrics shows of it."""
        return [
            ("cpaas_broker_up", float(self.link.up)),
            (
                "cpaas_broker_items_relayed",
                self._relayed + sum(one.relayed for one in self._consumers),
            ),
            (
                "cpaas_broker_items_passed_by",
                self._passed_by + sum(one.passed_by for one in self._consumers),
            ),
        ]

    def details(self) -> dict[str, object]:
        """What heartbeat and health tell of it."""
        faults = [one.fault for one in self._consumers if one.fault]
        return {
            "queue": {
                "carrier": "rabbitmq",
                "up": self.link.up and not faults,
                "error": self.link.error or (faults[0] if faults else ""),
            }
        }
