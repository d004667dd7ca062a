"""Runs every active route of a channel, as the snapshot says and as leases allow.

A change is seen within a second: a new route connects, a changed one reconnects only if it must,
one that is switched off gives its items back. Only the holder of a route's lease sends on it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from cpaas.broker import embedded
from cpaas.broker.base import Broker, Consumer
from cpaas.broker.topology import gateway_queue, submit_queue
from cpaas.broker.watchdog import Recyclable, Watchdog, Watched
from cpaas.channels.base import CarrierReceipt, Channel, Link, RouteSettingsError
from cpaas.db.trouble import is_passing
from cpaas.gateway import queries
from cpaas.gateway.claims import Claims
from cpaas.gateway.deliver import RouteGateway
from cpaas.gateway.quality import Quality
from cpaas.gateway.queries import RouteStateRow
from cpaas.gateway.types import Around, Token
from cpaas.kit.log import get_logger
from cpaas.snapshot.types import Route

TICK_SECONDS: Final = 0.25
RENEW_SECONDS: Final = 5.0
LEASE_SECONDS: Final = 15.0
#: no more is sent so long before the lease ends, whatever the database's clock says.
LEASE_MARGIN_SECONDS: Final = 2.0
STATE_SECONDS: Final = 1.0
QUALITY_SECONDS: Final = 10.0
#: how long a link that is replaced waits for the answers to what it wrote.
DRAIN_SECONDS: Final = 5.0
LOOP_END_SECONDS: Final = 5.0
#: between tries to hand back what a route held when it ended while the database was away.
HAND_BACK_SECONDS: Final = 1.0
_log = get_logger(__name__)


class _Running(msgspec.Struct, eq=False):
    """A route that runs here."""

    gateway: RouteGateway
    consumer: Consumer
    task: "asyncio.Task[None]"
    identity: object


class Host:
    """The routes of one channel in this process."""

    def __init__(
        self,
        pool: Any,
        channel: Channel,
        around: Around,
        broker: Broker,
        *,
        instance_id: int,
        credentials: Callable[[Route], dict[str, str]],
        located: Callable[[Route], Route | None] = lambda route: route,
        watchdog: Watchdog | None = None,
    ) -> None:
        """located: where a route really is (None: not here); simulated carriers are built in."""
        self._pool = pool
        self._channel = channel
        self._around = around
        self._broker = broker
        self._instance_id = instance_id
        self._credentials = credentials
        self._located = located
        self._watchdog = watchdog
        self._running: dict[int, _Running] = {}
        self._ending: dict[int, asyncio.Task[None]] = {}
        self._leases: dict[int, float] = {}
        self._faults: dict[int, str] = {}
        self._shown: dict[int, RouteStateRow] = {}
        self._renew_at = 0.0
        self._state_at = 0.0
        self._quality = Quality(around.snapshot, around.clock_us)
        self._quality_at = 0.0
        self._stopping = False
        self._changed = asyncio.Event()

    def changed(self, _snapshot: object = None) -> None:
        """The snapshot is a new one."""
        self._changed.set()

    def acknowledge(self, tokens: list[object]) -> None:
        """Receipts are committed: their carriers are answered."""
        by_gateway: dict[int, list[object]] = {}
        gateways: dict[int, RouteGateway] = {}
        for token in tokens:
            if isinstance(token, Token):
                gateways[id(token.gateway)] = token.gateway
                by_gateway.setdefault(id(token.gateway), []).append(token.token)
        for key, some in by_gateway.items():
            link = gateways[key].link
            if link is not None:
                link.acknowledge(some)

    def counted(self, route_id: int, receipts: Sequence[CarrierReceipt]) -> None:
        """Receipts that came by another way than a link; best delivery counts them, too."""
        self._quality.receipts(route_id, receipts)

    def link(self, route_id: int) -> Link | None:
        """The link of a route that runs here."""
        running = self._running.get(route_id)
        return None if running is None else running.gateway.link

    @property
    def states(self) -> list[RouteStateRow]:
        """Every route as it is now."""
        return [self._state(route) for route in self._wanted().values()]

    async def run(self) -> None:
        """Keeps the routes as they shall be, until `stop`."""
        while not self._stopping:
            try:
                await self._tick()
            except Exception as error:  # noqa: BLE001 - the host must never end; the log has it
                if is_passing(error):
                    _log.warning("gateway_host_waits", error=repr(error))
                else:
                    _log.exception("gateway_host_failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._changed.wait()
            self._changed.clear()

    async def stop(self, drain_seconds: float) -> None:
        """Claims no more, waits for answers, unbinds; call after `run` was told to end."""
        self._stopping = True
        self._changed.set()
        route_ids = list(self._running)
        for route_id in route_ids:
            self._end(route_id, hand_back=False, drain_seconds=drain_seconds)
        await asyncio.gather(*self._ending.values(), return_exceptions=True)
        try:
            async with self._pool.acquire() as connection:
                await queries.end_leases(connection, list(self._leases), self._instance_id)
            await self._show()
        except Exception as error:  # noqa: BLE001 - leases end by themselves; stopping goes on
            _log.warning("leases_not_ended", error=repr(error))

    def _wanted(self) -> dict[int, Route]:
        wanted = {}
        for route in self._around.snapshot().routes.values():
            if route.active and route.channel == self._channel.name:
                located = self._located(route)
                if located is not None:
                    wanted[route.id] = located
        return wanted

    async def _tick(self) -> None:
        wanted = self._wanted()
        for route_id in [one for one in self._running if one not in wanted]:
            self._end(route_id, hand_back=True, drain_seconds=DRAIN_SECONDS)
        await self._renew(wanted)
        if self._stopping:
            # It was told to stop while the database was asked: nothing starts any more.
            return
        for route_id, route in wanted.items():
            self._keep(route_id, route)
        for route_id, running in self._running.items():
            running.gateway.may_send_until = self._leases.get(route_id, 0.0)
        now = self._around.clock()
        if now >= self._state_at:
            self._state_at = now + STATE_SECONDS
            await self._show()
        if now >= self._quality_at:
            self._quality_at = now + QUALITY_SECONDS
            await self._count()

    async def _renew(self, wanted: dict[int, Route]) -> None:
        now = self._around.clock()
        if now < self._renew_at and wanted.keys() <= self._leases.keys():
            return
        self._renew_at = now + RENEW_SECONDS
        async with self._pool.acquire() as connection:
            held = await queries.renew_leases(
                connection, sorted(wanted), self._instance_id, LEASE_SECONDS
            )
            await self._empty_idle_queues(connection)
        # Counted from before the question, so that ours always ends before the database's.
        until = now + LEASE_SECONDS - LEASE_MARGIN_SECONDS
        self._leases = {route_id: until if route_id in held else 0.0 for route_id in wanted}

    async def _empty_idle_queues(self, connection: Any) -> None:
        """What lies before a route that is off (a retry of what it sent) is routed anew."""
        off = [
            gateway_queue(route.name)
            for route in self._around.snapshot().routes.values()
            if route.channel == self._channel.name
            and not route.active
            and route.id not in self._ending
        ]
        for (queue, _), count in (await embedded.lying(connection, off)).items():
            if count:
                await embedded.move(connection, queue, submit_queue(self._channel.name))

    def _keep(self, route_id: int, route: Route) -> None:
        """Starts, changes or restarts a route, as needed."""
        if route_id in self._ending:
            return
        running = self._running.get(route_id)
        leased = self._leases.get(route_id, 0.0) > self._around.clock()
        identity = self._channel.identity(route)
        if running is not None and (running.identity != identity or not leased):
            self._end(route_id, hand_back=False, drain_seconds=DRAIN_SECONDS)
        elif running is not None:
            if running.gateway.route is not route:
                running.gateway.update(route)
        elif leased:
            self._start(route, identity)

    def _start(self, route: Route, identity: object) -> None:
        around = self._around
        wakers: list[RouteGateway] = []
        consumer = self._broker.consumer(
            gateway_queue(route.name), on_news=lambda: wakers[0].wake() if wakers else None
        )
        claims = Claims(
            self._pool, consumer, around.snapshot, instance_id=self._instance_id,
            clock_us=around.clock_us,
        )  # fmt: skip
        gateway = RouteGateway(route, around, consumer, claims, self._quality)
        wakers.append(gateway)
        gateway.may_send_until = self._leases[route.id]
        try:
            gateway.link = self._channel.open(
                route, self._credentials(route), gateway, self._around.tools
            )
            gateway.link.start()
            self._faults.pop(route.id, None)
        except Exception as error:  # noqa: BLE001 - the route shows what is wrong with it
            # Without a link the route is down, and what has another route still goes there.
            if self._faults.get(route.id) != str(error):
                _log.error("route_not_started", route=route.name, error=str(error))
            self._faults[route.id] = str(error)
            if not isinstance(error, RouteSettingsError):
                _log.warning("route_start_failed", route=route.name, kind=type(error).__name__)
        loop = Recyclable(gateway.run)
        task = asyncio.create_task(loop.run())
        if self._watchdog is not None:
            self._watchdog.watch(
                Watched(
                    gateway_queue(route.name), lambda: gateway.taken_at, lambda: gateway.excused,
                    loop.recycle,
                )
            )  # fmt: skip
        self._running[route.id] = _Running(gateway, consumer, task, identity)
        _log.info("route_started", route=route.name)

    def _end(self, route_id: int, *, hand_back: bool, drain_seconds: float) -> None:
        running = self._running.pop(route_id)
        running.gateway.stop()
        if self._watchdog is not None:
            self._watchdog.forget(gateway_queue(running.gateway.route.name))
        task = asyncio.create_task(
            self._close(running, hand_back=hand_back, drain_seconds=drain_seconds)
        )
        self._ending[route_id] = task
        task.add_done_callback(lambda _: self._closed(route_id))

    def _closed(self, route_id: int) -> None:
        self._ending.pop(route_id, None)
        self._changed.set()

    async def _close(self, running: _Running, *, hand_back: bool, drain_seconds: float) -> None:
        gateway = running.gateway
        await asyncio.wait([running.task], timeout=LOOP_END_SECONDS)
        running.task.cancel()
        await asyncio.gather(running.task, return_exceptions=True)
        running.consumer.close()
        handed_back = await self._hand_back(gateway, hand_back=hand_back)
        if gateway.link is not None:
            await gateway.link.stop(drain_seconds)
        # What a living process has claimed nobody else looks for. Of one that stops recovery does,
        # and what it had taken comes back when its lease ends.
        while not handed_back and not self._stopping:
            await asyncio.sleep(HAND_BACK_SECONDS)
            handed_back = await self._hand_back(gateway, hand_back=hand_back)
        _log.info("route_stopped", route=gateway.route.name)

    async def _hand_back(self, gateway: RouteGateway, *, hand_back: bool) -> bool:
        """Whether the gateway holds nothing any more, or trying again cannot help."""
        try:
            await gateway.close(hand_back=hand_back)
        except Exception as error:  # noqa: BLE001 - the link must be closed all the same
            if is_passing(error):
                _log.warning("route_hands_back_later", route=gateway.route.name, error=repr(error))
                return False
            _log.exception("route_not_handed_back", route=gateway.route.name)
        return True

    def _state(self, route: Route) -> RouteStateRow:
        running = self._running.get(route.id)
        fault = self._faults.get(route.id, "")
        if running is None or running.gateway.link is None:
            state = "fault" if fault else "standby"
            return RouteStateRow(route.id, state, 0, 0, 0, 0.0, None, fault)
        gateway, link = running.gateway, running.gateway.link
        now = self._around.clock()
        throttle = gateway.throttle
        paused = throttle.throttled_until - now
        state = "up" if link.up else "down" if gateway.down else "connecting"
        if state == "up" and throttle.throttled:
            state = "throttled"
        return RouteStateRow(
            route.id, state, link.connections_up, link.connections_wanted, link.in_flight,
            round(throttle.rate_shown, 1),
            self._around.clock_us() + int(paused * 1_000_000) if paused > 0 else None,
            link.last_error[:500].replace("\0", ""),
        )  # fmt: skip

    async def _count(self) -> None:
        """Writes what the routes of best delivery strategies did; of others there is nothing."""
        taken = self._quality.take()
        if not taken:
            return
        try:
            async with self._pool.acquire() as connection:
                await queries.add_quality(connection, self._instance_id, taken)
        except BaseException:
            self._quality.give_back(taken)
            raise

    async def _show(self) -> None:
        """Writes the states of routes that changed."""
        states = {} if self._stopping else {one.route_id: one for one in self.states}
        for route_id in self._shown.keys() - states.keys():
            states[route_id] = RouteStateRow(route_id, "off", 0, 0, 0, 0.0, None, "")
        changed = [one for one in states.values() if self._shown.get(one.route_id) != one]
        if changed:
            async with self._pool.acquire() as connection:
                await queries.write_states(connection, self._instance_id, changed)
        self._shown = {key: one for key, one in states.items() if one.state != "off"}
