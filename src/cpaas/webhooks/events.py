"""Makes the webhook events of messages: which are wanted, their exact body, their queue items.

Called once per message by every writer of a status, in its own transaction, so it is pure and
quick: the second of a time stamp is formatted once and the body is encoded by msgspec.
"""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from cpaas.broker.base import NewItem
from cpaas.broker.topology import SMPP_RECEIPT, WEBHOOK
from cpaas.kit import money
from cpaas.kit.ids import new_id_bytes
from cpaas.messages.door_wish import DOOR, door_wants
from cpaas.messages.envelopes import LANE_NUMBER, VERSION, Event, EventEnvelope, pack
from cpaas.messages.smpp_wish import SMPP, smpp_wants, wish_url
from cpaas.messages.statuses import FINAL, Status
from cpaas.snapshot.types import Snapshot

MAX_EVENTS_PER_ITEM: Final = 100

#: status -> event type; statuses that nobody is told of are missing.
STATUS_EVENT: Final[dict[str, str]] = {
    status: f"message.{status.lower()}" for status in ("SUBMITTED", *sorted(FINAL))
}
RECEIVED: Final = "message.received"
BALANCE_LOW: Final = "balance.low"
#: what became of a template; told to who asked for it.
TEMPLATES: Final = tuple(
    f"template.{became}" for became in ("approved", "rejected", "paused", "disabled")
)
TEST: Final = "webhook.test"
#: what became of one message of a batch by Jasmin's REST API, for who asked to be called.
BATCH: Final = "batch.message"
#: every type that a customer may subscribe to.
EVENT_TYPES: Final = frozenset({*STATUS_EVENT.values(), RECEIVED, BALANCE_LOW, *TEMPLATES})
#: what an endpoint without a choice gets: final states and READ.
DEFAULT_EVENTS: Final = frozenset(STATUS_EVENT[status] for status in FINAL)


class EventMessage(msgspec.Struct):
    """What an event says about a message. `price_micro` is net of refunds; times Unix micros."""

    id: bytes
    account_id: int
    reference: str
    channel: str
    to: str
    sender: str
    status: Status
    provider_message_id: str | None
    price_micro: int
    error_code: str
    error: str
    segments: int
    submitted_us: int | None
    delivered_us: int | None
    campaign_id: int
    webhook_url: str
    #: of an answered call.
    seconds: int | None = None


class _Data(msgspec.Struct, rename={"sender": "from"}):
    id: str
    reference: str | None
    channel: str
    to: str
    sender: str
    status: str
    provider_message_id: str | None
    price: str
    currency: str
    error_code: str | None
    error: str | None
    segments: int
    submitted_at: str | None
    delivered_at: str | None
    campaign_id: int | None
    duration_seconds: int | msgspec.UnsetType = msgspec.UNSET


class _Body(msgspec.Struct):
    type: str
    timestamp: str
    data: _Data


_encode = msgspec.json.Encoder().encode
_price = lru_cache(maxsize=4096)(money.show)


def status_event_type(status: str) -> str:
    """The type of the event that tells a status: "message.delivered"; "" if none does."""
    return STATUS_EVENT.get(status, "")


def event_wanted(snapshot: Snapshot, account_id: int, webhook_url: str, event_type: str) -> bool:
    """Whether somebody waits for this event: the account's endpoint or the message's own URL.

    The endpoint's choice of types holds for a message's own URL, too.
    """
    endpoint = snapshot.webhooks.get(account_id)
    if not webhook_url and (endpoint is None or not endpoint.active):
        return False
    if webhook_url.startswith(SMPP):
        return smpp_wants(webhook_url, event_type)
    if webhook_url.startswith(DOOR):
        return door_wants(webhook_url, event_type)
    chosen = endpoint.events if endpoint is not None else frozenset()
    return event_type in (chosen or DEFAULT_EVENTS)


def message_event(event_type: str, message: EventMessage, at_us: int, currency: str) -> Event:
    """The event that tells what happened to a message at `at_us`."""
    body = _Body(
        event_type,
        iso(at_us),
        _Data(
            id=uuid_text(message.id),
            reference=message.reference or None,
            channel=message.channel,
            to=message.to,
            sender=message.sender,
            status=message.status,
            provider_message_id=message.provider_message_id,
            price=_price(message.price_micro),
            currency=currency,
            error_code=message.error_code or None,
            error=message.error or None,
            segments=message.segments,
            submitted_at=None if message.submitted_us is None else iso(message.submitted_us),
            delivered_at=None if message.delivered_us is None else iso(message.delivered_us),
            campaign_id=message.campaign_id or None,
            duration_seconds=msgspec.UNSET if message.seconds is None else message.seconds,
        ),
    )
    return Event(new_id_bytes(), message.id, event_type, message.webhook_url, _encode(body))


def account_event(event_type: str, data: dict[str, object], at_us: int) -> Event:
    """An event of the account rather than of a message, such as balance.low."""
    body = {"type": event_type, "timestamp": iso(at_us), "data": data}
    return Event(new_id_bytes(), b"", event_type, "", _encode(body))


def for_binds(snapshot: Snapshot, account_id: int, event: Event) -> list[Event]:
    """A reply's event once more, for the account's SMPP binds if they take replies."""
    system_id = snapshot.smpp_receivers.get(account_id)
    if system_id is None:
        return []
    url = wish_url(1, system_id)
    return [Event(new_id_bytes(), event.message_id, event.type, url, event.body)]


def event_items(account_id: int, events: Sequence[Event]) -> list[NewItem]:
    """The queue items that carry one account's events, in order; SMPP binds have their own."""
    for_smpp = [event for event in events if event.url.startswith(SMPP)]
    if not for_smpp:
        return _items(WEBHOOK, account_id, events)
    others = [event for event in events if not event.url.startswith(SMPP)]
    return _items(WEBHOOK, account_id, others) + _items(SMPP_RECEIPT, account_id, for_smpp)


def _items(queue: str, account_id: int, events: Sequence[Event]) -> list[NewItem]:
    items = []
    for start in range(0, len(events), MAX_EVENTS_PER_ITEM):
        part = list(events[start : start + MAX_EVENTS_PER_ITEM])
        payload = pack(EventEnvelope(VERSION, account_id, part))
        items.append(NewItem(queue, LANE_NUMBER["transactional"], account_id, len(part), payload))
    return items


def iso(at_us: int) -> str:
    """Unix microseconds as "2026-11-22T10:11:12.345Z"."""
    second, micros = divmod(at_us, 1_000_000)
    return f"{_second(second)}.{micros // 1000:03d}Z"


def uuid_text(raw: bytes) -> str:
    """The text form of 16 bytes; several times quicker than through UUID."""
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@lru_cache(maxsize=256)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
