"""Sends messages over keep-alive connections, each with one request under way, or at a set rate.

One asyncio protocol a connection and ready-made bytes: what the generator itself costs is taken
from the platform that shares the machine with it.
"""

import asyncio
import re
import time
from collections import Counter, deque
from typing import Final

import msgspec

from cpaas.simulators.load.connection import Connection
from cpaas.simulators.load.requests import SHORT_TEXT, Many, Single

SILENCE_SECONDS_MAX: Final = 60.0
RECONNECTS_MAX: Final = 1_000
CONNECTS_AT_ONCE: Final = 64
TICK_SECONDS: Final = 0.005
SAMPLES_MAX: Final = 5
SAMPLE_BYTES_MAX: Final = 400
_ACCEPTED: Final = re.compile(rb'"accepted":\s*(\d+)')


class LoadError(Exception):
    """The load cannot go on: what happened."""


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to send where.

    rate: requests a second, 0 = as soon as the answer before is there. recipients: how many a
    request names. first: number of the first request, which every later one counts up.
    """

    host: str = "127.0.0.1"
    port: int
    keys: tuple[str, ...]
    requests: int
    connections: int = 128
    rate: float = 0.0
    text: str = SHORT_TEXT
    recipients: int = 1
    first: int = 0
    silence_seconds: float = SILENCE_SECONDS_MAX


class LoadResult(msgspec.Struct, kw_only=True):
    """How it went; times are of the monotonic clock, latencies in seconds.

    With a rate a latency counts from the moment the request was due, not from when it got a
    connection, so that a slow server cannot hide its slowness by slowing the load.
    """

    started: float
    ended: float
    statuses: dict[int, int]
    accepted: int
    broken: int
    cpu_seconds: float
    latencies: list[float]
    samples: list[str]


class Load:
    """One load; `run` it once."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        host = f"{plan.host}:{plan.port}"
        self._requests: list[Single | Many] = [
            Single(host, key, plan.text)
            if plan.recipients == 1
            else Many(host, key, plan.text, plan.recipients)
            for key in plan.keys
        ]
        self._statuses: Counter[int] = Counter()
        self._latencies: list[float] = []
        self._samples: list[str] = []
        self._idle: deque[Connection] = deque()
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._next = self._accepted = self._broken = self._reconnects = 0
        self._started = self._ended = 0.0
        self._progress = -1

    async def run(self) -> LoadResult:
        """Sends everything and returns how it went. Errors: LoadError."""
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        cpu = time.thread_time()
        try:
            await self._connect()
            self._started = self._ended = time.monotonic()
            self._watch()
            if self._plan.rate:
                self._tick()
            else:
                for connection in list(self._connections):
                    self._give(connection)
            await self._done
        finally:
            for timer in self._timers.values():
                timer.cancel()
            for task in self._tasks:
                task.cancel()
            for connection in list(self._connections):
                connection.close()
        return LoadResult(
            started=self._started, ended=self._ended, statuses=dict(self._statuses),
            accepted=self._accepted, broken=self._broken, latencies=self._latencies,
            cpu_seconds=time.thread_time() - cpu, samples=self._samples,
        )  # fmt: skip

    # -- called by connections

    def answered(self, connection: Connection, status: int, body: bytes) -> None:
        """Counts an answer and gives the connection its next request."""
        now = time.monotonic()
        self._latencies.append(now - connection.since)
        self._statuses[status] += 1
        self._ended = now
        if status == 202:
            found = None if self._plan.recipients == 1 else _ACCEPTED.search(body)
            self._accepted += 1 if found is None else int(found[1])
        elif len(self._samples) < SAMPLES_MAX:
            self._samples.append(f"{status} {body[:SAMPLE_BYTES_MAX].decode(errors='replace')}")
        self._give(connection)

    def lost(self, connection: Connection) -> None:
        """Counts what was under way as broken and connects anew while there is something left."""
        self._connections.discard(connection)
        if self._done.done():
            return
        if connection.busy:
            self._broken += 1
            self._check()
        if self._next < self._plan.requests or not self._connections:
            self._reconnects += 1
            if self._reconnects > RECONNECTS_MAX:
                self._fail(f"{RECONNECTS_MAX} connections were lost")
                return
            task = self._loop.create_task(self._connect_again(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # -- the course of things

    async def _connect(self) -> None:
        plan = self._plan
        wanted = min(plan.connections, plan.requests)
        if not wanted:
            self._done.set_result(None)
        for start in range(0, wanted, CONNECTS_AT_ONCE):
            numbers = range(start, min(start + CONNECTS_AT_ONCE, wanted))
            made = (self._open(self._requests[n % len(self._requests)]) for n in numbers)
            try:
                await asyncio.gather(*made)
            except OSError as error:
                raise LoadError(f"cannot connect to port {plan.port}: {error}") from error
        self._idle.extend(self._connections if plan.rate else ())

    async def _open(self, requests: Single | Many) -> Connection:
        plan = self._plan
        _, connection = await self._loop.create_connection(
            lambda: Connection(self, requests), plan.host, plan.port
        )
        self._connections.add(connection)
        return connection

    async def _connect_again(self, lost: Connection) -> None:
        try:
            connection = await self._open(lost.requests)
        except OSError as error:
            self._fail(f"cannot connect to port {self._plan.port} again: {error}")
            return
        self._give(connection)

    def _give(self, connection: Connection) -> None:
        """The next request, if one is due; else the connection waits for it."""
        plan, number = self._plan, self._next
        if number >= plan.requests or connection.closing:
            self._check()
            return
        now = due = time.monotonic()
        if plan.rate:
            due = self._started + number / plan.rate
            if due > now:
                self._idle.append(connection)
                return
        self._next = number + 1
        connection.send(connection.requests.make(plan.first + number), due)

    def _tick(self) -> None:
        for _ in range(len(self._idle)):
            waiting = len(self._idle)
            connection = self._idle.popleft()
            if connection in self._connections:
                self._give(connection)
                if len(self._idle) == waiting:
                    break  # Nothing is due yet.
        self._timers["tick"] = self._loop.call_later(TICK_SECONDS, self._tick)

    def _watch(self) -> None:
        if self._progress == len(self._latencies):
            self._fail(f"nothing was answered for {self._plan.silence_seconds:g} s")
        self._progress = len(self._latencies)
        later = self._loop.call_later(self._plan.silence_seconds, self._watch)
        self._timers["watch"] = later

    def _check(self) -> None:
        over = len(self._latencies) + self._broken >= self._plan.requests
        if over and not self._done.done():
            self._done.set_result(None)

    def _fail(self, what: str) -> None:
        if not self._done.done():
            self._done.set_exception(LoadError(what))
