"""The home is destroyed under traffic and restored: nothing is sent twice, every cent is there."""

import asyncio
import contextlib
import shutil
import socket
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from tests.journeys.outside import Receiver
from tests.journeys.platform import Platform, until

from cpaas import config
from cpaas.cli.db_server import alone
from cpaas.cli.db_upgrade import FOLDER
from cpaas.cli.drill.course import at_carrier
from cpaas.db import schema_version
from cpaas.db.archive import ArchiveReader
from cpaas.kit.secrets import Keyring
from cpaas.simulators.drill.carrier import Line
from cpaas.simulators.drill.journal import lines

pytestmark = pytest.mark.slow
MESSAGES = 400
TPS = 60


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A carrier that remembers; its port and its journal."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    journal = tmp_path / "carrier.journal"
    process = subprocess.Popen(
        [sys.executable, "-m", "cpaas.simulators.drill.carrier", str(port), str(journal), "1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    yield port, journal
    process.kill()
    process.communicate()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def platform(postgres: str, carrier: tuple[int, Path], receiver: Receiver) -> Iterator[Platform]:
    """An account, a slow route to the carrier, and a webhook."""
    made = Platform(CPAAS_SANDBOX="off")
    try:
        made.lay_database()
        made.up()
        made.answer = made.cpaas("account", "create", "acme", "--credit", "1000")
        of = ("--account", "acme", "--channel", "sms")
        made.cpaas("price", "set", "0.12", *of)
        made.cpaas("sender", "create", "MYBRAND", *of, "--approve")
        made.cpaas(
            "route", "create", "slow", "--channel", "sms", "--host", "127.0.0.1", "--port",
            str(carrier[0]), "--system-id", "x", "--password", "secret", "--tps", str(TPS),
        )  # fmt: skip
        made.cpaas("rule", "create", "--channel", "sms", "--route", "slow", "--priority", "1")
        key = made.answer["api_key"]
        until(lambda: made.call("GET", "/v1/balance", key=key)[0] == 200)
        told = made.call("PUT", "/v1/webhook", {"url": receiver.url}, key=key)[1]
        made.answer["secret"] = told["secret"]
        yield made
    finally:
        made.down()


def rows(platform: Platform, sql: str) -> list[Any]:
    dsn = platform.cpaas("db", "shell-dsn")["dsn"]
    with psycopg.connect(dsn) as connection:
        return connection.execute(sql.encode()).fetchall()


def sent(journal: Path) -> dict[tuple[str, int], list[str]]:
    return at_carrier(lines(journal, Line)).took


def test_destroyed_under_traffic_and_restored(
    platform: Platform, carrier: tuple[int, Path], receiver: Receiver, tmp_path: Path
) -> None:
    key, journal = platform.answer["api_key"], carrier[1]
    numbers = [f"+91987654{n:04d}" for n in range(MESSAGES)]
    body = {"channel": "sms", "from": "MYBRAND", "to": numbers, "text": "Hello"}
    assert platform.call("POST", "/v1/messages", body, key=key)[0] == 202
    later = platform.send(key, to="+919876599999", text="x", send_at="2026-12-24T10:00:00Z")
    until(lambda: len(sent(journal)) > 40)
    file = tmp_path / "saved.zip"
    saved = platform.cpaas("db", "backup", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert saved["counts"]["messages"] == MESSAGES + 1
    assert 0 < saved["counts"]["messages_in_flight"] < MESSAGES
    # It goes on after the backup: all that waited in it is sent, more comes, and then it dies.
    until(lambda: len(sent(journal)) >= MESSAGES, 90)
    lost = body | {"to": [f"+91987655{n:04d}" for n in range(MESSAGES)]}
    assert platform.call("POST", "/v1/messages", lost, key=key)[0] == 202
    until(lambda: len(sent(journal)) > MESSAGES + 20, 60)
    destroy(platform)
    refused = platform.cpaas("db", "backup", str(tmp_path / "none.zip"), check=False)
    assert "keyring" in refused["error"]
    restored = platform.cpaas("db", "restore", str(file))
    assert restored["counts"] == saved["counts"]
    assert (restored["scheduled_later"], restored["buried"]) == (1, 0)
    held = restored["held"]
    assert held == saved["counts"]["messages_in_flight"] - 1
    again = platform.cpaas("db", "restore", str(file), check=False)
    assert "there is data already" in again["error"]
    assert "--force" in again["todo"]
    platform.cpaas("up", "--detach")
    # The key of before still counts, and the route's password could be decrypted: it binds.
    until(lambda: platform.call("GET", "/v1/balance", key=key)[0] == 200)
    until(lambda: any(row["binds_up"] for row in platform.cpaas("route", "list")["routes"]))
    assert platform.message(key, later["id"])["status"] == "SCHEDULED"
    # New work goes on; nothing of what was under way goes by itself.
    fresh = platform.send(key, to="+919876588888", text="Hello again")
    platform.becomes(key, fresh["id"], "DELIVERED", "FAILED", "EXPIRED", "REJECTED", seconds=60)
    twice = [number for number, ids in sent(journal).items() if len(ids) > 1]
    assert not twice, "nothing is sent twice"
    listed = platform.cpaas("held", "list")["held"]
    # Those that a receipt has not settled in the meantime.
    assert sum(row["messages"] for row in listed) <= held
    ended = platform.cpaas("held", "end", "--all")
    assert ended["ended"] <= sum(row["messages"] for row in listed)
    assert platform.cpaas("held", "list")["held"] == []
    statuses = Counter(dict(rows(platform, "SELECT status, count(*) FROM message GROUP BY 1")))
    assert statuses["SCHEDULED"] == 1
    assert not statuses.keys() & {"QUEUED", "SENDING"}
    assert rows(
        platform,
        "SELECT balance_micro - (SELECT sum(amount_micro) FROM ledger_entry) FROM wallet",
    ) == [(0,)]
    assert not [number for number, ids in sent(journal).items() if len(ids) > 1]
    # Signed with the secret of before, which the keyring opened.
    until(lambda: receiver.events(fresh["id"]))
    assert receiver.verified(platform.answer["secret"]) > 0


def destroy(platform: Platform) -> None:
    """As if the machine were gone: SIGKILL to all of it, and the home with it."""
    pids = [row["pid"] for row in platform.cpaas("status")["services"] if row["pid"]]
    supervisor = psutil.Process(pids[0]).parent()
    assert supervisor is not None
    everybody = [supervisor, *supervisor.children(recursive=True)]
    for process in everybody:
        # Some end with their parent.
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(everybody, 20)
    shutil.rmtree(platform.home / "h")


def old_database(platform: Platform) -> config.Settings:
    """A home whose database has the first schema and one account."""
    settings = config.load(platform.environment)
    settings.home.mkdir(mode=0o711)
    Keyring.load_or_make(settings.keyring)

    async def make() -> None:
        async with alone(settings):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "django", "migrate", "schema", "0001",
                "--settings", "cpaas.schema.settings",
                env={**platform.environment, "CPAAS_DSN": settings.dsn()},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            # What follows a migration is of today's code, and lacks today's tables.
            await process.wait()
            assert await schema_version.applied(settings.dsn()) == ["0001_initial"]
            with psycopg.connect(settings.dsn()) as connection:
                connection.execute("INSERT INTO account (name) VALUES ('old')")

    asyncio.run(make())
    return settings


def test_up_saves_an_old_database_before_it_migrates() -> None:
    platform = Platform(CPAAS_SANDBOX="off")
    try:
        settings = old_database(platform)
        platform.up()
        dsn = platform.cpaas("db", "shell-dsn")["dsn"]
        assert asyncio.run(schema_version.applied(dsn)) == schema_version.known()
        (saved,) = (settings.home / FOLDER).iterdir()
        assert ArchiveReader(saved).manifest.migrations == ["0001_initial"]
        platform.cpaas("down")
        # Nothing to apply, nothing to save.
        platform.up()
        assert list((settings.home / FOLDER).iterdir()) == [saved]
    finally:
        platform.down()


def test_an_old_database_is_saved_and_brought_up_to_date(tmp_path: Path) -> None:
    platform = Platform(CPAAS_SANDBOX="off")
    try:
        settings = old_database(platform)
        done = platform.cpaas("db", "upgrade")
        assert done["applied"] == schema_version.known()[1:]
        file = Path(done["backup"])
        assert file.is_relative_to(settings.home)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert platform.cpaas("db", "upgrade") == {"applied": [], "backup": None}
        # The way back, with force: the newer data is put aside, and what it held is told.
        back = platform.cpaas("db", "restore", str(file), "--force")
        assert Path(back["replaced"], "postgres", "data").is_dir()
        platform.up()
        refused = platform.cpaas("db", "upgrade", check=False)
        assert "cpaas down" in refused["todo"]
        dsn = platform.cpaas("db", "shell-dsn")["dsn"]
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "INSERT INTO django_migrations (app, name, applied)"
                " VALUES ('schema', '9999_future', now())"
            )
        platform.cpaas("down")
        for command in (("up", "--detach"), ("db", "upgrade")):
            refused = platform.cpaas(*command, check=False)
            assert "9999_future" in refused["error"]
    finally:
        platform.down()
