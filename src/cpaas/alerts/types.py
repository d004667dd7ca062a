"""A condition as it is seen now, and an alert as it is kept. Times are Unix microseconds."""

from typing import Final

import msgspec

KINDS: Final = {
    "link_down": "Route down", "queue_age": "Queue waits", "service_down": "Service down",
    "service_restarts": "Service keeps ending", "disk": "Disk nearly full",
    "delivery_drop": "Delivery drop", "dead_letters": "Dead letters", "rabbitmq": "RabbitMQ",
    "postgresql": "PostgreSQL",
}  # fmt: skip
Key = tuple[str, str]


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not well at this moment.

    after_s: how long it must last before it is told, and be gone before it is over.
    """

    kind: str
    subject: str
    title: str
    body: str
    link: str
    after_s: float = 0.0

    @property
    def key(self) -> Key:
        """What makes it the same thing as before."""
        return self.kind, self.subject


class Alert(msgspec.Struct, frozen=True):
    """One of the history; open while closed_us is None."""

    id: int
    kind: str
    subject: str
    title: str
    body: str
    link: str
    opened_us: int
    told_us: int
    closed_us: int | None
    acknowledged_us: int | None
    acknowledged_by: str

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.kind, self.subject
