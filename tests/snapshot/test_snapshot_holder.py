"""The snapshot is true: after changes, lost connections and a database that comes back."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.postgres_keeper import FAST, free_port
from tests.tcp_proxy import proxied

from cpaas import config
from cpaas.db import embedded, migrate, server
from cpaas.kit.child import spawn
from cpaas.snapshot.holder import CONFIRMED_SECONDS, SnapshotHolder
from cpaas.snapshot.types import Rule


async def until(true: Callable[[], Any], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


@pytest.fixture
async def holder(dsn: str) -> AsyncIterator[SnapshotHolder]:
    made = SnapshotHolder(dsn, defaults={"currency": "EUR"})
    await made.start()
    yield made
    await made.stop()


async def account(pool: Any, name: str = "acme") -> int:
    return int(await pool.fetchval("INSERT INTO account (name) VALUES ($1) RETURNING id", name))


async def test_an_empty_database_is_a_snapshot(holder: SnapshotHolder) -> None:
    assert holder.confirmed
    assert holder.current.accounts == {}
    assert holder.current.settings == {"currency": "EUR"}


async def test_a_change_at_the_moment_of_a_stop_does_not_keep_it(holder: SnapshotHolder) -> None:
    for turns in range(4):
        await asyncio.sleep(0.05)  # It waits for a change.
        holder._moved.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(60):
            await holder.stop()
        await holder.start()


@pytest.fixture
def unpolled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is told comes in."""
    monkeypatch.setattr("cpaas.snapshot.holder.POLL_SECONDS", 3_600.0)


@pytest.mark.usefixtures("unpolled")
async def test_every_table_is_there_as_soon_as_it_is_told(
    holder: SnapshotHolder, pool: Any
) -> None:
    one = await account(pool)
    await pool.execute(
        "UPDATE account SET allowed_ips = '{10.0.0.0/8,nonsense}', countries = '{IN}',"
        " voice_enabled = false"
    )
    key = b"k" * 32
    await pool.execute(
        "INSERT INTO api_key (account_id, kind, digest, prefix) VALUES ($1, 'live', $2, 'live_')",
        one, key,
    )  # fmt: skip
    await pool.execute(
        "INSERT INTO sender (account_id, channel, value, status, is_default) VALUES"
        " ($1, 'sms', 'ACME', 'APPROVED', true), ($1, 'sms', 'OTHER', 'PENDING', false)",
        one,
    )
    await pool.execute(
        "INSERT INTO price (account_id, channel, prefix, amount_micro) VALUES"
        " ($1, 'sms', '', 1), ($1, 'sms', '91', 2), ($1, 'sms', '9198', 3), (NULL, 'sms', '', 9)",
        one,
    )
    route = await pool.fetchval(
        "INSERT INTO route (name, channel, settings) VALUES ('smpp1', 'sms', '{\"a\": 1}')"
        " RETURNING id"
    )
    await pool.execute(
        "INSERT INTO routing_rule (account_id, channel, route_id, priority, active) VALUES"
        " (NULL, 'sms', $2, 1, true), ($1, 'sms', $2, 1, true), ($1, 'sms', $2, 0, false),"
        " (NULL, 'sms', $2, 0, true)",
        one, route,
    )  # fmt: skip
    await pool.execute(
        "INSERT INTO route_cost (route_id, prefix, amount_micro) VALUES"
        " ($1, '91', 30), ($1, '9198', 40), ($1, '44', 0)",
        route,
    )
    await pool.execute("INSERT INTO assigned_route (account_id, channel, route_id)"
                       " VALUES ($1, 'sms', $2)", one, route)  # fmt: skip
    await pool.execute(
        "INSERT INTO webhook_endpoint (account_id, url, secret, events)"
        " VALUES ($1, 'https://a', 's', '{message.read}')", one,
    )  # fmt: skip
    await pool.execute("INSERT INTO platform_setting (name, value) VALUES ('currency', '\"USD\"')")
    await until(lambda: holder.current.settings["currency"] == "USD")
    now = holder.current
    acme = now.accounts[one]
    assert acme.channels == {"sms", "whatsapp", "rcs"}
    assert [str(network) for network in acme.networks] == ["10.0.0.0/8"]
    assert (now.keys[key].account_id, now.keys[key].kind) == (one, "live")
    assert now.senders[one, "sms"]["OTHER"].status == "PENDING"
    assert now.default_senders[one, "sms"].value == "ACME"
    prices = [now.price(one, "sms", "", number) for number in ("1555", "9177", "9198")]
    assert prices == [1, 2, 3]
    assert now.routes_by_name["smpp1"] is now.routes[route]
    assert now.routes[route].settings == {"a": 1}
    costs = [now.carrier_cost(route, number) for number in ("9198", "9177", "4477", "1555")]
    assert costs == [40, 30, 0, None]
    order = [(rule.priority, rule.account_id) for rule in now.rules["sms"]]
    assert order == [(0, None), (1, one), (1, None)]
    assert isinstance(now.rules["sms"][0], Rule)
    assert now.assigned[one, "sms"] == route
    assert now.webhooks[one].events == {"message.read"}


async def test_only_what_moved_is_read_again(holder: SnapshotHolder, pool: Any) -> None:
    await account(pool)
    await until(lambda: holder.current.accounts)
    before = holder.current
    heard: list[int] = []
    holder.on_change(lambda snapshot: heard.append(snapshot.version))
    await pool.execute("INSERT INTO route (name, channel) VALUES ('r', 'sms')")
    await until(lambda: holder.current.routes)
    assert holder.current.accounts is before.accounts
    assert holder.current.version > before.version
    assert heard == [before.version, holder.current.version]


@pytest.mark.usefixtures("unpolled")
async def test_a_revoked_key_is_gone_as_soon_as_it_is_told(
    holder: SnapshotHolder, pool: Any
) -> None:
    one = await account(pool)
    await pool.execute(
        "INSERT INTO api_key (account_id, kind, digest, prefix) VALUES ($1, 'live', 'd', '')", one
    )
    await until(lambda: holder.current.keys)
    await pool.execute("UPDATE api_key SET revoked_at = now()")
    await until(lambda: not holder.current.keys)


async def test_unreadable_addresses_close_an_account(holder: SnapshotHolder, pool: Any) -> None:
    one = await account(pool)
    await pool.execute("UPDATE account SET allowed_ips = '{10.0.0.0.1}'")
    await until(lambda: one in holder.current.accounts and holder.current.accounts[one].networks)
    assert [str(n) for n in holder.current.accounts[one].networks] == ["255.255.255.255/32"]


async def test_a_lost_listening_connection_is_remade(dsn: str, pool: Any) -> None:
    async with proxied(dsn) as (proxy, through):
        holder = SnapshotHolder(through)
        await holder.start()
        proxy.refusing = True
        proxy.cut()
        await account(pool, "while away")
        await asyncio.sleep(0.1)
        assert holder.current.accounts == {}
        proxy.refusing = False
        await until(lambda: holder.current.accounts)
        await account(pool, "later")
        await until(lambda: len(holder.current.accounts) == 2)
        await holder.stop()


async def test_a_lost_notification_only_delays(holder: SnapshotHolder, pool: Any) -> None:
    await pool.execute("ALTER TABLE account DISABLE TRIGGER USER")
    await account(pool)
    await pool.execute("INSERT INTO config_version VALUES ('account', 7)")
    await until(lambda: holder.current.accounts)


async def test_unconfirmed_after_ten_seconds_of_silence(dsn: str) -> None:
    now = [100.0]
    async with proxied(dsn) as (proxy, through):
        holder = SnapshotHolder(through, monotonic=lambda: now[0])
        await holder.start()
        proxy.refusing = True
        proxy.cut()
        now[0] += CONFIRMED_SECONDS - 1
        states = [holder.confirmed]
        now[0] += 2
        states.append(holder.confirmed)
        assert states == [True, False]
        proxy.refusing = False
        await until(lambda: holder.confirmed)
        await holder.stop()


async def test_start_says_why_it_cannot(dsn: str) -> None:
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await SnapshotHolder(dsn + "_missing").start()


@pytest.mark.slow
async def test_a_restarted_database_needs_nobody(home: Path) -> None:
    # Fast, but what was committed is there after the crash.
    tuning = FAST | {"synchronous_commit": "on"}
    settings = config.load({"CPAAS_HOME": str(home), "CPAAS_POSTGRES_PORT": str(free_port())})
    process = await spawn(embedded.prepare(settings, tuning).command())
    await server.wait_ready(settings, seconds_max=30)
    await migrate.migrate(settings.dsn())
    holder = SnapshotHolder(settings.dsn())
    await holder.start()
    process.send_signal(signal.SIGQUIT)
    await process.communicate()
    process = await spawn(embedded.prepare(settings, tuning).command())
    try:
        await server.wait_ready(settings, seconds_max=30)
        connection = await asyncpg.connect(settings.dsn())
        await account(connection)
        await connection.close()
        await until(lambda: holder.current.accounts)
        assert holder.confirmed
    finally:
        await holder.stop()
        process.send_signal(signal.SIGINT)
        await process.communicate()
