"""cpaas-sms as a whole: starts, delivers for a test key, says how it is, stops in good order."""

import asyncio
import socket
from pathlib import Path

import msgspec
import pytest
from tests.gateway.harness import now_us, until
from tests.pipeline.world import World, data_plane_pool

from cpaas.broker import embedded
from cpaas.broker.base import NewItem
from cpaas.cli.bootstrap import bootstrap
from cpaas.config import Settings
from cpaas.messages.envelopes import pack
from cpaas.services import sms


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def get(port: int, path: str) -> tuple[str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return head.split("\r\n")[0], body


@pytest.fixture
async def settings(dsn: str, home: Path) -> Settings:
    made = Settings(
        home=home, external_dsn=dsn, keyring=home / "keyring.json", sms_port=free_port(),
        smsc_port=free_port(), smpp_port=free_port(), stop_seconds=6,
    )  # fmt: skip
    await bootstrap(made, dsn)
    return made


@pytest.mark.slow
async def test_a_test_key_reaches_the_carrier_that_is_built_in(
    settings: Settings, dsn: str
) -> None:
    stop = asyncio.Event()
    serving = asyncio.create_task(sms.run(settings, stop))
    async with data_plane_pool(dsn) as pool:
        world = World(pool, now_us())
        account_id = await pool.fetchval("SELECT id FROM account WHERE name = 'sandbox'")
        envelope = await world.message("QUEUED", account_id=account_id, plan=[], claimed_by=0)
        envelope = msgspec.structs.replace(envelope, is_test=True)
        item = NewItem("cpaas.sms.submit", 1, account_id, 1, pack(envelope))
        async with pool.acquire() as connection:
            await embedded.publish(connection, [item])

        async def delivered() -> bool:
            assert not serving.done(), serving
            return bool((await world.row(envelope))["status"] == "DELIVERED")

        await until(delivered)
        name = await pool.fetchval(
            "SELECT r.name FROM message m JOIN route r ON r.id = m.route_id WHERE m.id = $1",
            envelope.messages[0].id,
        )
        assert name == "test_sms"
        status, body = await get(settings.sms_port, "/health")
        assert status == "HTTP/1.1 200 OK"
        assert msgspec.json.decode(body)["service"] == "cpaas-sms"
        status, body = await get(settings.sms_port, "/metrics")
        assert 'cpaas_route_up{route="test_sms"} 1.0' in body
        assert (await get(settings.sms_port, "/nothing"))[0].endswith("404 Not Found")
        stop.set()
        assert await asyncio.wait_for(serving, 20) == 0
        assert await pool.fetchval("SELECT count(*) FROM route_lease") == 0
        assert await pool.fetchval("SELECT count(*) FROM route_state WHERE state <> 'off'") == 0
        stopped = "SELECT count(*) FROM service_instance WHERE stopped_at IS NULL"
        assert await pool.fetchval(stopped) == 0
