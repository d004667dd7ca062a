"""The watcher with a real database, a real SMSC, a mail server and a webhook receiver."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from tests.browser.console import Mailbox
from tests.gateway.harness import smsc, until
from tests.services.channel_world import free_port
from tests.tcp_proxy import proxied

from cpaas.alerts.queries import ELECTION
from cpaas.alerts.watch import Watcher
from cpaas.cli.bootstrap import bootstrap
from cpaas.config import Settings
from cpaas.db.codecs import set_codecs
from cpaas.kit.secrets import Keyring
from cpaas.services import sms
from cpaas.settings import queries
from cpaas.settings.current import sealed
from cpaas.simulators.customer.sink import Behaviour, CustomerSink
from cpaas.simulators.smsc import SimulatedSmsc, SmscSettings
from cpaas.webhooks.sign import new_key, show_key

KEY = new_key()


@pytest.fixture
async def settings(dsn: str, home: Path) -> Settings:
    made = Settings(
        home=home, external_dsn=dsn, keyring=home / "keyring.json", sms_port=free_port(),
        smsc_port=free_port(), smpp_port=free_port(), stop_seconds=6,
        allow_networks=(ip_network("127.0.0.0/8"),),
    )  # fmt: skip
    await bootstrap(made, dsn)
    return made


@pytest.fixture
async def told(dsn: str, settings: Settings) -> AsyncIterator[tuple[Mailbox, CustomerSink]]:
    """A mail server and a receiver, as the Settings page would name them."""
    mailbox, sink = Mailbox(), CustomerSink()
    await sink.start()
    # The first post is refused: it is tried again.
    sink.behave("/alerts", Behaviour(fail_first=1, secrets=(show_key(KEY),)))
    keyring = Keyring.load(settings.keyring)
    connection = await asyncpg.connect(dsn)
    rows: dict[str, Any] = {
        "platform_name": "Acme Messaging", "mail_host": "127.0.0.1", "mail_port": mailbox.port,
        "mail_security": "none", "mail_from": "ops@example.com",
        "alert_mail_to": "ann@example.com, ben@example.com", "alert_link_down_seconds": 1,
        "alert_disk_percent": 100, "alert_webhook_url": sink.url("/alerts"),
        "alert_webhook_secret": sealed(keyring, "alert_webhook_secret", KEY),
    }  # fmt: skip
    for name, value in rows.items():
        await queries.put(connection, name, value)
    await connection.close()
    yield mailbox, sink
    mailbox.close()
    await sink.stop()


@contextlib.asynccontextmanager
async def watching(settings: Settings, pool: Any) -> AsyncIterator[Watcher]:
    watcher = Watcher(settings, frozenset(), (), pool, look_seconds=0.1)
    async with watcher.running():
        yield watcher


@pytest.mark.slow
async def test_a_killed_smsc_is_told_once_and_its_return_once(
    settings: Settings, dsn: str, pool: Any, told: tuple[Mailbox, CustomerSink]
) -> None:
    mailbox, sink = told
    stop = asyncio.Event()
    serving = asyncio.create_task(sms.run(settings, stop))

    async def state() -> str:
        assert not serving.done(), serving
        return str(
            await pool.fetchval(
                "SELECT s.state FROM route_state s JOIN route r ON r.id = s.route_id"
                " WHERE r.name = 'smpp1'"
            )
        )

    async def alerts() -> list[Any]:
        return list(await pool.fetch("SELECT * FROM alert ORDER BY id"))

    async with smsc(port=settings.smsc_port):
        await until(lambda: _is(state, "up"))
        # Looks at a platform where all is well: nothing to tell.
        watcher = Watcher(settings, frozenset(), (), pool)
        async with pool.acquire() as connection:
            await set_codecs(connection)
            for _ in range(5):
                assert not await watcher.round(connection)
        assert await alerts() == []
    async with watching(settings, pool), watching(settings, pool):
        # Two processes watch, one tells.
        await until(lambda: _some(alerts))
        await until(lambda: _done(len(mailbox.letters) >= 2))
        again = SimulatedSmsc(SmscSettings(port=settings.smsc_port))
        await again.start()
        await until(lambda: _is(state, "up"), 60)

        async def over() -> bool:
            return (await alerts())[0]["closed_at"] is not None

        await until(over, 60)
        await until(lambda: _done(len(mailbox.letters) >= 4), 60)
        await sink.wait_for("/alerts", 4, 60)
        await again.stop()
    stop.set()
    await asyncio.wait_for(serving, 20)
    assert [(one["kind"], one["subject"]) for one in await alerts()] == [("link_down", "smpp1")]
    assert len(mailbox.letters) == 4
    assert "[Acme Messaging] Route smpp1 is down" in mailbox.letters[0]
    assert "Acme Messaging <ops@example.com>" in mailbox.letters[0]
    assert "[Acme Messaging] Over: Route smpp1 is down" in mailbox.letters[2]
    kept = [one for one in sink.received if one.path == "/alerts"]
    assert {one.fault for one in kept} == {""}
    events = {one.id: msgspec.json.decode(one.body) for one in kept}
    assert sorted(one["type"] for one in events.values()) == ["alert.closed", "alert.opened"]
    assert {one["data"]["subject"] for one in events.values()} == {"smpp1"}
    left = await pool.fetch("SELECT body, sent_at FROM notice")
    assert all(row["body"] == "" and row["sent_at"] for row in left)


async def _is(what: Any, wanted: str) -> bool:
    return bool(await what() == wanted)


async def _some(what: Any) -> bool:
    return bool(await what())


async def _done(value: bool) -> bool:
    return value


async def test_a_database_that_is_away_is_told_from_memory_and_written_down_later(
    settings: Settings, dsn: str, pool: Any, told: tuple[Mailbox, CustomerSink]
) -> None:
    mailbox, _ = told
    await pool.execute(
        "INSERT INTO platform_setting (name, value) VALUES ('alert_service_down_seconds', '1')"
    )
    await pool.execute("UPDATE route SET active = false")
    async with proxied(dsn) as (proxy, through):
        watched = msgspec.structs.replace(settings, external_dsn=through)
        async with watching(watched, pool) as watcher:
            lock = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1"

            async def leads() -> bool:
                return bool(watcher.current.rows and await pool.fetchval(lock, ELECTION))

            await until(leads)
            proxy.refusing = True
            proxy.cut()
            await until(lambda: _done(len(mailbox.letters) == 2), 60)
            assert "PostgreSQL cannot be reached" in mailbox.letters[0]
            assert await pool.fetchval("SELECT count(*) FROM alert") == 0
            proxy.refusing = False

            async def over() -> bool:
                row = await pool.fetchrow("SELECT kind, closed_at FROM alert")
                return row is not None and row["closed_at"] is not None

            await until(over, 60)
            await until(lambda: _done(len(mailbox.letters) == 4), 60)
    assert "Over: PostgreSQL cannot be reached" in mailbox.letters[2]
