"""The platform's part of a call in a test: core and cpaas-voice with a database of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from tests.postgres_keeper import free_port

from cpaas import config
from cpaas.accounts.create import create_account
from cpaas.accounts.types import NewAccount
from cpaas.billing import wallet
from cpaas.billing.prices import set_price
from cpaas.db.actor import acting
from cpaas.kit.secrets import Keyring
from cpaas.routes import edit, rules
from cpaas.routes.types import NewRoute, NewRule
from cpaas.senders import decide
from cpaas.services import core, voice

CALLER = "+911140000000"
MINUTE_MICRO = 600_000
CREDIT_MICRO = 10**9
FINAL = ("DELIVERED", "FAILED", "REJECTED", "EXPIRED")


class Platform:
    """Both services, one account with money, and a route."""

    def __init__(self, settings: config.Settings, account_id: int, key: str, dsn: str) -> None:
        self.settings = settings
        self.account_id = account_id
        self.dsn = dsn
        self._headers = {"Authorization": f"Bearer {key}"}

    async def send(self, to: str | list[str], text: str = "Hello", **more: Any) -> dict[str, Any]:
        body = {"channel": "voice", "to": to, "text": text, **more}
        url = f"http://127.0.0.1:{self.settings.core_port}"
        async with (
            aiohttp.ClientSession(url, headers=self._headers) as session,
            session.post("/v1/messages", json=body) as answer,
        ):
            shown: dict[str, Any] = await answer.json()
            assert answer.status == 202, shown
            return shown

    async def ended(self, count: int, seconds: float = 60) -> list[asyncpg.Record]:
        """The messages, once that many have come to their end."""
        connection = await asyncpg.connect(self.dsn)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    rows = await connection.fetch("SELECT * FROM message ORDER BY id")
                    if sum(row["status"] in FINAL for row in rows) >= count:
                        return list(rows)
                    await asyncio.sleep(0.05)
        finally:
            await connection.close()

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()

    async def money(self) -> tuple[int, int, list[tuple[str, int]]]:
        """Balance, the ledger's sum, and its entries of messages."""
        (balance,) = await self.fetch("SELECT balance_micro FROM wallet")
        entries = await self.fetch("SELECT kind, amount_micro FROM ledger_entry ORDER BY id")
        total = sum(row[1] for row in entries)
        return balance[0], total, [(r[0], r[1]) for r in entries if r[0] != "CREDIT"]


def settings_of(dsn: str, home: Path) -> config.Settings:
    return config.load(
        {
            "CPAAS_DSN": dsn, "CPAAS_HOME": str(home), "CPAAS_CORE_PORT": str(free_port()),
            "CPAAS_VOICE_PORT": str(free_port()), "CPAAS_STOP_SECONDS": "5",
            "CPAAS_UNKNOWN_OUTCOME_SECONDS": "2", "CPAAS_ALLOW_NETWORKS": "127.0.0.0/8",
        }
    )  # fmt: skip


async def lay(
    settings: config.Settings, dsn: str, route: NewRoute, category: str = "minute"
) -> tuple[int, str]:
    """The account, its money, caller and price, and the route with a rule; id and key."""
    connection = await asyncpg.connect(dsn)
    keyring = Keyring.load_or_make(settings.keyring)
    async with acting(connection, "test"):
        made = await create_account(connection, NewAccount(name="acme", username="acme"))
        await wallet.credit(connection, made.id, CREDIT_MICRO, actor="test")
        await set_price(connection, made.id, "voice", MINUTE_MICRO, category=category)
        await decide.request(connection, made.id, "voice", CALLER)
        await decide.approve(connection, made.id, "voice", CALLER)
        await edit.create_route(connection, keyring, route)
        await rules.create_rule(connection, NewRule(channel="voice", route=route.name))
    await connection.close()
    return made.id, made.api_key


async def healthy(port: int) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/health") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


@asynccontextmanager
async def platform(
    dsn: str, home: Path, route: NewRoute, category: str = "minute"
) -> AsyncIterator[Platform]:
    """Core and cpaas-voice, in this process."""
    settings = settings_of(dsn, home)
    account_id, key = await lay(settings, dsn, route, category)
    stop = asyncio.Event()
    running = [
        asyncio.create_task(core.run(settings, stop)),
        asyncio.create_task(voice.run(settings, stop)),
    ]
    try:
        await healthy(settings.core_port)
        await healthy(settings.voice_port)
        yield Platform(settings, account_id, key, dsn)
    finally:
        stop.set()
        assert await asyncio.wait_for(asyncio.gather(*running), 30) == [0, 0]
