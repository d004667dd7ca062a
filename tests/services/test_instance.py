"""How a process is known to the others: its row, its heartbeat, its end."""

import asyncio
import os
from typing import Any

import asyncpg
import pytest

from cpaas import __version__
from cpaas.config import OPTIONS, load
from cpaas.services import catalogue, instance, queries


async def test_a_process_is_known_while_it_lives(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "HEARTBEAT_SECONDS", 0.01)
    async with instance.registered(pool, "cpaas-sms", 8082, lambda: {"binds": 3}) as number:
        first = await row(pool, number)
        assert (first["service"], first["pid"], first["port"]) == ("cpaas-sms", os.getpid(), 8082)
        assert first["version"] == __version__
        assert first["stopped_at"] is None
        async with asyncio.timeout(60):
            while (now := await row(pool, number))["heartbeat_at"] == first["heartbeat_at"]:
                await asyncio.sleep(0.01)
        assert now["details"] == '{"binds": 3}'
    assert (await row(pool, number))["stopped_at"] is not None


async def test_the_heart_beats_on_whatever_the_database_says(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "HEARTBEAT_SECONDS", 0.01)
    beat = queries.beat
    said = [asyncpg.InternalClientError("unexpected connection_lost() call"), KeyError("x")]

    async def troubled(*values: Any) -> None:
        if said:
            raise said.pop()
        await beat(*values)

    monkeypatch.setattr(queries, "beat", troubled)
    async with instance.registered(pool, "cpaas-sms", 8082) as number:
        first = await row(pool, number)
        async with asyncio.timeout(60):
            while (await row(pool, number))["heartbeat_at"] == first["heartbeat_at"]:
                await asyncio.sleep(0.01)
    assert not said


async def test_a_failing_service_is_marked_stopped_too(pool: asyncpg.Pool) -> None:
    with pytest.raises(RuntimeError):
        async with instance.registered(pool, "cpaas-core", 8081) as number:
            raise RuntimeError
    assert (await row(pool, number))["stopped_at"] is not None


async def row(pool: asyncpg.Pool, number: int) -> asyncpg.Record:
    return await pool.fetchrow("SELECT * FROM service_instance WHERE id = $1", number)


def test_every_service_of_the_catalogue_has_settings_for_its_ports() -> None:
    names = {option.name for option in OPTIONS}
    for service in catalogue.CATALOGUE:
        assert set(service.ports) <= names
        assert set(service.needs) <= {"postgres", *catalogue.BY_NAME}


def test_without_the_sandbox_no_simulator_runs() -> None:
    settings = load({"CPAAS_SANDBOX": "off"})
    names = [row.name for row in catalogue.active(settings)]
    assert names == [
        "cpaas-core", "cpaas-sms", "cpaas-whatsapp", "cpaas-rcs", "cpaas-voice", "cpaas-admin",
        "cpaas-portal",
    ]  # fmt: skip


def test_urls_of_what_exists() -> None:
    settings = load({"CPAAS_HOST": "0.0.0.0", "CPAAS_CORE_PORT": "9000"})
    assert catalogue.url("cpaas-core", settings) == "http://127.0.0.1:9000"
    assert catalogue.url("cpaas-admin", settings) == "http://127.0.0.1:8087"
    assert catalogue.url("cpaas-voice", settings) == "http://127.0.0.1:8085"
    assert catalogue.url("cpaas-fax", settings) is None
