"""What a drill asks the copy's database: everything, since all of it was made by this drill."""

from typing import Any

import asyncpg
import msgspec

#: queues that hold messages on their way, as SQL patterns.
_MESSAGES = "(queue LIKE 'cpaas.%.submit' OR queue LIKE 'submit\\_%')"


class Stored(msgspec.Struct, frozen=True, gc=False):
    """One message as it is stored."""

    id: str
    account_id: int
    status: str
    attempt: int
    segments: int
    recipient: str
    reference: str
    price_micro: int
    refunded_micro: int
    error_code: str
    provider_id: str


class Money(msgspec.Struct, frozen=True):
    """One account: its balance, and what should add up to it."""

    account_id: int
    balance: int
    ledger: int
    debits: int
    refunds: int
    prices: int
    refunded: int


class Counted(msgspec.Struct, frozen=True):
    """The per-minute counters, summed over everything."""

    accepted: int
    delivered: int
    failed: int
    rejected: int
    expired: int
    charged_micro: int
    refunded_micro: int


class State(msgspec.Struct, frozen=True):
    """How far the copy is from quiet."""

    by_status: dict[str, int]
    queue_items: int
    queued_messages: int
    webhooks_retried: int
    unmatched: int
    dead_letters: int

    @property
    def open(self) -> int:
        """What still moves."""
        return self.queue_items + self.webhooks_retried


async def state(connection: asyncpg.Connection) -> State:
    """Counts of everything that is not at its end."""
    rows = await connection.fetch("SELECT status, count(*) FROM message GROUP BY 1")
    rest = await connection.fetchrow(
        f"""
        SELECT (SELECT count(*) FROM queue_item) AS queue_items,
          (SELECT coalesce(sum(messages), 0) FROM queue_item WHERE {_MESSAGES}) AS queued_messages,
          (SELECT count(*) FROM webhook_delivery WHERE next_attempt_at IS NOT NULL)
            AS webhooks_retried,
          (SELECT count(*) FROM unmatched_receipt WHERE given_up_at IS NULL) AS unmatched,
          (SELECT count(*) FROM dead_letter) AS dead_letters
        """
    )
    assert rest is not None  # noqa: S101 - aggregates always give a row
    return State({row[0]: row[1] for row in rows}, *(int(value) for value in rest.values()))


async def stored(connection: asyncpg.Connection) -> list[Stored]:
    """Every message."""
    rows = await connection.fetch(
        """SELECT id::text, account_id, status, attempt, segments, recipient, reference,
             price_micro, refunded_micro, error_code, coalesce(provider_message_id, '')
           FROM message"""
    )
    return [Stored(*row) for row in rows]


async def events(connection: asyncpg.Connection) -> dict[str, list[str]]:
    """Message id -> the kinds of its events, as often as they happened, oldest first."""
    found: dict[str, list[str]] = {}
    for row in await connection.fetch(
        "SELECT message_id::text, kind FROM message_event ORDER BY id"
    ):
        found.setdefault(row[0], []).append(row[1])
    return found


async def webhooks_waiting(connection: asyncpg.Connection) -> set[str]:
    """Messages whose webhook is still to be tried again."""
    rows = await connection.fetch(
        "SELECT message_id::text FROM webhook_delivery WHERE next_attempt_at IS NOT NULL"
    )
    return {row[0] for row in rows}


async def webhooks_queued(connection: asyncpg.Connection) -> int:
    """Events that wait for their first attempt."""
    return int(
        await connection.fetchval(
            "SELECT coalesce(sum(messages), 0) FROM queue_item WHERE queue = 'cpaas.webhook'"
        )
    )


async def unmatched(connection: asyncpg.Connection) -> set[str]:
    """Provider ids of receipts that are kept because no message is known for them."""
    rows = await connection.fetch("SELECT provider_message_id FROM unmatched_receipt")
    return {row[0] for row in rows}


async def money(connection: asyncpg.Connection) -> list[Money]:
    """Every account's books."""
    rows = await connection.fetch(
        """
        SELECT w.account_id, w.balance_micro, coalesce(l.total, 0), coalesce(l.debits, 0),
          coalesce(l.refunds, 0), coalesce(m.prices, 0), coalesce(m.refunded, 0)
        FROM wallet w
        LEFT JOIN (SELECT account_id, sum(amount_micro) AS total,
            sum(amount_micro) FILTER (WHERE kind = 'DEBIT') AS debits,
            sum(amount_micro) FILTER (WHERE kind = 'REFUND') AS refunds
          FROM ledger_entry GROUP BY 1) l ON l.account_id = w.account_id
        LEFT JOIN (SELECT account_id, sum(price_micro) AS prices, sum(refunded_micro) AS refunded
          FROM message GROUP BY 1) m ON m.account_id = w.account_id
        ORDER BY w.account_id
        """
    )
    return [Money(*(int(value) for value in row)) for row in rows]


async def counted(connection: asyncpg.Connection) -> Counted:
    """The counters' sums."""
    row: Any = await connection.fetchrow(
        """SELECT coalesce(sum(accepted), 0), coalesce(sum(delivered), 0), coalesce(sum(failed), 0),
             coalesce(sum(rejected), 0), coalesce(sum(expired), 0),
             coalesce(sum(charged_micro), 0), coalesce(sum(refunded_micro), 0)
           FROM (SELECT accepted, delivered, failed, rejected, expired, charged_micro,
                   refunded_micro FROM counter_minute
                 UNION ALL SELECT accepted, delivered, failed, rejected, expired, charged_micro,
                   refunded_micro FROM counter_day WHERE account_id = 0) c"""
    )
    return Counted(*(int(value) for value in row))
