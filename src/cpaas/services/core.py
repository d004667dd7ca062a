"""cpaas-core: the REST API; accepts messages and posts webhooks.

A composition root: it alone makes pools and hands them on. Stopping goes against the stream: take
no more requests, answer those under way, commit what gathered, then end the rest.
"""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import cache, partial
from typing import Any, Final

import uvicorn
from litestar import Litestar
from prometheus_client import Gauge

from cpaas.alerts.watch import Watcher
from cpaas.api import send
from cpaas.api.app import make_app
from cpaas.api.context import Api
from cpaas.api.fast_path import http_protocol, offering
from cpaas.api.submit import Door
from cpaas.audit.seal import run_sealing
from cpaas.billing import ledger_days
from cpaas.broker.base import BROKER_GAUGES
from cpaas.broker.topology import FALLBACK, WEBHOOK
from cpaas.broker.watchdog import Recyclable, Watchdog, Watched
from cpaas.campaigns.launch import Launcher
from cpaas.campaigns.retention import run_campaign_retention
from cpaas.campaigns.stage_run import run_reading
from cpaas.config import Settings, given
from cpaas.db.nearest import nearest_dsn
from cpaas.db.pool import create_pool
from cpaas.kit.clock import now_us as _now_us
from cpaas.kit.guard import Guard
from cpaas.kit.log import get_logger
from cpaas.kit.secrets import Keyring
from cpaas.pipeline.accept import Acceptor
from cpaas.pipeline.fallback_run import FallbackRunner
from cpaas.pipeline.recover import run_sweeps
from cpaas.pipeline.retention import run_retention
from cpaas.reports.export import run_exports
from cpaas.reports.fold import run_folding
from cpaas.services import catalogue
from cpaas.services.instance import registered
from cpaas.services.queue import make_broker
from cpaas.snapshot.holder import SnapshotHolder
from cpaas.webhooks.deliver import Deliverer, deliver

SERVICE: Final = "cpaas-core"
POOL_MIN: Final = 1
POOL_MAX: Final = 16
#: one connection commits, one samples, one is spare when a lost commit is looked up.
ACCEPT_POOL: Final = (2, 3)
BACKLOG: Final = 2048
KEEP_ALIVE_SECONDS: Final = 75
#: of the time that stopping may take: for requests under way, and for what gathered.
REQUESTS_SHARE: Final = 0.5
DRAIN_SHARE: Final = 0.2
GC_THRESHOLD: Final = 50_000
#: open files besides the API's connections: webhooks' posts, the database, logs.
FILES_SPARE: Final = 1_000
_WAITING = Gauge("cpaas_accept_waiting", "Messages that wait for the next commit.")
_ITEMS = Gauge("cpaas_queue_items", "About how many items all queues hold.")
_RECYCLED = Gauge("cpaas_webhooks_recycled_total", "How often posting webhooks was begun anew.")
_log = get_logger("core")


def _environment(settings: Settings) -> dict[str, str]:
    """What a process that this one starts needs to find the same database."""
    return {**os.environ, "CPAAS_DSN": settings.dsn(), "CPAAS_TIMEZONE": settings.timezone}


def _zone(holder: SnapshotHolder, settings: Settings) -> str:
    return str(holder.current.settings.get("timezone") or settings.timezone)


class _Server(uvicorn.Server):
    """uvicorn, whose end is told by us instead of by signals of its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone."""
        yield


@cache
def _gauge(name: str) -> Gauge:
    """A figure of the broker, which is shown only if there is one."""
    return Gauge(name, BROKER_GAUGES[name])


class _Core:
    """Everything of the service, made of its pools and one instance."""

    def __init__(
        self,
        settings: Settings,
        pools: tuple[Any, Any],
        holder: SnapshotHolder,
        instance_id: int,
    ) -> None:
        pool, accept_pool = pools
        keyring = Keyring.load_or_make(settings.keyring)
        guard = Guard(settings.allow_networks)
        self.watchdog = Watchdog(pool)
        _RECYCLED.set_function(lambda: self.watchdog.recycled[WEBHOOK])
        self.broker = make_broker(settings, pool, holder.wakeups, instance_id, SERVICE)
        self.acceptor = Acceptor(
            accept_pool, holder, instance_id, clock_us=_now_us,
            queue_items_max=settings.queue_items_max,
            waiting_bytes_max=settings.waiting_mb_max * 2**20,
        )  # fmt: skip
        _WAITING.set_function(lambda: self.acceptor.waiting)
        _ITEMS.set_function(lambda: self.acceptor.admission.queue_items)
        door = Door(
            holder, self.acceptor, currency=settings.currency, trusted=settings.trusted_proxies
        )
        api = Api(
            pool,
            holder,
            keyring,
            guard,
            currency=settings.currency,
            instance_id=instance_id,
            trusted=settings.trusted_proxies,
            queue_details=self.broker.details,
        )
        api.campaign_file_mb_max = settings.campaign_file_mb_max
        api.portal_url = settings.console_url("portal")
        application = make_app(api, send.HANDLERS)
        application.state.door = door
        self.server = _server(settings, application, door)
        self._work: dict[str, Coroutine[Any, Any, None]] = {
            "accept": self.acceptor.run(),
            "webhooks": self._webhooks(pool, holder, (keyring, guard)),
            "watchdog": self.watchdog.run(),
            "figures": run_folding(pool, _now_us, lambda: _zone(holder, settings)),
            "ledger days": ledger_days.run_folding(pool, lambda: _zone(holder, settings)),
            "sweeps": run_sweeps(
                pool,
                lambda: holder.current,
                instance_id,
                _now_us,
                unknown_wait_us=settings.unknown_outcome_seconds * 1_000_000,
            ),
            "retention": run_retention(pool, lambda: holder.current, _now_us),
            **self._background(settings, pool, holder, instance_id),
        }
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def _background(
        self, settings: Settings, pool: Any, holder: SnapshotHolder, instance_id: int
    ) -> dict[str, Coroutine[Any, Any, None]]:
        """What nobody waits for: files, campaigns, further attempts, the audit log's seal."""
        environment = _environment(settings)
        return {
            "exports": run_exports(pool, environment),
            "audit seal": run_sealing(pool),
            "alerts": Watcher(settings, given(os.environ), catalogue.watched(settings), pool).run(),
            "campaign files": run_reading(pool, environment),
            "campaigns": Launcher(
                pool, self.acceptor.admission, lambda: holder.current, instance_id, _now_us
            ).run(),
            "campaign retention": run_campaign_retention(pool, lambda: holder.current, _now_us),
            "fallback": FallbackRunner(
                pool,
                self.broker.consumer(FALLBACK),
                lambda: holder.current,
                instance_id,
                _now_us,
            ).run(),
        }

    def _webhooks(
        self, pool: Any, holder: SnapshotHolder, outside: tuple[Keyring, Guard]
    ) -> Coroutine[Any, Any, None]:
        """Posts webhooks, watched: begun anew if it ever takes nothing without a reason."""
        keyring, guard = outside
        consumer = self.broker.consumer(WEBHOOK)

        def began(deliverer: Deliverer) -> None:
            self.watchdog.watch(
                Watched(
                    WEBHOOK, lambda: deliverer.taken_at, lambda: deliverer.excused,
                    posting.recycle,
                )
            )  # fmt: skip

        posting = Recyclable(
            lambda: deliver(
                pool, consumer, snapshot=lambda: holder.current, keyring=keyring, guard=guard,
                began=began,
            )
        )  # fmt: skip
        return posting.run()

    async def start(self, listening: socket.socket) -> None:
        """Starts every task; returns when requests are answered."""
        for name, _ in self.broker.gauges():
            _gauge(name).set_function(partial(self._broker_figure, name))
        await self.broker.start()
        for name, work in self._work.items():
            self._tasks[name] = asyncio.create_task(work, name=name)
        serving = self.server.serve(sockets=[listening])
        self._tasks["http"] = asyncio.create_task(serving, name="http")
        while not self.server.started and not self._tasks["http"].done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # uvicorn has nothing to wait for
        # What lives from here to the end need not be looked through by every collection.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)

    def _broker_figure(self, name: str) -> float:
        return dict(self.broker.gauges())[name]

    async def ended(self) -> None:
        """Returns when a task ended by itself, which none may."""
        await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)

    async def stop(self, seconds: float) -> None:
        """Answers what is under way and commits what gathered, then ends the rest."""
        self.server.should_exit = True
        await asyncio.wait([self._tasks["http"]], timeout=seconds * (REQUESTS_SHARE + 0.1))
        await self.acceptor.drain(seconds * DRAIN_SHARE)
        for name, task in self._tasks.items():
            if task.done() and not task.cancelled() and task.exception() is not None:
                _log.error("task_failed", task=name, error=repr(task.exception()))
            task.cancel()
        await asyncio.wait(self._tasks.values(), timeout=seconds * DRAIN_SHARE)
        await self.broker.close()


def _server(settings: Settings, application: Litestar, door: Door) -> _Server:
    return _Server(
        uvicorn.Config(
            offering(application, door.submit),
            http=http_protocol() if settings.api_fast_path else "httptools",
            loop="none",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            limit_concurrency=_connections_max(settings.api_connections_max),
            timeout_graceful_shutdown=max(1, int(settings.stop_seconds * REQUESTS_SHARE)),
        )
    )


def _connections_max(wanted: int) -> int:
    """As many connections as files may be open, with some left for everything else."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted + FILES_SPARE:
        most = wanted + FILES_SPARE
        soft = most if hard == resource.RLIM_INFINITY else min(hard, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted + FILES_SPARE:
        return wanted
    fit = max(1, soft - FILES_SPARE)
    _log.warning("fewer_connections_than_set", wanted=wanted, possible=fit, open_files_max=soft)
    return fit


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; its error names address and port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


@contextlib.asynccontextmanager
async def _parts(settings: Settings) -> AsyncIterator[tuple[Any, Any, SnapshotHolder]]:
    """Both pools and the snapshot, ended in reverse."""
    async with contextlib.AsyncExitStack() as stack:
        pools = []
        sizes = ((SERVICE, POOL_MIN, POOL_MAX), (f"{SERVICE} accept", *ACCEPT_POOL))
        for name, least, most in sizes:
            pool = await create_pool(
                nearest_dsn(settings), min_size=least, max_size=most, application_name=name,
                data_plane=True,
            )  # fmt: skip
            # A polite close waits for connections that a dead database never gives back.
            stack.callback(pool.terminate)
            pools.append(pool)
        defaults = {
            "currency": settings.currency, "timezone": settings.timezone,
            "retention_days": settings.retention_days,
        }  # fmt: skip
        holder = SnapshotHolder(nearest_dsn(settings), defaults=defaults, fixed=given(os.environ))
        await holder.start()
        stack.push_async_callback(holder.stop)
        yield pools[0], pools[1], holder


async def run(settings: Settings, stop: asyncio.Event | None = None) -> int:
    """Serves until SIGTERM or SIGINT (or `stop`); 1 when a part of it ended by itself."""
    stopping = stop or asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    core: _Core | None = None

    def details() -> dict[str, object]:
        return core.broker.details() if core is not None else {}

    with _listen(settings.host, settings.core_port) as listening:
        async with (
            _parts(settings) as (pool, accept_pool, holder),
            registered(pool, SERVICE, settings.core_port, details) as instance_id,
        ):
            core = _Core(settings, (pool, accept_pool), holder, instance_id)
            await core.start(listening)
            _log.info("serving", port=settings.core_port, instance=instance_id)
            waiting = [asyncio.create_task(stopping.wait()), asyncio.create_task(core.ended())]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
            failed = not stopping.is_set()
            await core.stop(float(settings.stop_seconds))
            _log.info("stopped", instance=instance_id)
    return 1 if failed else 0
