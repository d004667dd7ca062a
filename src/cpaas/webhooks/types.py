"""The values of deliveries: what is to be posted, how it ended, what the customer is shown."""

from datetime import datetime
from typing import Literal

import msgspec

DeliveryStatus = Literal["delivered", "retrying", "failed", "skipped"]


class Job(msgspec.Struct, gc=False):
    """One event to post now. `item` 0 means it comes from webhook_delivery, not from the queue.

    url: the message's own, "" for the account's endpoint. status: what the record says so far.
    stale_us: not started by then, it goes back.
    """

    event_id: bytes
    account_id: int
    message_id: bytes
    event_type: str
    url: str
    body: bytes
    item: int
    created_us: int
    stale_us: int
    attempts: int = 0
    status: DeliveryStatus = "retrying"


class Outcome(msgspec.Struct, gc=False):
    """How a job ended: what is written down about it. `http_status` 0 = no answer.

    counted: whether a request was made; a parked or skipped job was not tried.
    """

    job: Job
    url: str
    status: DeliveryStatus
    http_status: int
    error: str
    duration_ms: int
    at_us: int
    next_us: int | None
    counted: bool = True


class Endpoint(msgspec.Struct, frozen=True):
    """An account's endpoint as its owner sees it; `url` "" = none is set."""

    url: str
    events: list[str]
    active: bool
    disabled_reason: str
    created_at: datetime | None
    previous_secret_until: datetime | None


class Delivery(msgspec.Struct, frozen=True):
    """One event for one URL as its owner sees it."""

    id: str
    message_id: str | None
    type: str
    url: str
    status: DeliveryStatus
    attempts: int
    last_status: int
    last_error: str
    last_duration_ms: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    created_at: datetime


class Attempt(msgspec.Struct, frozen=True):
    """One attempt; `status` 0 = no answer, `error` says why."""

    at: datetime
    status: int
    error: str
    duration_ms: int
    replay: bool
