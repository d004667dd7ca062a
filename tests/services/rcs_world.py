"""cpaas-rcs whole, between a real database and the simulated hub on real sockets."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from tests.gateway.harness import until
from tests.pipeline.world import data_plane_pool
from tests.services.channel_world import ChannelWorld, free_port

from cpaas.cli.bootstrap import bootstrap
from cpaas.config import Settings
from cpaas.kit.secrets import Keyring
from cpaas.pipeline import accept_queries
from cpaas.pipeline.accept_batch import Batch
from cpaas.pipeline.check import address, prepare, submission
from cpaas.pipeline.drafts import Author, Draft
from cpaas.services import rcs
from cpaas.services.simulator_rcs import callback_token
from cpaas.simulators.rcs import RcsServer, RcsSettings


class RcsWorld(ChannelWorld):
    """The sandbox's account, its bot, and a hub that can be looked into."""

    def __init__(self, pool: Any, settings: Settings, server: RcsServer) -> None:
        super().__init__(pool, settings, "rcs", rcs.run)
        self.hub = server.hub

    @property
    def callback_url(self) -> str:
        token = callback_token(Keyring.load(self.settings.keyring))
        return f"http://127.0.0.1:{self.settings.rcs_port}/callbacks/rcs/rcs/{token}"

    async def send(
        self, *numbers: str, text: str = "Hello", is_test: bool = False, **more: Any
    ) -> list[bytes]:
        """Accepted and charged messages, by the same checks as any; their ids."""
        author = Author(self.account_id, "api", is_test)
        now = time.time_ns() // 1000
        prepared = prepare(self.snapshot, author, Draft("rcs", text, **more), now)
        made = submission(prepared, [address(prepared, to) for to in numbers])
        batch = Batch(self.snapshot, 1, now)
        batch.add(made)
        async with self.pool.acquire() as connection:
            unpaid, _ = await accept_queries.store(connection, batch.columns())
        assert not unpaid
        return [m.id for m in made.messages]

    async def ends(self, ids: list[bytes], *statuses: str, seconds: float = 20.0) -> list[Any]:
        """Waits until all messages have one of the statuses; their rows by id."""
        rows: list[Any] = []

        async def there() -> bool:
            nonlocal rows
            rows = await self.pool.fetch(
                "SELECT * FROM message WHERE id = any($1) ORDER BY id", ids
            )
            return all(row["status"] in statuses for row in rows)

        async def say() -> object:
            return [(r["recipient"], r["status"], r["error_code"], r["error"]) for r in rows][:20]

        await until(there, seconds, say)
        return rows

    async def balance_adds_up(self) -> None:
        row = await self.pool.fetchrow(
            "SELECT w.balance_micro, (SELECT sum(amount_micro)::bigint FROM ledger_entry l"
            " WHERE l.account_id = w.account_id) AS total FROM wallet w WHERE account_id = $1",
            self.account_id,
        )
        assert row["balance_micro"] == row["total"]


@asynccontextmanager
async def rcs_world(
    dsn: str, home: Path, *, serving: bool = True, **changes: Any
) -> AsyncIterator[RcsWorld]:
    """serving: whether the service runs here; else the test starts it itself."""
    known: dict[str, Any] = {"receipt_delay_seconds": 0.02, "any_template": True}
    server = RcsServer(RcsSettings(**known | changes))
    port = await server.start()
    settings = Settings(
        home=home, external_dsn=dsn, keyring=home / "keyring.json", rcs_port=free_port(),
        rcs_hub_port=port, stop_seconds=6, consoles=False,
        allow_networks=(ip_network("127.0.0.0/8"),),
    )  # fmt: skip
    await bootstrap(settings, dsn)
    async with data_plane_pool(dsn) as pool:
        world = RcsWorld(pool, settings, server)
        server.hub.configure(callback_url=world.callback_url)
        await world.reload()
        try:
            if serving:
                await world.start()
            yield world
        finally:
            await world.stop()
            await server.stop()
