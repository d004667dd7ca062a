"""A small world for tests of a message's life: an account, routes, and messages on their way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cpaas.channels.errors import CATALOGUE
from cpaas.db.pool import create_pool
from cpaas.kit.ids import new_id
from cpaas.messages.envelopes import VERSION, Envelope, Outgoing
from cpaas.pipeline.transitions import Context
from cpaas.pipeline.types import Answer, Receipt, ReceiptState
from cpaas.snapshot.types import Account, Route, Snapshot, WebhookEndpoint

HOUR_US = 3_600_000_000
PRICE = 120_000
COST = 30_000
INSTANCE = 7


@asynccontextmanager
async def data_plane_pool(dsn: str) -> AsyncIterator[Any]:
    """A pool with the data plane's codecs: ids as bytes, times as microseconds."""

    pool = await create_pool(dsn, min_size=1, max_size=6, application_name="tests", data_plane=True)
    try:
        yield pool
    finally:
        await pool.close()


def route(route_id: int, *, active: bool = True) -> Route:
    return Route(
        route_id, f"smpp{route_id}", "sms", "smpp", "127.0.0.1", 2775, active, False, 0, 1, 10,
        "transceiver", "", "", "", "same", {}, b"", COST,
    )  # fmt: skip


def account(account_id: int, *, refund_failed: bool = False, unknown: str = "") -> Account:
    return Account(
        account_id, f"a{account_id}", True, False, (), frozenset(), 0, 0, frozenset({"sms"}), "",
        "", "", refund_failed, unknown,
    )  # fmt: skip


def snapshot(
    accounts: list[Account] | None = None,
    routes: list[Route] | None = None,
    events: frozenset[str] = frozenset(),
) -> Snapshot:
    accounts = accounts or [account(1)]
    routes = routes or [route(1), route(2)]
    hooks = {
        a.id: WebhookEndpoint(a.id, "https://hooks.test/", events, b"", None, None, True)
        for a in accounts
    }
    return Snapshot(
        1, {a.id: a for a in accounts}, {}, {}, {}, {}, {r.id: r for r in routes},
        {r.name: r for r in routes}, {}, {}, hooks, {},
    )  # fmt: skip


class World:
    """A database with one paying account, and a clock that only moves when told."""

    def __init__(self, pool: Any, now_us: int, snap: Snapshot | None = None) -> None:
        self.pool = pool
        self.now_us = now_us
        self.snapshot = snap or snapshot()
        self.committed: list[object] = []

    def context(self) -> Context:
        return Context(self.snapshot, INSTANCE, self.now_us)

    async def open_account(self, account_id: int = 1, balance: int = 100_000_000) -> None:
        await self.pool.execute(
            "INSERT INTO account (id, name) VALUES ($1, $2)", account_id, f"a{account_id}"
        )
        await self.pool.execute(
            "INSERT INTO wallet (account_id, balance_micro) VALUES ($1, $2)", account_id, balance
        )
        await self.pool.execute(
            "INSERT INTO ledger_entry (account_id, kind, amount_micro) VALUES ($1, 'CREDIT', $2)",
            account_id, balance,
        )  # fmt: skip

    async def message(self, status: str = "SENDING", **changes: Any) -> Envelope:
        """A charged message in the given status, and the envelope it travels in."""
        outgoing = Outgoing(
            new_id().bytes, "919876543210", "MYBRAND", "hello", "GSM7", 1, 1, self.now_us,
            self.now_us + HOUR_US, PRICE,
        )  # fmt: skip
        lane = changes.pop("lane", "transactional")
        plan = changes.pop("plan", [1])
        account_id = changes.pop("account_id", 1)
        claimed_by = changes.pop("claimed_by", INSTANCE)
        for name, value in changes.items():
            setattr(outgoing, name, value)
        await self.pool.execute(
            """WITH d AS (INSERT INTO ledger_entry (account_id, kind, amount_micro, message_id)
                 VALUES ($1, 'DEBIT', -$3::bigint, $2)),
               w AS (UPDATE wallet SET balance_micro = balance_micro - $3 WHERE account_id = $1)
               INSERT INTO message (id, account_id, created_at, valid_until, claimed_at,
                 price_micro, route_id, claimed_by, segments, channel, lane, status, recipient,
                 sender, body)
               VALUES ($2, $1, $4, $5, $4, $3, 1, $6, $7, 'sms', $8, $9, $10, 'MYBRAND', '')""",
            account_id, outgoing.id, outgoing.price_micro, self.now_us, outgoing.valid_until_us,
            claimed_by, outgoing.segments, lane, status, outgoing.to,
        )  # fmt: skip
        return Envelope(
            VERSION, 1, account_id, "sms", lane, False, 0, plan, 0, "", self.now_us, [outgoing]
        )

    def answer(
        self, envelope: Envelope, *ids: str | None, error: str = "", route_id: int = 1
    ) -> Answer:
        return Answer(
            envelope, envelope.messages[0], route_id, self.now_us, list(ids),
            CATALOGUE[error] if error else None, "ESME" if error else "",
        )  # fmt: skip

    def receipt(
        self, provider_id: str, state: ReceiptState = "DELIVERED", *, route_id: int = 1
    ) -> Receipt:
        code = "" if state in {"DELIVERED", "READ", "ENROUTE"} else "010"
        return Receipt(
            route_id, provider_id, state, code, "", self.now_us, "919876543210", "MYBRAND", b"raw",
            provider_id,
        )  # fmt: skip

    async def row(self, envelope: Envelope) -> Any:
        return await self.pool.fetchrow(
            "SELECT * FROM message WHERE id = $1", envelope.messages[0].id
        )

    async def kinds(self, envelope: Envelope) -> list[str]:
        rows = await self.pool.fetch(
            "SELECT kind FROM message_event WHERE message_id = $1 ORDER BY id",
            envelope.messages[0].id,
        )
        return [row[0] for row in rows]

    async def items(self, queue: str) -> list[Any]:
        rows = await self.pool.fetch(
            "SELECT *, extract(epoch FROM available_at - now())::float8 AS delay"
            " FROM queue_item WHERE queue = $1 ORDER BY id",
            queue,
        )
        return list(rows)

    async def money_adds_up(self) -> None:
        """The ledger sums to the balance, for every account."""
        rows = await self.pool.fetch(
            """SELECT w.account_id, w.balance_micro, sum(l.amount_micro)::bigint AS booked
               FROM wallet w JOIN ledger_entry l USING (account_id) GROUP BY 1, 2"""
        )
        assert all(row["balance_micro"] == row["booked"] for row in rows), rows

    async def balance(self, account_id: int = 1) -> int:
        value = await self.pool.fetchval(
            "SELECT balance_micro FROM wallet WHERE account_id = $1", account_id
        )
        return int(value)

    async def counted(self) -> dict[str, int]:
        row = await self.pool.fetchrow(
            """SELECT sum(submitted)::bigint AS submitted, sum(delivered)::bigint AS delivered,
                 sum(read)::bigint AS read, sum(failed)::bigint AS failed,
                 sum(rejected)::bigint AS rejected, sum(expired)::bigint AS expired,
                 sum(refunded_micro)::bigint AS refunded_micro,
                 sum(carrier_cost_micro)::bigint AS cost FROM counter_minute"""
        )
        return {name: value for name, value in row.items() if value}
