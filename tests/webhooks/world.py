"""A small world for tests of webhooks: accounts with endpoints, a receiver, a deliverer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from cpaas.broker.embedded import EmbeddedConsumer, publish
from cpaas.broker.topology import WEBHOOK
from cpaas.db.actor import acting
from cpaas.db.pool import create_pool
from cpaas.kit.guard import Guard
from cpaas.kit.http import PostClient
from cpaas.kit.ids import new_id
from cpaas.kit.secrets import Keyring
from cpaas.messages.envelopes import Event
from cpaas.simulators.customer.sink import CustomerSink
from cpaas.snapshot.load import EMPTY, load
from cpaas.snapshot.types import Snapshot
from cpaas.webhooks import settings
from cpaas.webhooks.attempt import Poster, wall_us
from cpaas.webhooks.deliver import Deliverer
from cpaas.webhooks.events import EventMessage, event_items, message_event
from cpaas.webhooks.lanes import Lanes

AT_US = 1_790_000_000_123_456
LOCAL = ["127.0.0.0/8"]


class World:
    """What a test holds in its hands; `later_us` moves the deliverer's clock forward."""

    def __init__(self, dsn: str, pool: Any, sink: CustomerSink, keyring_file: Path) -> None:
        self.dsn = dsn
        self.pool = pool
        self.sink = sink
        self.keyring_file = keyring_file
        self.keyring = Keyring.load_or_make(keyring_file)
        self.guard = Guard(LOCAL)
        self.snapshot: Snapshot = EMPTY
        self.later_us = 0

    def now_us(self) -> int:
        return wall_us() + self.later_us

    async def account(self, name: str) -> int:
        """An account without an endpoint."""
        account_id: int = await self.pool.fetchval(
            "INSERT INTO account (name) VALUES ($1) RETURNING id", name
        )
        return account_id

    async def endpoint(self, name: str, url: str, **options: Any) -> tuple[int, str]:
        """An account with an endpoint; its id and signing secret."""
        account_id = await self.account(name)
        return account_id, await self.put(account_id, url, **options) or ""

    async def put(self, account_id: int, url: str, **options: Any) -> str | None:
        """Sets the endpoint as the API does; the secret if it is shown."""
        async with self.pool.acquire() as connection, acting(connection, "test"):
            _, secret = await settings.put_endpoint(
                connection, self.keyring, self.guard, account_id, url, **options
            )
        await self.reload()
        return secret

    async def reload(self) -> None:
        """The snapshot as it is now."""
        connection = await asyncpg.connect(self.dsn)
        try:
            self.snapshot = await load(connection, EMPTY, {"webhook_endpoint"}, {})
        finally:
            await connection.close()

    async def publish(self, account_id: int, count: int = 1, *, url: str = "") -> list[Event]:
        """Queues events of so many messages, one item for each hundred."""
        events = [message_event("message.delivered", a_message(account_id, url), AT_US, "INR")
                  for _ in range(count)]  # fmt: skip
        async with self.pool.acquire() as connection, connection.transaction():
            await publish(connection, event_items(account_id, events))
        return events

    @asynccontextmanager
    async def delivering(
        self,
        *,
        lanes: Lanes | None = None,
        timeout_seconds: float = 5.0,
        lease_seconds: float = 30.0,
        pool: Any = None,
    ) -> AsyncIterator[Deliverer]:
        """A deliverer at work; leaving stops it in order."""
        pool = pool or self.pool
        client = PostClient(self.guard, timeout_seconds=timeout_seconds)
        poster = Poster(
            pool,
            client,
            snapshot=lambda: self.snapshot,
            keyring=self.keyring,
            now_us=self.now_us,
            uniform=lambda: 0.0,
        )
        consumer = EmbeddedConsumer(pool, WEBHOOK, 7, lease_seconds=lease_seconds)
        deliverer = Deliverer(
            pool, consumer, poster, lanes=lanes, now_us=self.now_us, due_seconds=0.02
        )
        running = asyncio.create_task(deliverer.run())
        try:
            yield deliverer
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await client.close()

    async def rows(self, account_id: int) -> list[Any]:
        """The account's deliveries, oldest first."""
        rows: list[Any] = await self.pool.fetch(
            "SELECT * FROM webhook_delivery WHERE account_id = $1 ORDER BY id", account_id
        )
        return rows

    async def until(
        self, account_id: int, check: Callable[[list[Any]], Any], seconds: float = 60.0
    ) -> list[Any]:
        """The account's deliveries once they are as wanted."""
        async with asyncio.timeout(seconds):
            while not check(rows := await self.rows(account_id)):
                await asyncio.sleep(0.01)
        return rows

    async def queued(self) -> int:
        """Items left in the queue."""
        count: int = await self.pool.fetchval("SELECT count(*) FROM queue_item")
        return count


@asynccontextmanager
async def a_world(dsn: str, folder: Path) -> AsyncIterator[World]:
    """A world on a fresh database."""
    pool = await create_pool(dsn, min_size=1, max_size=6, application_name="t", data_plane=True)
    sink = CustomerSink()
    await sink.start()
    try:
        yield World(dsn, pool, sink, folder / "keyring.json")
    finally:
        await sink.stop()
        await pool.close()


def a_message(account_id: int, url: str = "") -> EventMessage:
    """A delivered message."""
    return EventMessage(
        new_id().bytes, account_id, "r", "sms", "+919876543210", "MYBRAND", "DELIVERED", "x",
        120_000, "", "", 1, AT_US, AT_US, 0, url,
    )  # fmt: skip


def all_are(status: str, count: int) -> Callable[[list[Any]], bool]:
    """Whether there are so many deliveries, all in one status."""
    return lambda rows: len(rows) == count and all(row["status"] == status for row in rows)
