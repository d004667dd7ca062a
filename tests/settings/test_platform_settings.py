"""Platform settings: checked in words, the environment first, secrets sealed, changes audited."""

import asyncio
import base64
import contextlib
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from cpaas.config import Settings, given
from cpaas.db.actor import acting
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import Keyring
from cpaas.notices import mail
from cpaas.settings import check, edit, logo, queries
from cpaas.settings.current import Current
from cpaas.settings.options import BY_NAME, OPTIONS
from cpaas.snapshot.holder import SnapshotHolder

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("currency", "rupees", "three capital letters"),
        ("timezone", "Calcutta", "IANA time zone"),
        ("mail_port", "70000", "whole number from 1 to 65535"),
        ("mail_security", "ssl", "starttls, tls, none"),
        ("mail_from", "ops", "ann@example.com"),
        ("alert_mail_to", "ann@example.com, ben", "ann@example.com"),
        ("ollama_host", "localhost:11434", "http://"),
        ("retention_days", "3", "at least 7 days"),
        ("mail_host", "smtp.example.com:25", "without a port"),
        ("platform_name", "x" * 41, "up to 40"),
        ("alert_delivery", "maybe", "on or off"),
    ],
)
def test_what_cannot_be_is_refused_in_words(name: str, text: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        check.value(BY_NAME[name], text)
    assert words in str(refused.value)
    assert refused.value.field == name


def test_every_default_passes_its_own_check() -> None:
    for option in OPTIONS:
        if option.kind != "secret" and option.default != "":
            shown = str(option.default).lower() if option.kind == "switch" else str(option.default)
            assert check.value(option, shown) == option.default, option.name


def test_the_environment_goes_before_what_is_stored(tmp_path: Path) -> None:
    environ = {"CPAAS_HOME": str(tmp_path), "CPAAS_CURRENCY": "EUR"}
    (tmp_path / "cpaas.toml").write_text('ollama_model = "mistral"\n')
    fixed = given(environ)
    assert fixed == {"home", "currency", "ollama_model"}
    rows = {"currency": "USD", "timezone": "Europe/Berlin", "ollama_model": "llama3.2"}
    started = Settings(home=tmp_path, currency="EUR", ollama_model="mistral")
    current = Current(started, fixed, rows)
    applied = current.applied()
    assert (applied.currency, applied.timezone, applied.ollama_model) == (
        "EUR", "Europe/Berlin", "mistral",
    )  # fmt: skip
    assert current.fixed_by(BY_NAME["currency"]) == "CPAAS_CURRENCY"
    assert current.fixed_by(BY_NAME["timezone"]) == ""
    with pytest.raises(InputError, match="set by the environment"):
        edit.checked(current, {"currency": "USD"})


def test_a_logo_is_judged_by_its_bytes() -> None:
    assert logo.media_type(PNG) == "image/png"
    assert logo.media_type(b"RIFF\0\0\0\0WEBPVP8 ") == "image/webp"
    for bad in (b"<svg onload=alert(1)>", b"RIFF\0\0\0\0WAVEfmt ", b""):
        with pytest.raises(InputError, match="PNG, JPEG or WebP"):
            logo.media_type(bad)
    with pytest.raises(InputError, match="256 KiB"):
        logo.media_type(PNG + b"\0" * logo.BYTES_MAX)


async def test_changes_are_stored_sealed_audited_and_known_to_services(
    dsn: str, pool: Any, tmp_path: Path
) -> None:
    keyring = Keyring.load_or_make(tmp_path / "keyring.json")
    current = Current(Settings(home=tmp_path), frozenset(), {})
    holder = SnapshotHolder(
        dsn, defaults={"currency": "INR", "timezone": "Asia/Kolkata"}, fixed={"currency"}
    )
    await holder.start()
    wanted = {
        "currency": "USD", "timezone": "Asia/Kolkata", "mail_host": "smtp.example.com",
        "mail_password": "s3cret-words", "alert_delivery": "off",
    }  # fmt: skip
    async with pool.acquire() as connection, acting(connection, "admin:ann"):
        changed = await edit.change(connection, keyring, current, wanted)
        await logo.put(connection, PNG)
    assert sorted(changed) == ["alert_delivery", "currency", "mail_host", "mail_password"]
    async with pool.acquire() as connection:
        rows = await queries.rows(connection)
        assert await logo.read(connection) == PNG
    now = Current(Settings(home=tmp_path), frozenset(), rows)
    assert now["mail_password"] is True
    assert b"s3cret" not in base64.b64decode(rows["mail_password"]["secret"])
    server = mail.server(now, keyring)
    assert server is not None
    assert (server.host, server.port, server.password) == ("smtp.example.com", 587, "s3cret-words")
    audited = await pool.fetch(
        "SELECT actor, row_id, after::text AS after FROM audit_log"
        " WHERE table_name = 'platform_setting'"
    )
    assert {row["actor"] for row in audited} == {"admin:ann"}
    sealed = next(row["after"] for row in audited if row["row_id"] == "mail_password")
    assert rows["mail_password"]["secret"] not in sealed
    assert "[" in msgspec.json.decode(sealed)["value"]["secret"]
    # Services know it; the environment's currency stays.
    await holder.stop()
    await holder.start()
    assert holder.current.settings["mail_host"] == "smtp.example.com"
    assert holder.current.settings["currency"] == "INR"
    await holder.stop()


async def test_the_portal_sees_no_secret_and_writes_mail_it_cannot_read(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await queries.put(connection, "mail_host", "smtp.internal")
    await queries.put(connection, "mail_password", {"secret": "xyz"})
    await queries.put(connection, "platform_name", "Acme")
    await logo.put(connection, PNG)
    for _ in range(20):
        with contextlib.suppress(asyncpg.InternalServerError):  # another worker grants the same
            await connection.execute("GRANT cpaas_portal TO CURRENT_USER WITH SET TRUE")
            break
        await asyncio.sleep(0.05)
    await connection.execute("SET ROLE cpaas_portal")
    seen = await queries.of_portal(connection)
    assert seen.keys() == {"mail_host", "platform_name", "logo"}
    assert seen["mail_host"] == "set"
    assert await queries.logo_of_portal(connection) == PNG
    await connection.execute(
        "INSERT INTO notice (kind, recipient, subject, body) VALUES ('mail', 'a@b.c', 's', 't')"
    )
    for forbidden in (
        "SELECT * FROM notice", "SELECT * FROM platform_setting", "SELECT * FROM alert",
        "INSERT INTO notice (kind, recipient, subject, body) VALUES ('webhook', 'x', 's', 't')",
    ):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forbidden)
    await connection.close()
