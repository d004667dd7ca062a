"""The embedded server: closed, durable, restartable, and never confused by what a crash leaves."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from tests.postgres_keeper import free_port

from cpaas import config
from cpaas.db import binaries, embedded, server
from cpaas.kit.child import Account, spawn

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def running(
    settings: config.Settings, end: signal.Signals = signal.SIGINT
) -> AsyncIterator[asyncpg.Connection]:
    process = await spawn(embedded.prepare(settings).command())
    try:
        await server.wait_ready(settings, seconds_max=30)
        connection = await asyncpg.connect(settings.dsn())
        yield connection
        connection.terminate()
    finally:
        process.send_signal(end)
        await process.communicate()


@pytest.fixture
def settings(home: Path) -> config.Settings:
    return config.load({"CPAAS_HOME": str(home), "CPAAS_POSTGRES_PORT": str(free_port())})


async def test_is_durable_closed_and_not_a_superuser(settings: config.Settings) -> None:
    async with running(settings) as connection:
        for name, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "jit": "off",
            "server_encoding": "UTF8",
            "listen_addresses": "127.0.0.1",
        }.items():
            assert await connection.fetchval(f"SHOW {name}") == value
        assert not await connection.fetchval("SELECT usesuper FROM pg_user WHERE usename = user")
        wrong = settings.dsn().replace("://cpaas:", "://cpaas:x")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(wrong)
    for secret in (settings.postgres_password_file, settings.home / "postgres.superuser"):
        assert secret.stat().st_mode & 0o777 == 0o600


async def test_comes_back_after_a_kill_with_what_was_committed(settings: config.Settings) -> None:
    async with running(settings, signal.SIGKILL) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    async with running(settings) as connection:
        assert await connection.fetchval("SELECT n FROM kept") == 1


async def test_a_pid_file_that_names_another_program_is_removed(
    settings: config.Settings,
) -> None:
    async with running(settings):
        pass
    pid_file = embedded.prepare(settings).data / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    async with running(settings) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_an_orphan_on_the_folder_is_ended_first(settings: config.Settings) -> None:
    cluster = embedded.prepare(settings)
    orphan = await spawn(cluster.command())
    await server.wait_ready(settings, seconds_max=30)
    ended = asyncio.create_task(orphan.communicate())
    await asyncio.to_thread(embedded.end_orphan, cluster.data)
    await ended
    assert not (cluster.data / "postmaster.pid").exists()


def test_data_without_its_password_says_what_to_do(settings: config.Settings) -> None:
    embedded.prepare(settings)
    settings.postgres_password_file.unlink()
    with pytest.raises(binaries.DatabaseError, match="password file") as refused:
        embedded.prepare(settings)
    assert "backup" in refused.value.todo


async def test_two_copies_on_one_machine(settings: config.Settings) -> None:
    other = config.load(
        {"CPAAS_HOME": str(settings.home / "other"), "CPAAS_POSTGRES_PORT": str(free_port())}
    )
    async with running(settings) as first, running(other) as second:
        await first.execute("CREATE TABLE mine (n int)")
        assert await second.fetchval("SELECT to_regclass('mine')") is None


def test_a_data_folder_of_a_missing_version_says_so(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(binaries.DatabaseError, match="was made by PostgreSQL 9") as refused:
        binaries.choose(tmp_path, None)
    assert "install PostgreSQL 9" in refused.value.todo


def test_an_existing_folder_decides_the_version(tmp_path: Path) -> None:
    chosen = binaries.choose(tmp_path, None)
    (tmp_path / "PG_VERSION").write_text(f"{chosen.major}\n")
    assert binaries.choose(tmp_path, None) == chosen


def test_a_closed_folder_is_not_passable(tmp_path: Path) -> None:
    stranger = Account("stranger", 4_000_000, 4_000_000)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert not binaries.traversable(closed / "below", stranger)
    ours = Account("ours", os.getuid(), os.getgid())
    closed.chmod(0o700)
    assert binaries.traversable(closed, ours) or os.getuid() == 0
