"""Keeps one program in the state wanted: running with restarts and back-off, or stopped.

One small task per program, so that a program that keeps failing never delays another.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from functools import partial

from cpaas.kit import child
from cpaas.kit.log import get_logger
from cpaas.kit.logfile import LogFile
from cpaas.supervisor.health import healthy, holder, taken
from cpaas.supervisor.process import Child
from cpaas.supervisor.tasks import background
from cpaas.supervisor.types import Process, Program, Row, StartError, Status, back_off_seconds

HEALTH_POLL_SECONDS = 0.1
STEADY_SECONDS = 60.0
STOP_SIGNALS = (signal.SIGTERM,)

log = get_logger("supervisor")


async def by_itself(program: Program) -> Process:
    """Starts a program; raises OSError when it cannot be executed."""
    return await child.spawn(program.command)


class Keeper:
    """The life of one program under the supervisor."""

    def __init__(
        self,
        program: Program,
        logfile: LogFile,
        *,
        changed: Callable[[], None],
        spawn: Callable[[Program], Awaitable[Process]] = by_itself,
        stop_signals: tuple[signal.Signals, ...] = STOP_SIGNALS,
        stop_seconds: float = 10.0,
        back_off_first_seconds: float = 1.0,
        back_off_longest_seconds: float = 30.0,
    ) -> None:
        self.program = program
        self.status = Status.STOPPED
        self.restarts = 0
        self._logfile = logfile
        self._changed = changed
        self._start_process = spawn
        self._stop_signals = stop_signals
        self._stop_seconds = stop_seconds
        self._back_off = partial(
            back_off_seconds, first=back_off_first_seconds, longest=back_off_longest_seconds
        )
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def row(self) -> Row:
        """How `status` shows it."""
        return Row(
            name=self.program.name,
            status=self.status.value,
            pid=self._child.pid if self._child and self._child.running else None,
            port=self.program.ports[0][1] if self.program.ports else None,
            restarts=self.restarts,
        )

    @property
    def kept(self) -> bool:
        """True from its start until it is stopped, even while it waits for a restart."""
        return self._task is not None

    @property
    def alive(self) -> bool:
        """True while its process runs."""
        return self._child is not None and self._child.running

    async def start(self, seconds_max: float) -> None:
        """Starts it for the first time and returns when it is well; raises StartError if not."""
        self.refuse_taken_ports()
        await self._spawn()
        deadline = time.monotonic() + seconds_max
        while not await self._well():
            child = self._child
            if child is None or not child.running or time.monotonic() > deadline:
                ended = child is not None and not child.running
                last = child.last_line if child else ""
                await self._end(1.0)
                raise StartError(
                    f"{self.program.name} "
                    + (f"ended: {last}" if ended else f"is not well after {seconds_max:.0f} s"),
                    f"see {self._logfile.path}",
                )
            await asyncio.sleep(HEALTH_POLL_SECONDS)
        self._set(Status.RUNNING)
        self.keep()

    def keep(self) -> None:
        """From now on restarts it whenever it ends."""
        self._task = background(self._keep(), f"keep {self.program.name}")

    async def stop(self, seconds_max: float | None = None) -> None:
        """Ends it and leaves it ended."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._set(Status.STOPPING)
        await self._end(self._stop_seconds if seconds_max is None else seconds_max)
        self._set(Status.STOPPED)

    def refuse_taken_ports(self) -> None:
        """Raises StartError naming the setting of the first port that somebody else has."""
        host = self.program.health[0] if self.program.health else "127.0.0.1"
        for setting, port in self.program.ports:
            if taken(host, port):
                raise StartError(
                    f"port {port} for {self.program.name} is already in use{holder(port)}",
                    f"free it, or set {setting} (CPAAS_PORT_OFFSET moves all ports)",
                )

    async def _keep(self) -> None:
        failures, started = 0, time.monotonic()
        while True:
            if self._child is not None:
                await self._ended(self._child)
                failures = 0 if time.monotonic() - started > STEADY_SECONDS else failures
                failures += 1
                self._set(Status.WAITING)
                await asyncio.sleep(self._back_off(failures))
                self.restarts += 1
            started = time.monotonic()
            try:
                await self._spawn()
            except StartError as error:
                log.warning("not started", program=self.program.name, reason=error.what)
                failures += 1
                await asyncio.sleep(self._back_off(failures))
                continue
            await self._until_well()
            if self.alive:
                self._set(Status.RUNNING)

    async def _until_well(self) -> None:
        while not await self._well() and self.alive:  # noqa: ASYNC110 another process's state
            await asyncio.sleep(HEALTH_POLL_SECONDS)

    async def _ended(self, child: Child) -> None:
        code = await child.wait()
        log.warning("ended", program=self.program.name, code=code, last_line=child.last_line)
        # Its own children must not meet the next start on the same ports.
        await self._end(0.0)

    async def _spawn(self) -> None:
        self._set(Status.STARTING)
        try:
            self._child = Child(await self._start_process(self.program), self._logfile)
        except OSError as error:
            raise StartError(
                f"{self.program.name} cannot be started: {error}",
                f"check that {self.program.command.argv[0]} exists and may be executed",
            ) from error
        self._changed()

    async def _well(self) -> bool:
        if self.program.health is None:
            return self.alive
        return await healthy(*self.program.health) and self.alive

    async def _end(self, seconds_max: float) -> None:
        if self._child is not None:
            await self._child.stop(self._stop_signals, seconds_max)
            self._child = None

    def _set(self, status: Status) -> None:
        self.status = status
        self._changed()
