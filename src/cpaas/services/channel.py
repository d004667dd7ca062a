"""What runs any channel: routes what was accepted, delivers to carriers, settles, hears them.

A composition root: it alone makes pools and hands them on. Stopping goes against the stream: take
no more, wait for answers, commit them, then leave. A new channel brings its folder, its line in the
registry and, for test keys, a carrier built in.
"""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Final

import msgspec

from cpaas.broker.topology import revoke_queue, submit_queue, unreceipted_queue
from cpaas.broker.watchdog import Recyclable, Watchdog, Watched
from cpaas.channels.base import Hearing, Piper, Reviewer, TemplateNotice, Tools
from cpaas.channels.registry import CHANNELS
from cpaas.config import Settings, given
from cpaas.db.nearest import nearest_dsn
from cpaas.db.pool import create_pool
from cpaas.gateway import callbacks
from cpaas.gateway.host import Host
from cpaas.gateway.inbound import InboundKeeper
from cpaas.gateway.leases import free_what_the_dead_hold
from cpaas.gateway.reviews import Reviews
from cpaas.gateway.revoke import Revoker
from cpaas.gateway.types import Around
from cpaas.gateway.windows import Windows
from cpaas.gateway.written_to import WrittenTo
from cpaas.identities import credentials as identity_credentials
from cpaas.kit.clock import now_us as _now_us
from cpaas.kit.guard import Guard
from cpaas.kit.log import get_logger
from cpaas.kit.secrets import Keyring
from cpaas.media.sounds import Sounds
from cpaas.media.store import Store
from cpaas.pipeline.load import RouteLoad
from cpaas.pipeline.no_receipt import ReceiptWatch
from cpaas.pipeline.recover import run_sweeps
from cpaas.pipeline.route import Router
from cpaas.pipeline.settle import Settler
from cpaas.routes.credentials import unseal
from cpaas.services.built_in import BuiltIn, NoCarrier
from cpaas.services.instance import registered
from cpaas.services.queue import make_broker
from cpaas.services.status_page import Gauge, StatusPage
from cpaas.snapshot.holder import SnapshotHolder
from cpaas.snapshot.types import Identity, Route, Snapshot

GC_THRESHOLD: Final = 50_000
POOL_MIN: Final = 1
POOL_MAX: Final = 12
#: of the time that stopping may take: for answers under way, and to commit those.
DRAIN_SHARE: Final = 0.3
SETTLE_SHARE: Final = 0.3
_log = get_logger("channel")


class Spec(msgspec.Struct, frozen=True):
    """A channel's service: its names, the setting of its port, and the carrier for test keys.

    pools: further pools besides the first, as (name, least, most).
    windowed: whether free content needs an open conversation. reviewer: carriers that review
    templates.
    """

    service: str
    channel: str
    port: str
    carrier: Callable[[Settings], BuiltIn] = NoCarrier
    pools: tuple[tuple[str, int, int], ...] = ()
    windowed: bool = False
    reviewer: Callable[[Tools], Reviewer] | None = None


class ChannelService:
    """Everything of one channel's service, made of one pool and one instance."""

    def __init__(
        self, spec: Spec, settings: Settings, pools: Sequence[Any], holder: SnapshotHolder,
        instance_id: int, carrier: BuiltIn,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.pool = pools[0]
        self.holder = holder
        self.instance_id = instance_id
        self._spec = spec
        self._carrier = carrier
        self._names: dict[str, asyncio.Task[None]] = {}
        channel, pool = spec.channel, self.pool
        self.load = RouteLoad()
        self.watchdog = Watchdog(pool)
        self.broker = make_broker(settings, pool, holder.wakeups, instance_id, spec.service)
        self.settler = Settler(
            pool, self.snapshot, instance_id, _now_us, on_receipts_committed=self._committed
        )
        self.inbound = InboundKeeper(pool, self.snapshot, instance_id, clock_us=_now_us)
        self.media = Store(pool, Guard(settings.allow_networks))
        self.tools = Tools(
            self._identity, self._identities, self._identity_secrets, self.media,
            self._callback_url, Sounds(pool), WrittenTo(pool, channel),
            Piper(settings.piper, settings.piper_voices) if settings.piper else None,
        )  # fmt: skip
        self._reviews = (
            None
            if spec.reviewer is None
            else Reviews(pool, channel, self.snapshot, spec.reviewer(self.tools))
        )
        self.around = Around(
            self.settler, self.inbound, self.load, self.snapshot, self.tools, _now_us,
            gate=Windows(pool, channel) if spec.windowed else None,
        )  # fmt: skip
        self.host = Host(
            pool, CHANNELS[channel], self.around, self.broker,
            instance_id=instance_id, credentials=self.credentials,
            located=carrier.located, watchdog=self.watchdog,
        )  # fmt: skip
        self.router = Router(
            pool, self.broker.consumer(submit_queue(channel)), self.snapshot, self.load,
            channel=channel, instance_id=instance_id,
        )  # fmt: skip
        self._receipt_watch = ReceiptWatch(
            pool, self.broker.consumer(unreceipted_queue(channel)), self.snapshot,
            instance_id, _now_us,
        )  # fmt: skip
        self._sweeps = run_sweeps(
            pool, self.snapshot, instance_id, _now_us,
            unknown_wait_us=settings.unknown_outcome_seconds * 1_000_000,
        )  # fmt: skip
        self.revoker = Revoker(
            pool, self.broker.consumer(revoke_queue(channel)), self.host.link, _now_us
        )

    def snapshot(self) -> Snapshot:
        """The configuration of now."""
        return self.holder.current

    def credentials(self, route: Route) -> dict[str, str]:
        """A route's decrypted credentials."""
        if route.simulated:
            return self._carrier.credentials()
        if not route.secret:
            return {}
        return unseal(Keyring.load(self.settings.keyring), route.name, route.secret)

    def more_tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Further work of this service."""
        return {}

    async def opened(self) -> None:
        """Called once all tasks run."""

    async def closing(self, seconds: float) -> None:
        """Called first when the service stops."""

    def page(self) -> Callable[[StatusPage], Any]:
        """What serves the status page: with the carriers' callbacks where the channel has any."""
        channel = CHANNELS[self._spec.channel]
        if not isinstance(channel, Hearing):
            return lambda page: page
        return lambda page: callbacks.Callbacks(
            channel, self.around, self.tools, credentials=self.credentials, page=page.page,
            templates=self.templates_told, trusted=self.settings.trusted_proxies,
            counted=self.host.counted,
        )  # fmt: skip

    async def templates_told(self, route: Route, notices: Sequence[TemplateNotice]) -> None:
        """Carriers' decisions about templates."""
        if self._reviews is not None:
            await self._reviews.notices(route, notices)
            return
        for one in notices:
            _log.info("template_told", route=route.name, name=one.name, status=one.status)

    async def start(self) -> None:
        """Starts every task."""
        if dead := await free_what_the_dead_hold(self.pool, self.instance_id):
            _log.info("leases_freed", instances=dead)
        await self.broker.start()
        self.holder.on_change(self.host.changed)
        self._task("settle", self.settler.run())
        self._task("replies", self.inbound.run())
        self._task("gateway", self.host.run())
        routing = Recyclable(self.router.run)
        self.watchdog.watch(
            Watched(
                submit_queue(self._spec.channel), lambda: self.router.taken_at,
                lambda: self.router.excused, routing.recycle,
            )
        )  # fmt: skip
        self._task("route", routing.run())
        self._task("watchdog", self.watchdog.run())
        self._task("revoke", self.revoker.run())
        self._task("receipt watch", self._receipt_watch.run())
        self._task("sweeps", self._sweeps)
        if self._reviews is not None:
            self._task("reviews", self._reviews.run())
        for name, work in self.more_tasks().items():
            self._task(name, work)
        await self.opened()

    async def ended(self) -> None:
        """Returns when a task ended by itself, which none may."""
        await asyncio.wait(self._names.values(), return_when=asyncio.FIRST_COMPLETED)

    async def stop(self, seconds: float) -> None:
        """Takes no more, waits for answers, commits them."""
        self._names["sweeps"].cancel()
        self._names["receipt watch"].cancel()
        await self.closing(seconds)
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
        await self.media.close()
        await self.broker.close()

    def gauges(self) -> list[Gauge]:
        """What /metrics shows."""
        shown = [
            Gauge("cpaas_answers_room", self.settler.answers_room),
            Gauge("cpaas_receipts_room", self.settler.room),
            Gauge("cpaas_snapshot_confirmed", float(self.holder.confirmed)),
            *(
                Gauge("cpaas_consumers_recycled_total", times, {"queue": queue})
                for queue, times in self.watchdog.recycled.items()
            ),
        ]
        shown += [Gauge(*one) for one in self.broker.gauges()]
        routes = self.holder.current.routes
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

    def _committed(self, tokens: list[object]) -> None:
        self.host.acknowledge(callbacks.acknowledge(tokens))

    def _identity(self, value: str) -> Identity | None:
        found = self.snapshot().identities.get((self._spec.channel, value.removeprefix("+")))
        return found if found is not None and found.active else None

    def _identities(self, route_id: int) -> list[Identity]:
        return [
            one
            for one in self.snapshot().identities.values()
            if one.channel == self._spec.channel and one.route_id == route_id
        ]

    def _identity_secrets(self, identity: Identity) -> dict[str, str]:
        if not identity.secret:
            return {}
        keyring = Keyring.load(self.settings.keyring)
        return identity_credentials.unseal(
            keyring, identity.channel, identity.value, identity.secret
        )

    def _callback_url(self, route: Route) -> str:
        port = getattr(self.settings, self._spec.port)
        base = self.settings.callback_url.rstrip("/") or self.settings.url(port)
        return base + callbacks.callback_path(route)

    def _task(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._names[name] = asyncio.create_task(work, name=name)


def _keep_still() -> None:
    """What is here now stays for ever; what comes is short-lived and has no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 50, 50)


@contextlib.asynccontextmanager
async def _parts(
    spec: Spec, settings: Settings
) -> AsyncIterator[tuple[list[Any], SnapshotHolder, BuiltIn]]:
    """The pools, the snapshot and the built-in carrier, ended in reverse."""
    async with contextlib.AsyncExitStack() as stack:
        pools = []
        for name, least, most in ((spec.service, POOL_MIN, POOL_MAX), *spec.pools):
            pool = await create_pool(
                nearest_dsn(settings), min_size=least, max_size=most, application_name=name,
                data_plane=True,
            )  # fmt: skip
            # A polite close waits for connections that a dead database never gives back.
            stack.callback(pool.terminate)
            pools.append(pool)
        defaults = {"currency": settings.currency, "timezone": settings.timezone}
        holder = SnapshotHolder(nearest_dsn(settings), defaults=defaults, fixed=given(os.environ))
        await holder.start()
        stack.push_async_callback(holder.stop)
        carrier = spec.carrier(settings)
        await carrier.start()
        stack.push_async_callback(carrier.stop)
        yield pools, holder, carrier


async def serve(
    spec: Spec,
    settings: Settings,
    stop: asyncio.Event | None = None,
    made: Callable[..., ChannelService] = ChannelService,
) -> int:
    """Serves until SIGTERM or SIGINT (or `stop`); 1 when a part of it ended by itself."""
    stopping = stop or asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    running: ChannelService | None = None
    port = getattr(settings, spec.port)

    def details() -> dict[str, object]:
        return running.broker.details() if running is not None else {}

    async with (
        _parts(spec, settings) as (pools, holder, carrier),
        registered(pools[0], spec.service, port, details) as instance_id,
    ):
        running = made(spec, settings, pools, holder, instance_id, carrier)
        shown = StatusPage(spec.service, lambda: holder.confirmed, running.gauges, details)
        page = running.page()(shown)
        await running.start()
        await page.start(settings.host, port)
        _keep_still()
        _log.info("serving", service=spec.service, port=port, instance=instance_id)
        waiting = [asyncio.create_task(stopping.wait()), asyncio.create_task(running.ended())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        failed = not stopping.is_set()
        try:
            await running.stop(float(settings.stop_seconds))
        finally:
            await page.close()
        _log.info("stopped", instance=instance_id)
    return 1 if failed else 0
