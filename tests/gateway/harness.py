"""A gateway between a real database and simulated SMSCs on real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from tests.pipeline.test_route import configured, rule
from tests.pipeline.world import INSTANCE, World, data_plane_pool
from tests.pipeline.world import route as plain_route

from cpaas.broker import embedded
from cpaas.broker.base import Broker, NewItem
from cpaas.broker.embedded import EmbeddedBroker
from cpaas.broker.wakeups import QueueWakeups
from cpaas.channels.base import Tools
from cpaas.channels.registry import CHANNELS
from cpaas.gateway import callbacks
from cpaas.gateway.host import Host
from cpaas.gateway.inbound import InboundKeeper
from cpaas.gateway.types import Around
from cpaas.messages.envelopes import LANE_NUMBER, Envelope, pack
from cpaas.pipeline.load import RouteLoad
from cpaas.pipeline.route import Router
from cpaas.pipeline.settle import Settler
from cpaas.simulators.smsc import SimulatedSmsc, SmscSettings
from cpaas.snapshot.types import Route

SUBMIT = "cpaas.sms.submit"
SECRET = "a-secret-path"


def no_tools(**given: Any) -> Tools:
    """What a channel that needs nothing of its host gets."""
    usual: dict[str, Any] = {
        "identity": lambda _value: None, "identities": lambda _route_id: [],
        "secrets": lambda _identity: {}, "media": None, "callback_url": lambda _route: "",
    }  # fmt: skip
    return Tools(**(usual | given))


def now_us() -> int:
    return time.time_ns() // 1000


def routed_to(port: int, id_: int = 1, **changes: Any) -> Route:
    values: dict[str, Any] = {
        "port": port, "system_id": f"esme{id_}", "bind_type": "trx", "window_size": 50,
    }  # fmt: skip
    return msgspec.structs.replace(plain_route(id_), **(values | changes))


class Gateway(World):
    """The whole SMS side in one process: route step, host, settle."""

    def __init__(self, pool: Any, dsn: str, broker: Broker | None = None) -> None:
        # Nothing runs before a test says what; another program may listen on the usual port.
        super().__init__(pool, now_us(), configured(routes=[plain_route(1, active=False)]))
        self.load = RouteLoad()
        self.credentials = {"password": "secret"}
        #: where carriers of HTTP routes call us.
        self.base = ""
        self.broker: Broker = broker or EmbeddedBroker(pool, QueueWakeups(dsn), INSTANCE)
        self.settler = Settler(
            pool, lambda: self.snapshot, INSTANCE, now_us,
            on_receipts_committed=self._committed,
        )  # fmt: skip
        self.inbound = InboundKeeper(
            pool, lambda: self.snapshot, INSTANCE, clock_us=now_us, assemble_seconds=0.2
        )
        tools = no_tools(callback_url=lambda route: f"{self.base}/sms/{route.name}/{SECRET}")
        around = Around(self.settler, self.inbound, self.load, lambda: self.snapshot, tools)
        self.around = around
        self.host = Host(
            pool, CHANNELS["sms"], around, self.broker, instance_id=INSTANCE,
            credentials=lambda route: self.credentials,
        )  # fmt: skip
        self.submit = self.broker.consumer(SUBMIT)
        self.router = Router(
            pool, self.submit, lambda: self.snapshot, self.load, channel="sms",
            instance_id=INSTANCE,
        )  # fmt: skip
        self._tasks: list[asyncio.Task[None]] = []
        self._host_task: asyncio.Task[None] | None = None

    def _committed(self, tokens: list[object]) -> None:
        self.host.acknowledge(callbacks.acknowledge(tokens))

    def configure(self, *routes: Route, **changes: Any) -> None:
        """Routes in the order of their rules."""
        rules = [rule(100 + one.id, one.id) for one in routes]
        rules = changes.pop("rules", rules)
        self.snapshot = configured(*rules, routes=list(routes), **changes)
        self.host.changed()

    async def start(self) -> None:
        await self.broker.start()
        self._tasks = [
            asyncio.create_task(self.router.run()),
            asyncio.create_task(self.settler.run()),
            asyncio.create_task(self.inbound.run()),
        ]
        self._host_task = asyncio.create_task(self.host.run())

    async def stop(self) -> None:
        await self.host.stop(drain_seconds=1.0)
        if self._host_task is not None:
            await self._host_task
        await asyncio.wait_for(self.settler.drain(), 10)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.broker.close()

    async def send(self, count: int = 1, *, each: int = 1, **changes: Any) -> list[Envelope]:
        """So many accepted messages, `each` to an envelope, as accept leaves them."""
        self.now_us = now_us()
        made = []
        values: dict[str, Any] = {"plan": [], "status": "QUEUED", "claimed_by": 0} | changes
        for _ in range(count // each):
            parts = [await self.message(**values) for _ in range(each)]
            messages = [part.messages[0] for part in parts]
            made.append(msgspec.structs.replace(parts[0], messages=messages))
        items = [
            NewItem(SUBMIT, LANE_NUMBER[e.lane], e.account_id, len(e.messages), pack(e))
            for e in made
        ]
        async with self.pool.acquire() as connection, connection.transaction():
            await embedded.publish(connection, items)
        return made

    async def statuses(self) -> dict[str, int]:
        rows = await self.pool.fetch("SELECT status, count(*) FROM message GROUP BY 1")
        return {row[0]: row[1] for row in rows}

    async def settled(self, seconds: float = 60.0, **wanted: int) -> None:
        """Waits until the statuses are exactly these."""
        await until(lambda: self._are(wanted), seconds, self._why)

    async def _why(self) -> list[tuple[object, ...]]:
        rows = await self.pool.fetch("SELECT status, error_code, error, attempt FROM message")
        return [tuple(row) for row in rows]

    async def _are(self, wanted: dict[str, int]) -> bool:
        return await self.statuses() == wanted


async def until(
    true: Callable[[], Awaitable[bool]], seconds: float = 20.0,
    say: Callable[[], Awaitable[object]] | None = None,
) -> None:  # fmt: skip
    deadline = time.monotonic() + seconds
    while not await true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not in time: {await say() if say else ''}")
        await asyncio.sleep(0.02)


@asynccontextmanager
async def gateway_world(
    dsn: str, *, fresh: bool = True, broker: Callable[[Any], Broker] | None = None
) -> AsyncIterator[Gateway]:
    async with data_plane_pool(dsn) as pool:
        world = Gateway(pool, dsn, broker(pool) if broker else None)
        if fresh:
            await world.open_account()
        await world.start()
        try:
            yield world
        finally:
            await world.stop()


@asynccontextmanager
async def smsc(**settings: Any) -> AsyncIterator[tuple[SimulatedSmsc, int]]:
    made = SimulatedSmsc(SmscSettings(**settings))
    port = await made.start()
    try:
        yield made, port
    finally:
        await made.stop()
