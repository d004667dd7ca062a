"""One program under the supervisor: started, restarted, stopped, killed when it must be."""

import asyncio
import contextlib
import signal
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.supervisor.fakes import fake_program, free_port, gone

from cpaas.kit.logfile import LogFile
from cpaas.supervisor.keeper import Keeper
from cpaas.supervisor.types import StartError, Status, back_off_seconds


@contextlib.asynccontextmanager
async def kept(tmp_path: Path, mode: str) -> AsyncIterator[Keeper]:
    log = LogFile(tmp_path / "fake.log", 100_000)
    program = fake_program("fake", free_port(), mode)
    keeper = Keeper(program, log, changed=lambda: None, back_off_first_seconds=0.05)
    try:
        yield keeper
    finally:
        await keeper.stop(5.0)
        log.close()


async def becomes(keeper: Keeper, status: Status, *, restarts: int) -> None:
    async with asyncio.timeout(60):
        while keeper.status != status or keeper.restarts != restarts:
            await asyncio.sleep(0.02)


async def test_is_running_once_it_is_well_and_its_output_is_kept(tmp_path: Path) -> None:
    async with kept(tmp_path, "well") as keeper:
        await keeper.start(20)
        assert keeper.row.status == "UP"
        pid = keeper.row.pid
        assert pid is not None
    assert gone(pid)
    assert keeper.row.status == "STOPPED"
    assert "listening on" in (tmp_path / "fake.log").read_text()


async def test_a_crash_is_answered_by_a_restart(tmp_path: Path) -> None:
    async with kept(tmp_path, "crash") as keeper:
        await keeper.start(20)
        first = keeper.row.pid
        host, port, _ = keeper.program.health or ("", 0, "")
        with contextlib.suppress(OSError):
            await asyncio.to_thread(urllib.request.urlopen, f"http://{host}:{port}/crash")
        await becomes(keeper, Status.RUNNING, restarts=1)
        assert keeper.row.pid != first


async def test_what_ignores_the_request_to_stop_is_killed(tmp_path: Path) -> None:
    async with kept(tmp_path, "deaf") as keeper:
        await keeper.start(20)
        pid = keeper.row.pid
        assert pid is not None
        await keeper.stop(0.2)
        assert gone(pid)


async def test_a_start_that_fails_says_what_was_said_last(tmp_path: Path) -> None:
    async with kept(tmp_path, "broken") as keeper:
        with pytest.raises(StartError, match="fake ended: it does not want to"):
            await keeper.start(20)


async def test_a_port_in_use_names_the_setting(tmp_path: Path) -> None:
    async with kept(tmp_path, "well") as keeper:
        await keeper.start(20)
        other = Keeper(keeper.program, LogFile(tmp_path / "o.log", 1000), changed=lambda: None)
        with pytest.raises(StartError, match="already in use") as refused:
            other.refuse_taken_ports()
        assert "CPAAS_CORE_PORT" in refused.value.todo


def test_back_off_doubles_up_to_its_limit() -> None:
    assert [back_off_seconds(n) for n in (1, 2, 3, 4, 5, 6, 60)] == [1, 2, 4, 8, 16, 30, 30]


def test_signals_to_postgres_lose_nothing() -> None:
    from cpaas.supervisor.supervise import POSTGRES_SIGNALS

    assert POSTGRES_SIGNALS == (signal.SIGINT, signal.SIGQUIT)
