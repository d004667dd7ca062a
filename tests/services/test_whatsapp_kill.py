"""cpaas-whatsapp killed amid 2,000 messages: every one accounted for, none sent twice."""

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.gateway.harness import until
from tests.services.test_whatsapp import USED
from tests.services.whatsapp_world import WhatsappWorld, whatsapp_world

from cpaas.channels.whatsapp.payloads import message_id

MESSAGES = 2_000
KILLED_AT = 500


async def serve(world: WhatsappWorld) -> asyncio.subprocess.Process:
    """The service as a process of its own, as the supervisor starts it."""
    settings = world.settings
    env = {
        **os.environ, "CPAAS_HOME": str(settings.home), "CPAAS_DSN": settings.external_dsn,
        "CPAAS_WHATSAPP_PORT": str(settings.whatsapp_port), "CPAAS_UNKNOWN_OUTCOME_SECONDS": "8",
    }  # fmt: skip
    with (settings.home / "serve.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cpaas", "serve", "cpaas-whatsapp", env=env, stdout=log,
            stderr=log,
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(420)
async def test_two_thousand_messages_and_a_kill(dsn: str, home: Path) -> None:
    async with whatsapp_world(
        dsn, home, any_template=True, answer_delay_seconds=0.05, serving=False
    ) as world:
        # As fast as one number may go at Meta's highest level.
        await world.pool.execute(
            "UPDATE identity SET settings = settings || '{\"tps\": 1000}'::text::jsonb"
        )
        await world.pool.execute("UPDATE wallet SET balance_micro = balance_micro + 900000000000")
        await world.pool.execute(
            "INSERT INTO ledger_entry (account_id, kind, amount_micro)"
            " VALUES ($1, 'CREDIT', 900000000000)", world.account_id,
        )  # fmt: skip
        ids: list[bytes] = []
        for number in range(MESSAGES // 100):
            numbers = [f"+9198765{number:02}{n:03}" for n in range(100)]
            ids += await world.send(*numbers, content=USED)
        first = await serve(world)

        async def begun() -> bool:
            return len(world.cloud.sent) >= KILLED_AT

        async def say() -> object:
            rows = await world.pool.fetch(
                "SELECT status, error_code, count(*) FROM message GROUP BY 1, 2"
            )
            log = (home / "serve.log").read_text()[-1000:]
            return len(world.cloud.sent), [tuple(row) for row in rows], log

        await until(begun, 60, say)
        first.send_signal(signal.SIGKILL)
        await first.wait()
        second = await serve(world)
        try:
            # Whose outcome is unknown ends two minutes after its process is known to be dead.
            rows = await world.ends(ids, "DELIVERED", "FAILED", seconds=200)
        finally:
            second.send_signal(signal.SIGTERM)
            await second.wait()
        sent = Counter(
            message_id(one.body["biz_opaque_callback_data"]) for one in world.cloud.sent.values()
        )
        assert max(sent.values()) == 1
        ended = Counter((row["status"], row["error_code"]) for row in rows)
        assert sum(ended.values()) == MESSAGES
        assert set(ended) <= {("DELIVERED", ""), ("FAILED", "unknown_outcome")}
        for row in rows:
            # What Meta has is delivered; of the rest it is said that nobody knows.
            assert (row["status"] == "DELIVERED") == (row["id"] in sent), row["error_code"]
        assert await world.pool.fetchval("SELECT count(*) FROM queue_item") == 0
        assert await world.pool.fetchval("SELECT count(*) FROM unmatched_receipt") == 0
        await world.balance_adds_up()
