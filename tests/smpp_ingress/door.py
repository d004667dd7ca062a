"""The SMPP server on a real database, with an account that may bind, and ESMEs of our own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.pipeline.accepting import Desk, desk
from tests.smpp.smpp_ends import Esme

from cpaas.broker.embedded import EmbeddedConsumer
from cpaas.broker.topology import SMPP_RECEIPT
from cpaas.kit.secrets import hash_password
from cpaas.messages.types import Finish
from cpaas.pipeline.transitions import Context, finish
from cpaas.smpp.client import BindParams, Client
from cpaas.smpp.pdu import SubmitSm
from cpaas.smpp.receipt import Receipt, parse_receipt
from cpaas.smpp_ingress.server import Ingress

PASSWORD = "secret12"
NUMBER = "919876543210"
PATIENCE_SECONDS = 60.0


async def until(condition: Callable[[], object]) -> None:
    """Polls, so that a slow machine makes a test slow instead of wrong."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


class Door:
    """A running server and what tests do with it."""

    def __init__(self, world: Desk, ingress: Ingress, port: int, account_id: int) -> None:
        self.world = world
        self.pool = world.pool
        self.ingress = ingress
        self.port = port
        self.account_id = account_id
        self._stops: list[Callable[[], Awaitable[None]]] = []

    async def bind(self, **params: Any) -> tuple[Client, Esme]:
        """A bound ESME."""
        client, esme = self.connect(**params)
        await until(lambda: esme.bound)
        return client, esme

    def connect(self, **params: Any) -> tuple[Client, Esme]:
        """An ESME that tries to bind."""
        esme = Esme()
        full: dict[str, Any] = {
            "host": "127.0.0.1", "port": self.port, "system_id": "acme", "password": PASSWORD,
        }  # fmt: skip
        client = Client(BindParams(**full | params), esme, backoff=lambda failures: 0.05)
        task = asyncio.get_running_loop().create_task(client.run())

        async def stop() -> None:
            await client.stop(0.3)
            task.cancel()

        self._stops.append(stop)
        return client, esme

    async def send(self, client: Client, esme: Esme, *pdus: Any) -> list[tuple[int, str]]:
        """Submits and waits for the answers, in order."""
        before = len(esme.answers)
        client.submit(list(enumerate(pdus)))
        await until(lambda: len(esme.answers) == before + len(pdus))
        answers = {tag: (status, id_) for tag, status, id_ in esme.answers[before:]}
        return [answers[n] for n in range(len(pdus))]

    async def rows(self) -> list[Any]:
        """All messages, in order."""
        return list(await self.pool.fetch("SELECT * FROM message ORDER BY id"))

    async def end(self, message_id: bytes, status: str, **more: Any) -> None:
        """What settle does when a carrier has spoken."""
        now_us = await self.pool.fetchval("SELECT now()")
        context = Context(self.world.holder.current, 7, now_us)
        await self.pool.execute(
            "UPDATE message SET status = 'SENDING' WHERE id = $1 AND status = 'QUEUED'", message_id
        )
        async with self.pool.acquire() as connection, connection.transaction():
            applied = await finish(
                connection,
                context,
                [Finish(message_id, status, now_us, **more)],  # type: ignore[arg-type]
            )
        assert applied

    async def change(self, sql: str, *values: Any) -> None:
        """Change configuration and wait until it is known."""
        await self.pool.execute(sql, *values)
        version = await self.pool.fetchval("SELECT sum(version)::int FROM config_version")
        await until(lambda: self.world.holder.current.version >= version)

    async def close(self) -> None:
        """Ends every ESME."""
        await asyncio.gather(*(stop() for stop in self._stops))


def text(body: bytes | str = b"hello", to: str = NUMBER, **more: Any) -> SubmitSm:
    """A usual submit_sm."""
    data = body.encode() if isinstance(body, str) else body
    values: dict[str, Any] = {
        "source_addr_ton": 5, "source_addr": "MYBRAND", "dest_addr_ton": 1, "dest_addr_npi": 1,
        "destination_addr": to, "registered_delivery": 1, "short_message": data,
    }  # fmt: skip
    return SubmitSm(**values | more)


def receipts(esme: Esme) -> list[Receipt]:
    """What an ESME was told of its messages."""
    return [receipt for pdu in esme.delivered if (receipt := parse_receipt(pdu)) is not None]


@asynccontextmanager
async def serving(world: Desk, instance_id: int = 9, port: int = 0) -> AsyncIterator[Any]:
    """A server on a desk; yields (ingress, port)."""
    consumer = EmbeddedConsumer(world.pool, SMPP_RECEIPT, instance_id)
    ingress = Ingress(world.pool, world.acceptor, world.holder, consumer, instance_id)
    running = asyncio.create_task(ingress.run())
    world.holder.on_change(ingress.changed)
    bound = await ingress.listen("127.0.0.1", port)
    try:
        yield ingress, bound
    finally:
        await ingress.stop(2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def door(dsn: str) -> AsyncIterator[Door]:
    """A server whose account `acme` may bind with PASSWORD."""
    async with desk(dsn) as world:
        account_id = await world.account()
        await world.pool.execute(
            "INSERT INTO smpp_credential (account_id, system_id, password_hash)"
            " VALUES ($1, 'acme', $2)",
            account_id, hash_password(PASSWORD),
        )  # fmt: skip
        await until(lambda: "acme" in world.holder.current.smpp_credentials)
        async with serving(world) as (ingress, port):
            made = Door(world, ingress, port, account_id)
            try:
                yield made
            finally:
                await made.close()
