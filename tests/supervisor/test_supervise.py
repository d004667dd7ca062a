"""The whole supervisor as a process: order, lock, wishes, and nothing left however it ends."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from tests.supervisor.fakes import free_port, gone, until

from cpaas.monitoring.queries import set_desired
from cpaas.supervisor import lock

Start = Callable[..., "subprocess.Popen[str]"]
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(*services: str, **environ: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.supervisor.driver", *services],
            cwd=ROOT,
            env={**os.environ, "CPAAS_HOME": str(home), "CPAAS_STOP_SECONDS": "6", **environ},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def states(home: Path) -> dict[str, tuple[str, int | None]]:
    state = lock.read_state(home / "run")
    return {row.name: (row.status, row.pid) for row in state.services} if state else {}


def pids(home: Path) -> list[int]:
    return [pid for _, pid in states(home).values() if pid is not None]


def wish(dsn: str, service: str, *, running: bool, restart: bool = False) -> None:
    async def write() -> None:
        connection = await asyncpg.connect(dsn)
        await set_desired(connection, service, running=running, restart=restart, actor="tests")
        await connection.close()

    asyncio.run(write())


def test_stops_everything_when_asked(start: Start, home: Path, dsn: str) -> None:
    supervisor = start(f"a:{free_port()}:well", f"b:{free_port()}:deaf", CPAAS_DSN=dsn)
    assert said(supervisor) == "ready"
    assert {name: status for name, (status, _) in states(home).items()} == {
        "a": "UP",
        "b": "UP",
    }
    children = pids(home)
    supervisor.terminate()
    assert supervisor.wait(60) == 0
    assert all(gone(pid) for pid in children)
    assert lock.holder_pid(home / "run") is None
    assert lock.read_state(home / "run") is None


def test_a_second_one_in_the_same_home_is_refused(start: Start, dsn: str) -> None:
    first = start(f"a:{free_port()}:well", CPAAS_DSN=dsn)
    assert said(first) == "ready"
    second = start(f"a:{free_port()}:well", CPAAS_DSN=dsn)
    assert said(second).startswith(f"this home already runs (pid {first.pid})")


def test_wishes_are_obeyed_and_survive_a_restart(start: Start, home: Path, dsn: str) -> None:
    services = (f"a:{free_port()}:well", f"b:{free_port()}:well")
    supervisor = start(*services, CPAAS_DSN=dsn)
    assert said(supervisor) == "ready"
    first = states(home)["b"][1]
    wish(dsn, "a", running=False)
    until(lambda: states(home)["a"] == ("STOPPED", None), "a stops")
    wish(dsn, "b", running=True, restart=True)
    until(lambda: states(home)["b"][0] == "UP" and states(home)["b"][1] != first, "b again")
    supervisor.terminate()
    supervisor.wait(60)

    again = start(*services, CPAAS_DSN=dsn)
    assert said(again) == "ready"
    assert states(home)["a"] == ("STOPPED", None)
    wish(dsn, "a", running=True)
    until(lambda: states(home)["a"][0] == "UP", "a starts")


def test_killed_it_leaves_nothing_and_loses_nothing(start: Start, home: Path) -> None:
    port = str(free_port())
    services = (f"a:{free_port()}:well", f"b:{free_port()}:well")
    supervisor = start(*services, CPAAS_POSTGRES_PORT=port)
    assert said(supervisor) == "ready"
    family = psutil.Process(supervisor.pid).children(recursive=True)
    assert len(family) > 5  # both services, PostgreSQL and its own processes
    write(home, port, "CREATE TABLE kept AS SELECT 1 AS n")
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait(60)
    # At once, while the old services may still hold their ports.
    again = start(*services, CPAAS_POSTGRES_PORT=port)
    assert said(again) == "ready"
    assert all(gone(process.pid) for process in family)
    assert write(home, port, "SELECT n FROM kept") == 1
    # PostgreSQL itself killed: it comes back, with the data.
    psutil.Process(dict(states(home))["postgres"][1]).kill()
    until(lambda: states(home)["postgres"][0] != "UP", "its end is seen")
    until(lambda: states(home)["postgres"][0] == "UP", "it is started again")
    until(lambda: write(home, port, "SELECT n FROM kept") == 1, "it answers again")
    again.terminate()
    again.wait(60)


def write(home: Path, port: str, sql: str) -> object:
    from cpaas import config

    async def run() -> object:
        settings = config.load({"CPAAS_HOME": str(home), "CPAAS_POSTGRES_PORT": port})
        try:
            connection = await asyncpg.connect(settings.dsn())
        except (OSError, asyncpg.PostgresError):
            return None
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(run())
