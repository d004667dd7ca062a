"""cpaas-whatsapp whole, between a real database and the simulated Cloud API on real sockets."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
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
from cpaas.services import whatsapp
from cpaas.services.simulator_whatsapp import (
    DISPLAY,
    NUMBER_ID,
    SECRET,
    TOKEN,
    WABA_ID,
    callback_token,
)
from cpaas.simulators.whatsapp import CloudServer, CloudSettings, Number


class WhatsappWorld(ChannelWorld):
    """The sandbox's account, its number, and a Cloud API that can be looked into."""

    def __init__(self, pool: Any, settings: Settings, server: CloudServer) -> None:
        super().__init__(pool, settings, "whatsapp", whatsapp.run)
        self.server = server
        self.cloud = server.cloud

    @property
    def callback_url(self) -> str:
        token = callback_token(Keyring.load(self.settings.keyring))
        port = self.settings.whatsapp_port
        return f"http://127.0.0.1:{port}/callbacks/whatsapp/wa/{token}"

    async def send(
        self, *to: str, text: str = "Hello",
        content: dict[str, Any] | None = None, is_test: bool = False,
        lane: str = "transactional", **more: Any,
    ) -> list[bytes]:  # fmt: skip
        """Accepted and charged messages, by the same checks as any; their ids."""
        author = Author(self.account_id, "api", is_test)
        draft = Draft("whatsapp", text, lane=lane, content=content, **more)  # type: ignore[arg-type]
        now = time.time_ns() // 1000
        prepared = prepare(self.snapshot, author, draft, now)
        made = submission(prepared, [address(prepared, one) for one in to])
        batch = Batch(self.snapshot, 1, now)
        batch.add(made)
        async with self.pool.acquire() as connection:
            unpaid, _ = await accept_queries.store(connection, batch.columns())
        assert not unpaid
        return [m.id for m in made.messages]

    async def rows(self, ids: list[bytes]) -> list[Any]:
        rows: list[Any] = await self.pool.fetch(
            "SELECT * FROM message WHERE id = any($1) ORDER BY id", ids
        )
        return rows

    async def ends(self, ids: list[bytes], *statuses: str, seconds: float = 20.0) -> list[Any]:
        """Waits until all messages have one of the statuses; their rows."""

        async def there() -> bool:
            return all(row["status"] in statuses for row in await self.rows(ids))

        async def say() -> object:
            return [(r["status"], r["error_code"], r["error"]) for r in await self.rows(ids)]

        await until(there, seconds, say)
        return await self.rows(ids)

    def write(self, sender: str, **message: Any) -> str:
        """A handset writes to the number."""
        kind = message or {"type": "text", "text": {"body": "Hi"}}
        return self.cloud.receive(NUMBER_ID, sender, kind)

    async def opened(self, sender: str) -> None:
        """A handset writes, and the conversation is open here, too."""
        self.write(sender)

        async def there() -> bool:
            return bool(
                await self.pool.fetchval(
                    "SELECT count(*) FROM conversation WHERE recipient = $1", sender
                )
            )

        await until(there)

    async def balance_adds_up(self) -> None:
        row = await self.pool.fetchrow(
            "SELECT w.balance_micro, (SELECT sum(amount_micro)::bigint FROM ledger_entry l"
            " WHERE l.account_id = w.account_id) AS total FROM wallet w WHERE account_id = $1",
            self.account_id,
        )
        assert row["balance_micro"] == row["total"]


@asynccontextmanager
async def whatsapp_world(
    dsn: str, home: Path, *, serving: bool = True, **changes: Any
) -> AsyncIterator[WhatsappWorld]:
    """serving: whether the service runs here; else the test starts it itself."""
    server = CloudServer(
        CloudSettings(
            numbers={NUMBER_ID: Number(display=DISPLAY, waba_id=WABA_ID, token=TOKEN)},
            app_secret=SECRET, **{"receipt_delay_seconds": 0.02, **changes},
        )
    )  # fmt: skip
    port = await server.start()
    settings = Settings(
        home=home, external_dsn=dsn, keyring=home / "keyring.json", whatsapp_port=free_port(),
        whatsapp_cloud_port=port, stop_seconds=6, unknown_outcome_seconds=3600, consoles=False,
    )  # fmt: skip
    settings = msgspec.structs.replace(
        settings, allow_networks=Settings(allow_networks=_networks()).allow_networks
    )
    await bootstrap(settings, dsn)
    async with data_plane_pool(dsn) as pool:
        world = WhatsappWorld(pool, settings, server)
        server.cloud.configure(callback_url=world.callback_url)
        await world.reload()
        try:
            if serving:
                await world.start()
            yield world
        finally:
            await world.stop()
            await server.stop()


def _networks() -> Any:
    from ipaddress import ip_network

    return (ip_network("127.0.0.0/8"),)
