"""The listener on port 2775 and all that its binds share."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

from cpaas.broker.base import Consumer
from cpaas.db.actor import acting
from cpaas.kit.log import get_logger
from cpaas.kit.secrets import verify_password
from cpaas.pipeline.accept import Acceptor
from cpaas.smpp.events import Limits
from cpaas.smpp.pdu import BindRequest
from cpaas.smpp.server import Connection, Server, ServerLimits
from cpaas.smpp.status import CommandStatus as St
from cpaas.smpp_ingress import access, queries
from cpaas.smpp_ingress.bind import CustomerBind
from cpaas.smpp_ingress.intake import Intake, Snapshots
from cpaas.smpp_ingress.long_messages import LongMessages
from cpaas.smpp_ingress.notify import Notifier
from cpaas.smpp_ingress.questions import Questions
from cpaas.snapshot.types import SmppCredential, Snapshot

CONNECTIONS_MAX: Final = 500
#: requests of one bind without an answer, beyond which it is not read any further.
WINDOW_MAX: Final = 1_000
DELIVER_WINDOW: Final = 50
SHOW_SECONDS: Final = 5.0
EXPIRE_SECONDS: Final = 30.0
PASSWORDS_AT_ONCE: Final = 2
ACTOR: Final = "system:smpp"
_log = get_logger("smpp")


def limits(enquire_link_seconds: float = 30.0, inactivity_seconds: float = 0.0) -> ServerLimits:
    """The bounds of the customers' listener."""
    link = Limits(
        window=DELIVER_WINDOW, enquire_link_seconds=enquire_link_seconds,
        response_timeout_seconds=30.0, inactivity_seconds=inactivity_seconds,
    )  # fmt: skip
    return ServerLimits(link=link, connections_max=CONNECTIONS_MAX, inbound_max=WINDOW_MAX)


class Ingress:
    """The SMPP server for customers. Start `run` and `listen`; end it by `stop`."""

    def __init__(
        self,
        pool: Any,
        acceptor: Acceptor,
        snapshots: Snapshots,
        consumer: Consumer,
        instance_id: int,
        *,
        clock_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        clock: Callable[[], float] = time.monotonic,
        receipt_days: int = 7,
    ) -> None:
        self.clock_us = clock_us
        self.binds: set[CustomerBind] = set()
        #: requests of one bind without an answer, where its account has no number of its own.
        self.window = WINDOW_MAX
        self._pool = pool
        self._snapshots = snapshots
        self._instance_id = instance_id
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[Server] = []
        self._failures = access.Failures()
        self._hashing = asyncio.Semaphore(PASSWORDS_AT_ONCE)
        self.long_messages = LongMessages(
            pool,
            lost=lambda message: self.intake.lost(message),  # noqa: PLW0108 - made just below
        )
        self.intake = Intake(acceptor, snapshots, self.long_messages, clock_us=clock_us)
        self.questions = Questions(pool, lambda: snapshots.current, instance_id, clock_us)
        self.notifier = Notifier(
            pool, consumer, instance_id, clock=clock, spawn=self.spawn, days=receipt_days
        )

    async def listen(
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None,
        bounds: ServerLimits | None = None,
    ) -> int:  # fmt: skip
        """Listens on a port, with TLS if a context is given; returns the port."""
        bounds = bounds or limits()
        self.window = bounds.inbound_max
        server = Server(host, port, self._adopt, ssl=tls, limits=bounds)
        self._servers.append(server)
        return await server.start()

    def _adopt(self, connection: Connection) -> CustomerBind:
        bind = CustomerBind(self, connection)
        self.binds.add(bind)
        return bind

    async def run(self) -> None:
        """Works for ever; cancel it after `stop`."""
        await self.long_messages.load()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.long_messages.run())
            tasks.create_task(self.notifier.run())
            tasks.create_task(self._show())

    async def stop(self, seconds: float) -> None:
        """Unbinds everybody and writes what was answered."""
        await asyncio.gather(*(server.stop(seconds / 2) for server in self._servers))
        try:
            async with asyncio.timeout(seconds / 2):
                await self.long_messages.drained()
                await self.notifier.drained()
                while self._tasks:
                    await asyncio.wait(self._tasks)
                async with self._pool.acquire() as connection:
                    await queries.show_binds(connection, self._instance_id, [])
        except (TimeoutError, OSError) as error:
            _log.warning("smpp_stopped_in_haste", error=repr(error))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs a short task; its fault is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("smpp_task_failed", error=repr(task.exception()))

    async def judge(
        self, bind: CustomerBind, request: BindRequest
    ) -> tuple[St, str, SmppCredential | None]:
        """Whether a connection may bind as it asks."""
        address, system_id = bind.connection.peer[0], request.system_id
        if not self._snapshots.confirmed:
            return St.ESME_RSYSERR, "the configuration cannot be confirmed", None
        if self._failures.too_many(address, self._clock()):
            return St.ESME_RBINDFAIL, "too many failed binds from this address", None
        snapshot = self._snapshots.current
        found = access.fault(snapshot, system_id, address, self._bound(system_id))
        credential = snapshot.smpp_credentials.get(system_id)
        if found is not None or credential is None:
            self._failures.note(address, self._clock())
            return (*(found or (St.ESME_RINVSYSID, "")), None)
        async with self._hashing:
            fits = await asyncio.to_thread(
                verify_password, credential.password_hash, request.password
            )
        if not fits:
            self._failures.note(address, self._clock())
            return St.ESME_RINVPASWD, "wrong password", None
        # Others may have bound, or it was changed or switched off, while the password was hashed.
        found = access.fault(self._snapshots.current, system_id, address, self._bound(system_id))
        if found is None and not access.still(self._snapshots.current, credential, address):
            found = St.ESME_RINVPASWD, "the credentials changed meanwhile"
        if found is not None:
            return (*found, None)
        return St.ESME_ROK, "", credential

    async def note_receiver(self, credential: SmppCredential) -> None:
        """From its first bind that takes deliver_sm on, an account's replies come that way, too."""
        async with self._pool.acquire() as connection, acting(connection, ACTOR):
            await queries.receives(connection, credential.id)

    def _bound(self, system_id: str) -> int:
        return sum(
            bind.credential is not None and bind.credential.system_id == system_id
            for bind in self.binds
        )

    def changed(self, snapshot: Snapshot) -> None:
        """Unbinds whom the new configuration does not allow any more."""
        for bind in list(self.binds):
            bound = bind.credential
            if bound is None:
                continue
            if not access.still(snapshot, bound, bind.connection.peer[0]):
                bind.connection.unbind()
            elif snapshot.smpp_credentials[bound.system_id] != bound:
                bind.credential = snapshot.smpp_credentials[bound.system_id]
                bind.take_window(bind.credential)

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """Binds by system id and type."""
        rows = [bind.row for bind in self.binds]
        return Counter((row.system_id, row.bind_type) for row in rows if row is not None)

    async def _show(self) -> None:
        """Shows the binds to others, and gives up parts without siblings."""
        expire_at = self._clock() + EXPIRE_SECONDS
        shown: list[Any] = []
        while True:
            await asyncio.sleep(SHOW_SECONDS)
            if self._clock() >= expire_at:
                expire_at = self._clock() + EXPIRE_SECONDS
                self.long_messages.expire()
            rows = [row for bind in self.binds if (row := bind.row) is not None]
            if rows == shown:
                continue
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    await queries.show_binds(connection, self._instance_id, rows)
                shown = rows
            except Exception as error:  # noqa: BLE001 - shown again in a few seconds
                _log.warning("smpp_binds_not_shown", error=repr(error))
