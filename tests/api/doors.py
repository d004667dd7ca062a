"""A door on a real database, and requests to it as a server would hand them over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import msgspec
from tests.pipeline.accepting import NUMBER, Desk, desk

from cpaas.api.submit import Door
from cpaas.kit.secrets import api_key_digest

LIVE, TEST = "live_" + "k" * 43, "test_" + "k" * 43
CLIENT = "203.0.113.9"
PROXY = "10.0.0.1"


class Answered(msgspec.Struct):
    """An answer as it would go over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        return str(self.json.get("code", "")) if self.status != 202 else ""


class Client:
    """Posts to a door with the keys of one account."""

    def __init__(self, world: Desk, door: Door, account_id: int) -> None:
        self.world = world
        self.door = door
        self.account_id = account_id

    async def raw(
        self, body: bytes, key: str | None = LIVE, *, client: str = CLIENT, **headers: str
    ) -> Answered:
        """One request with this very body."""
        sent = {name.replace("_", "-").encode(): v.encode() for name, v in headers.items()}
        if key is not None:
            sent[b"authorization"] = f"Bearer {key}".encode()
        answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()

        def reply(status: int, given: list[tuple[bytes, bytes]], content: bytes) -> None:
            names = {name.decode(): value.decode() for name, value in given}
            answered.set_result(Answered(status, names, content))

        self.door.submit(sent, body, client, reply)
        return await asyncio.wait_for(answered, 30)

    async def post(self, key: str | None = LIVE, *, headers: Any = None, **fields: Any) -> Answered:
        """A request with a usual body, changed by the fields; None leaves one out."""
        body: dict[str, Any] = {"channel": "sms", "to": NUMBER, "text": "Your code is 4821"}
        body |= {name.rstrip("_"): value for name, value in fields.items()}
        body = {name: value for name, value in body.items() if value is not ...}
        return await self.raw(msgspec.json.encode(body), key, **(headers or {}))

    async def count(self, table: str = "message") -> int:
        """How many rows a table has."""
        return int(await self.world.pool.fetchval(f"SELECT count(*) FROM {table}"))

    async def until(self, table: str, change: str) -> None:
        """Change configuration and wait for it to be known."""
        await self.world.pool.execute(f"UPDATE {table} SET {change}")
        version = await self.world.pool.fetchval("SELECT sum(version)::int FROM config_version")
        async with asyncio.timeout(60):
            while self.world.holder.current.version < version:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def client(dsn: str) -> AsyncIterator[Client]:
    """A door with one account that has a live and a test key."""
    async with desk(dsn) as world:
        account_id = await world.account()
        for kind, key in (("live", LIVE), ("test", TEST)):
            await world.pool.execute(
                "INSERT INTO api_key (account_id, kind, digest, prefix) VALUES ($1, $2, $3, '')",
                account_id, kind, api_key_digest(key),
            )  # fmt: skip
        async with asyncio.timeout(60):
            while len(world.holder.current.keys) < 2:
                await asyncio.sleep(0.005)
        door = Door(
            world.holder, world.acceptor, currency="INR", trusted=(ip_network(f"{PROXY}/32"),)
        )
        yield Client(world, door, account_id)
