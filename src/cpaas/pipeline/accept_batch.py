"""Turns the requests of one commit into the columns of its one statement.

Pure and in one pass over the messages: with the statement itself this is most of what accepting
a message costs.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas.broker.topology import submit_queue
from cpaas.broker.wakeups import channels
from cpaas.messages.envelopes import (
    LANE_NUMBER,
    MAX_MESSAGES,
    VERSION,
    Envelope,
    Event,
    Outgoing,
    pack,
)
from cpaas.pipeline.accept_queries import KIND, MESSAGE
from cpaas.pipeline.drafts import Submission
from cpaas.snapshot.types import Snapshot
from cpaas.webhooks.events import EventMessage, event_items, event_wanted, message_event

MINUTE_US: Final = 60_000_000
DEFAULT_CURRENCY: Final = "INR"
_BLOCKED_EVENT: Final = "message.blocked"
_BLOCKED_CODE: Final = "blocked"
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode
_BLOCKED_TEXT: Final = "The number is on the blacklist."


class Batch:
    """Columns for `accept_queries.STORE`, filled request by request."""

    def __init__(self, snapshot: Snapshot, instance_id: int, now_us: int) -> None:
        self._snapshot = snapshot
        self._instance_id = instance_id
        self._now_us = now_us
        self._rows: list[tuple[Any, ...]] = []
        self._kinds: dict[tuple[Any, ...], int] = {}
        self._needs: dict[int, int] = {}
        self._groups: dict[tuple[Any, ...], list[Outgoing]] = {}
        self._events: dict[int, list[Event]] = {}
        self._keys: list[tuple[int, str, bytes, int, bytes]] = []
        self._counts: dict[tuple[int, int, str, str], list[int]] = {}

    def add(self, submission: Submission) -> None:
        """Take in one request."""
        author, idempotency = submission.author, submission.idempotency
        account_id, channel, lane = author.account_id, submission.channel, submission.lane
        is_test, blocked, send_at_us = author.is_test, submission.blocked, submission.send_at_us
        status = "QUEUED" if send_at_us is None else "SCHEDULED"
        fallback = _encode(submission.fallback) if submission.fallback else None
        group = (account_id, channel, lane, is_test, author.campaign_id, send_at_us,
                 fallback is not None)  # fmt: skip
        queued = self._groups.get(group)
        if queued is None:
            queued = self._groups[group] = []
        cost = 0
        kinds, rows = self._kinds, self._rows
        for message in submission.messages:
            is_blocked = message.to in blocked
            price = 0 if is_blocked else message.price_micro
            cost += price
            kind = (
                account_id, send_at_us, author.actor_id, author.campaign_id, is_test, channel,
                lane, "BLOCKED" if is_blocked else status, author.origin, message.sender,
                message.encoding, message.webhook_url, message.category,
                _encode(message.dlt) if message.dlt else None, fallback,
                _encode(message.content) if message.content else None,
            )  # fmt: skip
            number = kinds.get(kind)
            if number is None:
                number = kinds[kind] = len(kinds) + 1
            rows.append(
                (
                    message.id, number, message.created_us, message.valid_until_us, price,
                    message.segments, message.to, message.text, message.country,
                    message.reference,
                )
            )  # fmt: skip
            if is_blocked:
                self._tell_blocked(submission, message)
            else:
                queued.append(message)
            if not is_test:
                self._count(account_id, channel, message, price, is_blocked=is_blocked)
        if cost:
            self._needs[account_id] = self._needs.get(account_id, 0) + cost
        if idempotency is not None:
            self._keys.append(
                (
                    account_id, idempotency.key, idempotency.body_hash, idempotency.status,
                    idempotency.answer,
                )
            )  # fmt: skip

    def columns(self) -> list[Any]:
        """The parameters of the statement, in its order."""
        needs = sorted(self._needs.items())
        items = self._items()
        wake = channels({item[0] for item in items if not item[3]})
        counts = sorted(self._counts.items())
        return [
            [account_id for account_id, _ in needs],
            [micro for _, micro in needs],
            *_columns(sorted(self._rows), len(MESSAGE)),
            *_columns(
                [
                    (*kind[:-3], *(one and _decode(one) for one in kind[-3:]))
                    for kind in self._kinds
                ],
                len(KIND),
            ),
            *_columns(items, 6),
            *_columns(self._keys, 5),
            wake,
            self._instance_id,
            *_columns([(*key, *value) for key, value in counts], 8),
        ]

    def _count(
        self, account_id: int, channel: str, message: Outgoing, price: int, *, is_blocked: bool
    ) -> None:
        accepted_us = int.from_bytes(message.id[:6], "big") * 1000
        key = (accepted_us - accepted_us % MINUTE_US, account_id, channel, message.country)
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = [0, 0, 0, 0]
        count[0] += 1
        count[1] += message.segments
        count[2] += is_blocked
        count[3] += price

    def _items(self) -> list[tuple[Any, ...]]:
        items: list[tuple[Any, ...]] = []
        for group, messages in self._groups.items():
            account_id, channel, lane, is_test, campaign_id, send_at_us, in_fallback = group
            delay_us = 0 if send_at_us is None else max(0, send_at_us - self._now_us)
            for start in range(0, len(messages), MAX_MESSAGES):
                part = messages[start : start + MAX_MESSAGES]
                envelope = Envelope(
                    VERSION, self._snapshot.version, account_id, channel, lane, is_test,
                    campaign_id, [], 0, "", self._now_us, part, scheduled=send_at_us is not None,
                    in_fallback=in_fallback,
                )  # fmt: skip
                items.append(
                    (
                        submit_queue(channel), LANE_NUMBER[lane], account_id, delay_us,
                        len(part), pack(envelope),
                    )
                )  # fmt: skip
        for account_id, events in self._events.items():
            items += [
                (one.queue, one.lane, account_id, 0, one.messages, one.payload)
                for one in event_items(account_id, events)
            ]
        return items

    def _tell_blocked(self, submission: Submission, message: Outgoing) -> None:
        author = submission.author
        if not event_wanted(self._snapshot, author.account_id, message.webhook_url, _BLOCKED_EVENT):
            return
        told = EventMessage(
            message.id, author.account_id, message.reference, submission.channel, message.to,
            message.sender, "BLOCKED", None, 0, _BLOCKED_CODE, _BLOCKED_TEXT, message.segments,
            None, None, author.campaign_id, message.webhook_url,
        )  # fmt: skip
        currency = str(self._snapshot.settings.get("currency", DEFAULT_CURRENCY))
        self._events.setdefault(author.account_id, []).append(
            message_event(_BLOCKED_EVENT, told, self._now_us, currency)
        )


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [[] for _ in range(width)]
