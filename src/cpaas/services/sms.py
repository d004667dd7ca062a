"""cpaas-sms: routes what was accepted for SMS, delivers it to carriers, settles what they say.

A composition root: it alone makes pools and hands them on. Stopping goes against the stream: take
no more, wait for answers, commit them, then unbind and leave.
"""

import asyncio
import contextlib
import gc
import secrets
import signal
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

import msgspec

from cpaas.broker.topology import revoke_queue, submit_queue, unreceipted_queue
from cpaas.broker.watchdog import Recyclable, Watchdog, Watched
from cpaas.channels.registry import CHANNELS
from cpaas.config import Settings
from cpaas.db.pool import create_pool
from cpaas.gateway.host import Host
from cpaas.gateway.inbound import InboundKeeper
from cpaas.gateway.leases import free_what_the_dead_hold
from cpaas.gateway.revoke import Revoker
from cpaas.gateway.types import Around
from cpaas.kit.clock import now_us as _now_us
from cpaas.kit.log import get_logger
from cpaas.kit.secrets import Keyring
from cpaas.pipeline.load import RouteLoad
from cpaas.pipeline.no_receipt import ReceiptWatch
from cpaas.pipeline.recover import run_sweeps
from cpaas.pipeline.route import Router
from cpaas.pipeline.settle import Settler
from cpaas.routes.credentials import unseal
from cpaas.services.instance import registered
from cpaas.services.queue import make_broker
from cpaas.services.smpp_door import SmppDoor
from cpaas.services.status_page import Gauge, StatusPage
from cpaas.simulators.smsc import SimulatedSmsc, SmscSettings
from cpaas.snapshot.holder import SnapshotHolder
from cpaas.snapshot.types import Route, Snapshot

SERVICE: Final = "cpaas-sms"
CHANNEL: Final = "sms"
GC_THRESHOLD: Final = 50_000
POOL_MIN: Final = 3
POOL_MAX: Final = 12
#: customers' binds: one connection commits, the others are for when a commit was lost.
ACCEPT_POOL: Final = (1, 3)
TEST_SYSTEM_ID: Final = "test"
TEST_WINDOW: Final = 500
#: of the time that stopping may take: for customers, for answers under way, and to commit those.
DOOR_SHARE: Final = 0.2
DRAIN_SHARE: Final = 0.3
SETTLE_SHARE: Final = 0.3
_log = get_logger("sms")


class _TestCarrier:
    """The carrier for test keys, built in: on a port of its own that nobody else is told."""

    def __init__(self) -> None:
        self._password = secrets.token_hex(4)
        self._smsc = SimulatedSmsc(SmscSettings(accounts={TEST_SYSTEM_ID: self._password}))
        self._port = 0

    async def start(self) -> None:
        """Listens on a free port of this machine only."""
        self._port = await self._smsc.start()

    async def stop(self) -> None:
        """Ends it."""
        await self._smsc.stop()

    def located(self, route: Route) -> Route:
        """A simulated route as it can be reached; any other as it is."""
        if not route.simulated:
            return route
        return msgspec.structs.replace(
            route, host="127.0.0.1", port=self._port, system_id=TEST_SYSTEM_ID, binds=1,
            bind_type="trx", window_size=TEST_WINDOW, message_id_mode="same", settings={},
        )  # fmt: skip

    def credentials(self, route: Route, settings: Settings) -> dict[str, str]:
        """What to bind with."""
        if route.simulated:
            return {"password": self._password}
        if not route.secret:
            return {}
        return unseal(Keyring.load(settings.keyring), route.name, route.secret)


_Parts = tuple[tuple[Any, Any], SnapshotHolder, _TestCarrier]


class _Sms:
    """Everything of the service, made of one pool and one instance."""

    def __init__(
        self, settings: Settings, pools: tuple[Any, Any], holder: SnapshotHolder,
        instance_id: int, carrier: _TestCarrier,
    ) -> None:  # fmt: skip
        pool, accept_pool = pools

        def snapshot() -> Snapshot:
            return holder.current

        self.load = RouteLoad()
        self.watchdog = Watchdog(pool)
        self.broker = make_broker(settings, pool, instance_id, SERVICE)
        self.settler = Settler(
            pool, snapshot, instance_id, _now_us,
            on_receipts_committed=lambda tokens: self.host.acknowledge(tokens),  # noqa: PLW0108
        )  # fmt: skip
        self.inbound = InboundKeeper(pool, snapshot, instance_id, clock_us=_now_us)
        self.host = Host(
            pool, CHANNELS[CHANNEL],
            Around(self.settler, self.inbound, self.load, snapshot, _now_us), self.broker,
            instance_id=instance_id,
            credentials=lambda route: carrier.credentials(route, settings),
            located=carrier.located, watchdog=self.watchdog,
        )  # fmt: skip
        consumer = self.broker.consumer(submit_queue(CHANNEL))
        self.router = Router(
            pool, consumer, snapshot, self.load, channel=CHANNEL, instance_id=instance_id
        )
        self._receipt_watch = ReceiptWatch(
            pool, self.broker.consumer(unreceipted_queue(CHANNEL)), snapshot,
            instance_id, _now_us,
        )  # fmt: skip
        self._sweeps = run_sweeps(
            pool, snapshot, instance_id, _now_us,
            unknown_wait_us=settings.unknown_outcome_seconds * 1_000_000,
        )  # fmt: skip
        self.revoker = Revoker(
            pool,
            self.broker.consumer(revoke_queue(CHANNEL)),
            self.host.link, _now_us,
        )  # fmt: skip
        self.door = SmppDoor(settings, pool, accept_pool, holder, self.broker, instance_id, _now_us)
        self._names: dict[str, asyncio.Task[None]] = {}
        self._holder = holder
        self._pool = pool
        self._instance_id = instance_id

    async def start(self) -> None:
        """Starts every task."""
        if dead := await free_what_the_dead_hold(self._pool, self._instance_id):
            _log.info("leases_freed", instances=dead)
        await self.broker.start()
        self._holder.on_change(self.host.changed)
        self._task("settle", self.settler.run())
        self._task("replies", self.inbound.run())
        self._task("gateway", self.host.run())
        routing = Recyclable(self.router.run)
        self.watchdog.watch(
            Watched(
                submit_queue(CHANNEL), lambda: self.router.taken_at, lambda: self.router.excused,
                routing.recycle,
            )
        )  # fmt: skip
        self._task("route", routing.run())
        self._task("watchdog", self.watchdog.run())
        self._task("revoke", self.revoker.run())
        self._task("receipt watch", self._receipt_watch.run())
        self._task("sweeps", self._sweeps)
        self._task("smpp", self.door.run())
        await self.door.listen()
        self._holder.on_change(self.door.ingress.changed)

    async def ended(self) -> None:
        """Returns when a task ended by itself, which none may."""
        await asyncio.wait(self._names.values(), return_when=asyncio.FIRST_COMPLETED)

    async def stop(self, seconds: float) -> None:
        """Takes no more, waits for answers, commits them."""
        self._names["sweeps"].cancel()
        self._names["receipt watch"].cancel()
        await self.door.stop(seconds * DOOR_SHARE)
        self.router.stop()
        await self.host.stop(seconds * DRAIN_SHARE)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds * SETTLE_SHARE):
                await self.settler.drain()
                await self.inbound.drain()
                await asyncio.wait([self._names["route"], self._names["gateway"]])
        for name, task in self._names.items():
            if task.done() and not task.cancelled() and task.exception() is not None:
                _log.error("task_failed", task=name, error=repr(task.exception()))
            task.cancel()
        await asyncio.gather(*self._names.values(), return_exceptions=True)
        await self.broker.close()

    def gauges(self) -> list[Gauge]:
        """What /metrics shows."""
        shown = [
            Gauge("cpaas_answers_room", self.settler.answers_room),
            Gauge("cpaas_receipts_room", self.settler.room),
            Gauge("cpaas_snapshot_confirmed", float(self._holder.confirmed)),
            *(
                Gauge("cpaas_consumers_recycled_total", times, {"queue": queue})
                for queue, times in self.watchdog.recycled.items()
            ),
        ]
        shown += self.door.gauges()
        shown += [Gauge(*one) for one in self.broker.gauges()]
        routes = self._holder.current.routes
        for state in self.host.states:
            labels = {"route": routes[state.route_id].name} if state.route_id in routes else {}
            shown += [
                Gauge("cpaas_route_up", float(state.state in ("up", "throttled")), labels),
                Gauge("cpaas_route_binds_up", state.binds_up, labels),
                Gauge("cpaas_route_binds_wanted", state.binds_wanted, labels),
                Gauge("cpaas_route_in_flight", state.in_flight, labels),
                Gauge("cpaas_route_tps", state.tps_now, labels),
            ]
        return shown

    def _task(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._names[name] = asyncio.create_task(work, name=name)


def _keep_still() -> None:
    """What is here now stays for ever; what comes is short-lived and has no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 50, 50)


@contextlib.asynccontextmanager
async def _parts(settings: Settings) -> AsyncIterator[_Parts]:
    """The pool, the snapshot and the built-in carrier, ended in reverse."""
    async with contextlib.AsyncExitStack() as stack:
        pools = []
        sizes = ((SERVICE, POOL_MIN, POOL_MAX), (f"{SERVICE} accept", *ACCEPT_POOL))
        for name, least, most in sizes:
            pool = await create_pool(
                settings.dsn(), min_size=least, max_size=most, application_name=name,
                data_plane=True,
            )  # fmt: skip
            # A polite close waits for connections that a dead database never gives back.
            stack.callback(pool.terminate)
            pools.append(pool)
        defaults = {"currency": settings.currency, "timezone": settings.timezone}
        holder = SnapshotHolder(settings.dsn(), defaults=defaults)
        await holder.start()
        stack.push_async_callback(holder.stop)
        carrier = _TestCarrier()
        await carrier.start()
        stack.push_async_callback(carrier.stop)
        yield (pools[0], pools[1]), holder, carrier


async def run(settings: Settings, stop: asyncio.Event | None = None) -> int:
    """Serves until SIGTERM or SIGINT (or `stop`); 1 when a part of it ended by itself."""
    stopping = stop or asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    sms: _Sms | None = None

    def details() -> dict[str, object]:
        return sms.broker.details() if sms is not None else {}

    async with (
        _parts(settings) as (pools, holder, carrier),
        registered(pools[0], SERVICE, settings.sms_port, details) as instance_id,
    ):
        sms = _Sms(settings, pools, holder, instance_id, carrier)
        page = StatusPage(SERVICE, lambda: holder.confirmed, sms.gauges, details)
        await sms.start()
        await page.start(settings.host, settings.sms_port)
        _keep_still()
        _log.info("serving", port=settings.sms_port, instance=instance_id)
        waiting = [asyncio.create_task(stopping.wait()), asyncio.create_task(sms.ended())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        failed = not stopping.is_set()
        try:
            await sms.stop(float(settings.stop_seconds))
        finally:
            await page.close()
        _log.info("stopped", instance=instance_id)
    return 1 if failed else 0
