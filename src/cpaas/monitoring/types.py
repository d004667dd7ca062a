"""What Monitoring shows. Times are Unix microseconds."""

import msgspec


class Watched(msgspec.Struct, frozen=True):
    """A service as its page of health is asked: every service that these settings run."""

    name: str
    host: str
    port: int
    path: str


class Running(msgspec.Struct, frozen=True):
    """What the database knows of a service: its living processes and what is wished of it."""

    service: str
    processes: int
    version: str
    started_us: int | None
    #: starts within a day, less the first one.
    restarts: int
    wished: bool
    changed_by: str


class Depth(msgspec.Struct, frozen=True):
    """A queue: items, the messages in them, how long its oldest item that may be taken waits."""

    queue: str
    items: int
    messages: int
    oldest_s: float
    #: more than was counted.
    more: bool


class Bind(msgspec.Struct, frozen=True):
    """A customer's SMPP bind."""

    system_id: str
    account: str
    bind_type: str
    address: str
    submitted: int
    refused: int
    delivered: int
    bound_us: int
