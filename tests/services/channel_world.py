"""What the worlds of the channels over HTTP share: the sandbox's account, and the service whole."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from tests.gateway.harness import until

from cpaas.config import Settings
from cpaas.db.actor import acting
from cpaas.snapshot.load import EMPTY, LOADERS, load_all
from cpaas.templates import decide, edit, queries
from cpaas.templates.types import NewTemplate, VersionRow

Run = Callable[[Settings, asyncio.Event], Awaitable[int]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ChannelWorld:
    """A channel's service between a real database and its carrier on real sockets."""

    def __init__(self, pool: Any, settings: Settings, channel: str, run: Run) -> None:
        self.pool = pool
        self.settings = settings
        self.account_id = 0
        self.snapshot = EMPTY
        self._channel = channel
        self._run = run
        self._stop = asyncio.Event()
        self._serving: asyncio.Future[int] | None = None

    async def start(self) -> None:
        self._stop = asyncio.Event()
        self._serving = asyncio.ensure_future(self._run(self.settings, self._stop))

        async def up() -> bool:
            assert self._serving is not None
            assert not self._serving.done(), self._serving
            return bool(
                await self.pool.fetchval(
                    "SELECT count(*) FROM route_state s JOIN route r ON r.id = s.route_id"
                    " WHERE r.channel = $1 AND s.state = 'up' HAVING count(*) = 2",
                    self._channel,
                )
            )

        await until(up)

    async def reload(self) -> None:
        """The configuration as it is now."""
        self.account_id = await self.pool.fetchval("SELECT id FROM account WHERE name = 'sandbox'")
        connection = await asyncpg.connect(self.settings.dsn())
        self.snapshot = await load_all(connection, LOADERS.keys(), {})
        await connection.close()

    async def stop(self) -> None:
        self._stop.set()
        if self._serving is not None:
            await asyncio.wait_for(self._serving, 20)
            self._serving = None

    async def approved(self, new: NewTemplate) -> int:
        """A template of the account that the operator has approved; its id."""
        account = self.account_id
        async with self.pool.acquire() as connection, acting(connection, "test"):
            one = await edit.create(connection, account, new, actor="owner")
            await edit.submit(connection, account, one, actor="owner")
            await decide.approve(connection, account, one, actor="admin")
        return one

    async def approved_by_carrier(self, name: str) -> None:
        """Waits until a template of that name can be sent, and knows it."""

        async def there() -> bool:
            await self.reload()
            known = (own.by_name.get(name, {}).values() for own in self.snapshot.templates.values())
            return any(one.usable for found in known for one in found)

        await until(there, 60)

    async def template(
        self, one: int, wanted: Callable[[VersionRow], bool], seconds: float = 20.0
    ) -> VersionRow:
        """Waits until a template's newest version is as wanted."""
        found: list[VersionRow] = []

        async def there() -> bool:
            row = await queries.find(self.pool, self.account_id, one)
            assert row is not None
            found[:] = [row.version]
            return wanted(row.version)

        async def say() -> object:
            return found

        await until(there, seconds, say)
        return found[0]
