"""The first start lays everything once; later starts leave it alone and print no secret."""

import shutil
from pathlib import Path

import asyncpg
import msgspec
import pytest

from cpaas.accounts.check import password
from cpaas.cli.bootstrap import BootstrapResult, bootstrap
from cpaas.config import Settings, load
from cpaas.db.binaries import DatabaseError
from cpaas.kit.secrets import Keyring, SecretsError, api_key_digest, verify_password
from cpaas.routes.credentials import unseal


def settings(home: Path, **more: str) -> Settings:
    return load({"CPAAS_HOME": str(home), **more})


async def everything(pool: asyncpg.Pool) -> dict[str, list[tuple[object, ...]]]:
    tables = ("account", "app_user", "api_key", "smpp_credential", "wallet", "ledger_entry",
              "price", "sender", "route", "routing_rule", "audit_log")  # fmt: skip
    return {t: [tuple(r) for r in await pool.fetch(f"SELECT * FROM {t}")] for t in tables}


async def test_the_first_start_makes_a_sandbox_that_can_send(
    dsn: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    made = await bootstrap(settings(tmp_path, CPAAS_SMSC_PORT="3999"), dsn)
    assert made.admin.username == "admin"
    assert made.account is not None
    assert set(msgspec.to_builtins(made.account)) == {
        "name", "username", "password", "api_key", "test_key", "smpp_system_id", "smpp_password",
    }  # fmt: skip
    admin = await pool.fetchrow("SELECT * FROM app_user WHERE username = 'admin'")
    assert admin["role"] == "ADMIN"
    assert admin["must_change_password"]
    assert made.admin.password
    assert password(made.admin.password)
    assert verify_password(admin["password"], made.admin.password)
    account_id = await pool.fetchval("SELECT id FROM account WHERE is_sandbox")
    for key, kind in ((made.account.api_key, "live"), (made.account.test_key, "test")):
        found = await pool.fetchrow(
            "SELECT * FROM api_key WHERE digest = $1", api_key_digest(str(key))
        )
        assert (found["account_id"], found["kind"]) == (account_id, kind)
    assert await pool.fetchval("SELECT balance_micro FROM wallet") == 1_000_000_000
    assert await pool.fetchval("SELECT sum(amount_micro) FROM ledger_entry") == 1_000_000_000
    assert await pool.fetchval(
        "SELECT bool_and(amount_micro > 0) AND count(*) = 8 FROM price WHERE account_id = $1",
        account_id,
    )
    assert await pool.fetchval("SELECT status FROM sender") == "APPROVED"
    templates = await pool.fetch("SELECT channel, name, live_version FROM template ORDER BY 1")
    # What carriers review comes live once they have said so.
    assert [tuple(row) for row in templates] == [
        ("rcs", "order_update", 0), ("sms", "otp", 1), ("voice", "otp", 1),
        ("whatsapp", "order_update", 0),
    ]  # fmt: skip
    route = await pool.fetchrow("SELECT * FROM route WHERE name = 'smpp1'")
    assert (route["host"], route["port"], route["window_size"]) == ("127.0.0.1", 3999, 500)
    ring = Keyring.load(tmp_path / "keyring.json")
    assert unseal(ring, "smpp1", route["secret"]) == {"password": "sandbox"}
    assert await pool.fetchval("SELECT simulated FROM route WHERE name = 'test_sms'")
    rule = await pool.fetchrow("SELECT * FROM routing_rule")
    assert (rule["account_id"], rule["route_id"]) == (None, route["id"])
    assert await pool.fetchval("SELECT bool_and(actor = 'system:bootstrap') FROM audit_log")


async def test_the_sandbox_has_routes_of_the_channels_that_run(
    dsn: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    async def routes() -> list[str]:
        rows = await pool.fetch("SELECT name FROM route WHERE NOT simulated ORDER BY 1")
        return [row["name"] for row in rows]

    await bootstrap(settings(tmp_path, CPAAS_CHANNELS="whatsapp"), dsn)
    only = await routes()
    assert only
    assert "smpp1" not in only
    await bootstrap(settings(tmp_path), dsn)
    assert set(await routes()) > {*only, "smpp1"}
    await pool.execute("DELETE FROM routing_rule")
    await pool.execute("DELETE FROM route WHERE name = 'smpp1'")
    await bootstrap(settings(tmp_path), dsn)
    assert "smpp1" not in await routes(), "what the operator deleted stays away"


def secrets_of(made: BootstrapResult) -> set[object]:
    assert made.account is not None
    account = made.account
    return {made.admin.password, account.password, account.api_key, account.test_key,
            account.smpp_password}  # fmt: skip


async def test_a_second_start_changes_nothing_and_tells_no_secret(
    dsn: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    first = await bootstrap(settings(tmp_path), dsn)
    before = await everything(pool)
    second = await bootstrap(settings(tmp_path), dsn)
    assert await everything(pool) == before
    assert None not in secrets_of(first)
    assert secrets_of(second) == {None}
    assert second.account is not None
    assert first.account is not None
    assert second.account.smpp_system_id == first.account.smpp_system_id


async def test_the_sandbox_route_follows_the_setting_unless_taken_over(
    dsn: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    await bootstrap(settings(tmp_path), dsn)
    await bootstrap(settings(tmp_path, CPAAS_SMSC_PORT="4001"), dsn)
    port = "SELECT port FROM route WHERE name = 'smpp1'"
    assert await pool.fetchval(port) == 4001
    await pool.execute("UPDATE route SET port = 2900 WHERE name = 'smpp1'")
    await bootstrap(settings(tmp_path, CPAAS_SMSC_PORT="4002"), dsn)
    assert await pool.fetchval(port) == 2900


async def test_without_the_sandbox_no_account_no_price_but_the_test_route(
    dsn: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    made = await bootstrap(settings(tmp_path, CPAAS_SANDBOX="off"), dsn)
    assert made.account is None
    rows = await everything(pool)
    assert not rows["account"]
    assert not rows["price"]
    names = await pool.fetch("SELECT name FROM route WHERE simulated ORDER BY name")
    assert [row["name"] for row in names] == [
        "test_rcs", "test_sms", "test_voice", "test_whatsapp"
    ]  # fmt: skip
    assert await pool.fetchval("SELECT count(*) FROM route WHERE NOT simulated") == 0


async def test_a_further_host_must_bring_the_keyring(dsn: str, tmp_path: Path) -> None:
    await bootstrap(settings(tmp_path / "one", CPAAS_DSN=dsn), dsn)
    with pytest.raises(SecretsError, match=r"copy keyring\.json"):
        await bootstrap(settings(tmp_path / "two", CPAAS_DSN=dsn), dsn)
    (tmp_path / "two").mkdir(exist_ok=True)
    shutil.copy(tmp_path / "one" / "keyring.json", tmp_path / "two" / "keyring.json")
    with pytest.raises(DatabaseError) as refused:
        await bootstrap(settings(tmp_path / "two", CPAAS_DSN=dsn), dsn)
    assert "copy portal.password" in refused.value.todo
    shutil.copy(tmp_path / "one" / "portal.password", tmp_path / "two" / "portal.password")
    await bootstrap(settings(tmp_path / "two", CPAAS_DSN=dsn), dsn)
