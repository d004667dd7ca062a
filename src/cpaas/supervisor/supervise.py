"""Starts the platform in order, keeps it running, and stops it in reverse within its budget.

PostgreSQL, schema, first accounts, then each service once what it needs is well; what does not wait
for one another starts together.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence

import psutil

from cpaas.broker import address
from cpaas.config import Settings
from cpaas.db import embedded, migrate, schema_version, server
from cpaas.db.trouble import AWAY
from cpaas.kit.log import get_logger
from cpaas.kit.logfile import LogFile
from cpaas.supervisor import lock, obey
from cpaas.supervisor.broker import Broker
from cpaas.supervisor.keeper import Keeper
from cpaas.supervisor.lock import Lock, State, write_state
from cpaas.supervisor.queries import Desired
from cpaas.supervisor.tasks import background
from cpaas.supervisor.template import Templates
from cpaas.supervisor.types import Program, Report, Row, seconds_left, waves

POSTGRES = "postgres"
# Fast, then immediate: the second one loses nothing either, the next start just recovers.
POSTGRES_SIGNALS = (signal.SIGINT, signal.SIGQUIT)
# Share of the stop budget that the services leave to PostgreSQL.
POSTGRES_STOP_SHARE = 0.3
PARTITIONS_EVERY_SECONDS = 3600.0
LEFTOVER_POLL_SECONDS = 0.5

Prepare = Callable[[Settings, str], Awaitable[None]]
# Called before the schema changes; tells the way back from a migration that fails, "" = none.
Save = Callable[[Settings], Awaitable[str]]

log = get_logger("supervisor")


class Supervisor:
    """One running copy of the platform."""

    def __init__(
        self,
        settings: Settings,
        programs: Sequence[Program],
        *,
        save: Save,
        prepare: Prepare,
        report: Report,
        back_off_first_seconds: float = 1.0,
    ) -> None:
        self._settings = settings
        self._save = save
        self._prepare = prepare
        self._report = report
        self._lock = Lock(settings.run)
        self._ready = False
        self._tasks: list[asyncio.Task[None]] = []
        self._postgres: Keeper | None = None
        self._known: dict[str, Desired] = {}
        self._back_off_first_seconds = back_off_first_seconds
        self._templates = Templates()
        self._services = [self._keeper(program) for program in programs]
        self._broker = Broker(settings, self._keeper, report) if address.own(settings) else None

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every program as `status` shows it."""
        first = [self._postgres.row] if self._postgres else []
        if self._broker is not None:
            first += self._broker.rows
        return (*first, *(keeper.row for keeper in self._services))

    async def run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Starts everything, calls `ready`, and returns when all is stopped again."""
        self._lock.take()
        try:
            starting = asyncio.create_task(self._start())
            stopped = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    starting.result()
                    self._ready = True
                    self._write_state()
                    ready()
                await stopped
            finally:
                await _cancel([starting, stopped])
                await self._stop()
        finally:
            self._lock.release()

    async def _start(self) -> None:
        # They import while the database starts.
        self._templates.begin(keeper.program for keeper in self._services)
        await self._outwait_killed_run()
        for keeper in self._services:
            keeper.refuse_taken_ports()
        if self._broker is not None:
            # It needs the longest, and no service waits for it.
            await self._broker.begin()
        if self._settings.embedded:
            await self._start_postgres()
        else:
            await server.wait_ready(self._settings, seconds_max=10)
        dsn = self._settings.dsn()
        await self._migrate(dsn)
        await self._prepare(self._settings, dsn)
        self._known = await obey.read_once(dsn)
        for wave in waves([keeper.program for keeper in self._services]):
            await self._start_wave([k for k in self._services if k.program.name in wave])
        await self._templates.end()
        if self._broker is not None:
            await self._broker.started()
        keepers = {keeper.program.name: keeper for keeper in self._services}
        self._tasks.append(background(obey.obey(dsn, keepers, self._known), "obey"))
        self._tasks.append(background(_make_partitions_hourly(dsn), "partitions"))

    async def _migrate(self, dsn: str) -> None:
        if await schema_version.is_laid(dsn):
            # Loading the framework only to be told so is a fifth of a start.
            await migrate.make_partitions(dsn)
            return
        way_back = await self._save(self._settings)
        self._report("migrating the database")
        try:
            await migrate.migrate(dsn, lambda line: self._report(f"migrating: {line}"))
        except Exception:
            if way_back:
                self._report(way_back)
            raise

    async def _outwait_killed_run(self) -> None:
        """Lets the services of a supervisor that was killed end, which they do by themselves."""
        rows = [row for row in lock.left_behind(self._settings.run) if row.name != POSTGRES]
        deadline = time.monotonic() + self._settings.stop_seconds
        for row in rows:
            while row.pid and psutil.pid_exists(row.pid) and seconds_left(deadline):
                self._report(f"waiting for {row.name} of a killed run to end")
                await asyncio.sleep(LEFTOVER_POLL_SECONDS)

    async def _start_postgres(self) -> None:
        self._report("starting PostgreSQL")
        cluster = await asyncio.to_thread(embedded.prepare, self._settings)
        program = Program(
            name=POSTGRES,
            command=cluster.command(),
            ports=(("CPAAS_POSTGRES_PORT", cluster.port),),
        )
        self._postgres = keeper = self._keeper(program, POSTGRES_SIGNALS)
        await keeper.start(self._settings.start_seconds)
        await server.wait_ready(
            self._settings,
            seconds_max=self._settings.start_seconds,
            still_alive=lambda: keeper.alive,
        )

    async def _start_wave(self, keepers: list[Keeper]) -> None:
        """Starts what waits for nothing of one another, together."""
        starts = (self._start_service(keeper) for keeper in keepers)
        done = await asyncio.gather(*starts, return_exceptions=True)
        for fault in done:
            if fault is not None:
                raise fault

    async def _start_service(self, keeper: Keeper) -> None:
        name = keeper.program.name
        wish = self._known.get(name)
        if wish is not None and not wish.running:
            self._report(f"leaving {name} stopped, as {wish.changed_by or 'somebody'} wished")
            return
        self._report(f"starting {name}")
        await keeper.start(self._settings.start_seconds)

    async def _stop(self) -> None:
        """Services in reverse, then PostgreSQL; what exceeds its share of the budget is killed."""
        self._ready = False
        await self._templates.end()
        await _cancel(self._tasks)
        budget = float(self._settings.stop_seconds)
        deadline = time.monotonic() + budget * (1 - POSTGRES_STOP_SHARE)
        running = [keeper for keeper in reversed(self._services) if keeper.kept or keeper.alive]
        for position, keeper in enumerate(running):
            self._report(f"stopping {keeper.program.name}")
            await keeper.stop(seconds_left(deadline) / (len(running) - position))
        ending = []
        if self._broker is not None:
            self._report("stopping RabbitMQ")
            ending.append(self._broker.stop(budget * POSTGRES_STOP_SHARE))
        if self._postgres is not None:
            self._report("stopping PostgreSQL")
            ending.append(self._postgres.stop(budget * POSTGRES_STOP_SHARE))
        await asyncio.gather(*ending)

    def _keeper(
        self, program: Program, stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM,)
    ) -> Keeper:
        settings = self._settings
        return Keeper(
            program,
            LogFile(settings.logs / f"{program.name}.log", settings.log_max_mb * 1_000_000),
            changed=self._write_state,
            spawn=self._templates.spawn,
            stop_signals=stop_signals,
            stop_seconds=settings.stop_seconds * (1 - POSTGRES_STOP_SHARE),
            back_off_first_seconds=self._back_off_first_seconds,
            back_off_longest_seconds=float(settings.restart_seconds_max),
        )

    def _write_state(self) -> None:
        state = State(pid=self._lock.pid, ready=self._ready, services=self.rows)
        try:
            write_state(self._settings.run, state)
        except OSError as error:
            log.warning("state file not written", reason=str(error))


async def _make_partitions_hourly(dsn: str) -> None:
    while True:
        await asyncio.sleep(PARTITIONS_EVERY_SECONDS)
        try:
            await migrate.make_partitions(dsn)
        except AWAY as error:
            log.warning("partitions of the coming days not made", reason=str(error))


async def _cancel(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
