"""The database's disk runs full, its server is killed: clear answers, and all is well afterwards.

A real PostgreSQL on a small file system of its own; where none can be mounted this is skipped.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.parts import require
from tests.pipeline.accepting import Desk, desk
from tests.postgres_keeper import free_port

from cpaas import config
from cpaas.db import embedded, migrate, server
from cpaas.kit.child import spawn
from cpaas.pipeline.drafts import Outcome
from cpaas.pipeline.refusals import RefusedError

pytestmark = pytest.mark.slow

SIZE_MB = 400
SMALL = {"shared_buffers": "32MB", "min_wal_size": "32MB", "max_wal_size": "64MB"}
TEXT = "x" * 1_500
TRUTHS = {"storage_full", "unavailable", "outcome_unknown"}


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """A folder with room for a database and little more."""
    require("mount")
    options = f"size={SIZE_MB}m,mode=0711"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "cpaas", str(home)], check=True)
    yield home
    subprocess.run(["umount", "-l", str(home)], check=False)


class Database:
    """The server, as the supervisor keeps it."""

    def __init__(self, settings: config.Settings) -> None:
        self.settings = settings
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await spawn(embedded.prepare(self.settings, SMALL).command())
        self.drain = asyncio.create_task(self.process.communicate())
        await server.wait_ready(self.settings, seconds_max=60)

    async def end(self, how: signal.Signals) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        await self.drain

    @property
    def ended(self) -> bool:
        return self.drain.done()


@contextlib.asynccontextmanager
async def serving(home: Path) -> AsyncIterator[Database]:
    settings = config.load({"CPAAS_HOME": str(home), "CPAAS_POSTGRES_PORT": str(free_port())})
    database = Database(settings)
    await database.start()
    try:
        await migrate.migrate(settings.dsn())
        yield database
    finally:
        await database.end(signal.SIGINT)


def code(outcome: Outcome) -> str:
    return outcome.code if isinstance(outcome, RefusedError) else ""


async def try_once(world: Desk, account: int, count: int = 200) -> str:
    """The outcome's code; "" = stored."""
    try:
        to = [f"+9198{n:08d}" for n in range(count)]
        return code(await asyncio.wait_for(world.send(account, to, text=TEXT), 30))
    except RefusedError as error:
        return error.code


async def works_again(world: Desk, account: int) -> str:
    """Waits until something is stored again; returns what it was told last before."""
    last = ""
    async with asyncio.timeout(90):
        while told := await try_once(world, account, 1):
            last = told
            await asyncio.sleep(0.2)
    return last


async def check(world: Desk, account: int, stored: int, doubtful: int) -> None:
    """Everything that was said to be stored is, nothing else but what was said to be unknown."""
    found = await world.pool.fetchval("SELECT count(*) FROM message")
    assert stored <= found <= stored + doubtful
    assert await world.pool.fetchval("SELECT sum(messages)::int FROM queue_item") == found
    spent = await world.pool.fetchval("SELECT sum(price_micro)::bigint FROM message")
    assert await world.balance(account) == 10**12 - spent


async def test_a_full_disk_and_a_killed_server(small_disk: Path) -> None:
    async with (
        serving(small_disk) as database,
        # Its own short wait: the platform's five seconds would only lengthen the test.
        desk(database.settings.dsn(), resolve_seconds=1) as world,
    ):
        account = await world.account(balance=10**12)
        told = Counter({await try_once(world, account): 1})
        await fill(small_disk, world, account, told)
        if database.ended:
            # Without room for its log the server ends itself, and is started anew.
            await database.start()
        await works_again(world, account)
        stored, doubtful = 200 * told[""] + 1, 200 * told["outcome_unknown"]
        await check(world, account, stored, doubtful)

        sending = [asyncio.create_task(try_once(world, account, 1)) for _ in range(20)]
        await database.end(signal.SIGKILL)
        answers = Counter(await asyncio.gather(*sending))
        answers[await try_once(world, account, 1)] += 1
        assert set(answers) <= TRUTHS | {""}, answers
        assert answers["unavailable"], "nothing is stored while it is away"
        await database.start()
        await works_again(world, account)
        await check(world, account, stored + answers[""] + 1, doubtful + answers["outcome_unknown"])


async def fill(folder: Path, world: Desk, account: int, told: Counter[str]) -> None:
    """Leaves no room, sends until that is told three times, and makes room again."""
    ballast = folder / "ballast"
    free = os.statvfs(folder)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - 2_000_000)
    for _ in range(60):
        told[await try_once(world, account)] += 1
        if told["storage_full"] >= 3:
            break
    ballast.unlink()
    assert told["storage_full"], told
    assert set(told) <= TRUTHS | {""}, told
