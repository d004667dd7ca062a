"""cpaas-rcs killed twice amid 2,000 messages: each arrives, each once."""

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.gateway.harness import until
from tests.services.rcs_world import RcsWorld, rcs_world

MESSAGES = 2_000


async def serve(world: RcsWorld) -> asyncio.subprocess.Process:
    """The service as a process of its own, as the supervisor starts it."""
    settings = world.settings
    env = {
        **os.environ, "CPAAS_HOME": str(settings.home), "CPAAS_DSN": settings.external_dsn,
        "CPAAS_RCS_PORT": str(settings.rcs_port), "CPAAS_ALLOW_NETWORKS": "127.0.0.0/8",
    }  # fmt: skip
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cpaas", "serve", "cpaas-rcs", env=env,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.slow
async def test_two_thousand_messages_and_two_kills(dsn: str, home: Path) -> None:
    async with rcs_world(
        dsn, home, serving=False, answer_delay_seconds=0.1, receipt_delay_seconds=5,
        callback_retry_seconds=(1.0,) * 60,
    ) as world:  # fmt: skip
        numbers = [f"+9198765{number:05}" for number in range(MESSAGES)]
        ids: list[bytes] = []
        for start in range(0, MESSAGES, 100):
            ids += await world.send(*numbers[start : start + 100])
        for killed_at in (500, 1_200):
            service = await serve(world)

            async def begun(least: int = killed_at) -> bool:
                return world.hub.counts.get("accepted", 0) >= least

            await until(begun, 60)
            service.send_signal(signal.SIGKILL)
            await service.wait()
        service = await serve(world)
        try:
            rows = await world.ends(ids, "DELIVERED", seconds=180)
        finally:
            service.send_signal(signal.SIGTERM)
            await service.wait()
        held = world.hub.messages(limit=10_000)
        assert Counter(one.msisdn for one in held) == Counter(numbers), "each arrived once"
        assert {row["provider_message_id"] for row in rows} == {one.message_id for one in held}
        assert await world.pool.fetchval("SELECT count(*) FROM queue_item") == 0
        assert await world.pool.fetchval("SELECT count(*) FROM unmatched_receipt") == 0
        await world.balance_adds_up()
