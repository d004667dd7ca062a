"""cpaas-voice killed in the middle of calls: nobody is called twice, and every cent is told."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.channels.voice import sipp
from tests.parts import require
from tests.services.calls import (
    CREDIT_MICRO,
    MINUTE_MICRO,
    Platform,
    healthy,
    lay,
    settings_of,
)

from cpaas import config
from cpaas.routes.types import NewRoute
from cpaas.services import core
from cpaas.simulators.voice import CallProvider, ProviderSettings

pytestmark = [pytest.mark.slow]
SID, TOKEN = "ACtrial", "token"
CALLS = 200


class Service:
    """cpaas-voice in a process of its own."""

    def __init__(self, settings: config.Settings, dsn: str, home: Path) -> None:
        self._port = settings.voice_port
        self._env = {
            **os.environ, "CPAAS_DSN": dsn, "CPAAS_HOME": str(home),
            "CPAAS_VOICE_PORT": str(settings.voice_port), "CPAAS_STOP_SECONDS": "5",
            "CPAAS_UNKNOWN_OUTCOME_SECONDS": "2", "CPAAS_ALLOW_NETWORKS": "127.0.0.0/8",
        }  # fmt: skip
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cpaas", "serve", "cpaas-voice", env=self._env,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await healthy(self._port)

    async def end(self, how: signal.Signals) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(how)
            await asyncio.wait_for(self._process.wait(), 30)


@asynccontextmanager
async def running(dsn: str, home: Path, route: NewRoute) -> AsyncIterator[tuple[Platform, Service]]:
    settings = settings_of(dsn, home)
    account_id, key = await lay(settings, dsn, route)
    stop = asyncio.Event()
    accepting = asyncio.create_task(core.run(settings, stop))
    service = Service(settings, dsn, home)
    try:
        await healthy(settings.core_port)
        await service.start()
        yield Platform(settings, account_id, key, dsn), service
    finally:
        await service.end(signal.SIGTERM)
        stop.set()
        assert await asyncio.wait_for(accepting, 30) == 0


async def test_two_hundred_calls_by_a_provider(dsn: str, home: Path) -> None:
    provider = CallProvider(
        ProviderSettings(
            accounts={SID: TOKEN}, ring_seconds=0.1, talk_seconds=0.4,
            outcome_mix={"busy": 0.2, "no-answer": 0.1},
        )
    )  # fmt: skip
    port = await provider.start()
    route = NewRoute(
        name="calls", channel="voice", dialect="http", system_id=SID, password=TOKEN, tps=100,
        window_size=20, settings={"base_url": f"http://127.0.0.1:{port}"},
    )  # fmt: skip
    numbers = [f"+9198765{n:05d}" for n in range(CALLS)]
    try:
        async with running(dsn, home, route) as (platform, service):
            answer = await platform.send(numbers, "Your code is 4821.")
            assert answer["accepted"] == CALLS
            async with asyncio.timeout(60):
                while len(provider.dialled) < CALLS // 3:
                    await asyncio.sleep(0.01)
            await service.end(signal.SIGKILL)
            assert len(provider.dialled) < CALLS
            await service.start()
            rows = await platform.ended(CALLS, 240)
            balance, total, entries = await platform.money()
    finally:
        await provider.stop()
    # Nobody was called twice, whatever was under way.
    assert max(provider.dialled.values()) == 1
    statuses = Counter((row["status"], row["error_code"]) for row in rows)
    unknown = statuses.pop(("FAILED", "unknown_outcome"), 0)
    assert set(statuses) <= {("DELIVERED", ""), ("FAILED", "busy"), ("FAILED", "no_answer")}
    # What was not called is unknown, and nothing else is missing.
    assert CALLS - len(provider.dialled) <= unknown < CALLS // 4
    delivered = statuses[("DELIVERED", "")]
    assert balance == total == CREDIT_MICRO - delivered * MINUTE_MICRO
    assert Counter(kind for kind, _ in entries) == {
        "RESERVE": CALLS, "CAPTURE": delivered, "REFUND": CALLS - delivered,
    }  # fmt: skip


async def test_calls_over_a_trunk(dsn: str, home: Path, tmp_path: Path) -> None:
    require("sipp")
    require("espeak-ng")
    port, count = sipp.free_udp_port(), 10
    route = NewRoute(
        name="trunk", channel="voice", dialect="sip", host="127.0.0.1", port=port,
        system_id=sipp.USER, password=sipp.PASSWORD, window_size=50,
        settings={"interface": "127.0.0.1"},
    )  # fmt: skip
    numbers = [f"+9198765{n:05d}" for n in range(count)]
    async with sipp.Ear.open() as ear, running(dsn, home, route) as (platform, service):
        # SIPp ends well only if the worker, too, says goodbye when its service is killed.
        async with sipp.carrier(tmp_path, sipp.talking(ear.port), port=port, calls=count):
            await platform.send(numbers, "This is a long message. " * 20)
            async with asyncio.timeout(60):
                while len(ear.samples) < count:
                    await asyncio.sleep(0.05)
            await service.end(signal.SIGKILL)
        await service.start()
        rows = await platform.ended(count, 90)
        balance, total, entries = await platform.money()
    assert {(row["status"], row["error_code"]) for row in rows} == {("FAILED", "unknown_outcome")}
    assert balance == total == CREDIT_MICRO
    assert Counter(kind for kind, _ in entries) == {"RESERVE": count, "REFUND": count}
    # No further source of sound: none was dialled again.
    assert len(ear.samples) == count
