"""Shared fixtures: one PostgreSQL per test run, a fresh migrated database for whoever asks.

The server starts when the first test needs it, so that pure unit tests stay instant.
"""

import fcntl
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests import bytecode, memory, spread
from tests.postgres_keeper import SMALL
from tests.rabbitmq_node import RabbitNode

from cpaas.db.pool import create_pool

TEMPLATE = "cpaas"
KEEPER_SECONDS_MAX = 120
# Held to the end of the run: the keeper outlives the fixture, and on purpose nobody waits for it.
_KEEPERS: list[subprocess.Popen[bytes]] = []


@pytest.fixture(scope="session")
def postgres() -> str:
    """DSN of the run's server; its database is the template, so do not stay connected to it."""
    watched = memory.runner_pid()
    folder = Path(tempfile.gettempdir()) / f"cpaas-test-{memory.run_name()}"
    # Passable for the user that the server drops to when the tests run as root.
    folder.mkdir(mode=0o711, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = folder / "answer.json"
        if not answer.exists():
            keeper = _start_keeper(folder, watched)
            _wait_for(answer, keeper)
        told = json.loads(answer.read_text())
    if "error" in told:
        pytest.fail(f"the test database did not start: {told['error']}", pytrace=False)
    return str(told["dsn"])


def _start_keeper(folder: Path, watched: int) -> subprocess.Popen[bytes]:
    with (folder / "keeper.log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.postgres_keeper", str(folder), str(watched)],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _KEEPERS.append(keeper)
    return keeper


def _wait_for(answer: Path, keeper: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + KEEPER_SECONDS_MAX
    while not answer.exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            log = answer.with_name("keeper.log").read_text()
            pytest.fail(f"the test database did not start:\n{log[-2000:]}", pytrace=False)
        time.sleep(0.05)


@pytest.fixture
def dsn(postgres: str) -> Iterator[str]:
    """A fresh, migrated, empty database for one test; its partitions end with tomorrow."""
    yield from _database(postgres, SMALL)


@pytest.fixture
def full_dsn(postgres: str) -> Iterator[str]:
    """A fresh database exactly as the migrations leave it."""
    yield from _database(postgres, TEMPLATE)


@pytest.fixture(scope="module")
def module_dsn(postgres: str) -> Iterator[str]:
    """A fresh, migrated database for all tests of one module, which must not disturb each other."""
    yield from _database(postgres, SMALL)


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """A small pool on the test's own database."""
    made = await create_pool(dsn, min_size=1, max_size=5, application_name="tests")
    yield made
    await made.close()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitNode]:
    """A RabbitMQ node of this process's own."""
    node = RabbitNode()
    yield node
    node.stop()


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home folder that the database's own user may pass through."""
    folder = memory.folder("cph")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _database(postgres: str, template: str) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex[:16]}"
    maintenance = make_conninfo(postgres, dbname="postgres")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY".encode()
        )
        yield re.sub(rf"/{TEMPLATE}$", f"/{name}", postgres)
        for left in reversed(range(100)):
            try:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
                break
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse):
                # A worker of the server's own is in it for a moment.
                if not left:
                    raise
                time.sleep(0.1)


#: folders and files whose tests each want a database and live sockets: not for the quick look.
SLOW = ("gateway/", "services/", "contracts/", "webhooks/test_deliver", "cli/test_commands")


def pytest_configure() -> None:
    """Before there are workers."""
    bytecode.keep()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """With `--dist loadfile`, the longest files first."""
    return spread.LongestFirst(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means."""
    return spread.workers()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what lies in the slow folders; in a worker, puts the longest files first."""
    if hasattr(config, "workerinput"):
        spread.sort(items)
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).as_posix().startswith(
            SLOW
        ):
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Ends a run with what was skipped for lack of a part, and how to get it."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        if isinstance(report.longrepr, tuple) and "needs " in report.longrepr[2]:
            reason = report.longrepr[2].removeprefix("Skipped: needs ")
            reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        terminalreporter.section("skipped for lack of a part")
        for reason, count in sorted(reasons.items()):
            part, _, command = reason.partition(": ")
            terminalreporter.line(f"{count:4} tests need {part}: {command}")
