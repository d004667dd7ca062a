"""Holds this process's snapshot and keeps it true: a change in the database is here in a second.

The process's listening connection hears of changes. The version is also asked for every two
seconds, so that a lost notification, connection or database only delays a change and never hides
one.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import asyncpg
import msgspec

from cpaas.broker.wakeups import QueueWakeups
from cpaas.db.trouble import AWAY
from cpaas.kit.log import get_logger
from cpaas.snapshot import queries
from cpaas.snapshot.load import EMPTY, LOADERS, load
from cpaas.snapshot.types import Snapshot

CHANNEL: Final = "config"
POLL_SECONDS: Final = 2.0
#: after so long without word from the database a revoked key might live on.
CONFIRMED_SECONDS: Final = 10.0
CONNECT_SECONDS_MAX: Final = 5.0
RECONNECT_SECONDS: Final = 0.3
_log = get_logger(__name__)


class SnapshotHolder:
    """`current` is the configuration as it is now; replaced, never changed."""

    def __init__(
        self,
        dsn: str,
        *,
        defaults: Mapping[str, object] | None = None,
        fixed: Collection[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.current: Snapshot = EMPTY
        self._dsn = dsn
        self._defaults = dict(defaults or {})
        #: what the environment sets goes before what is stored.
        self._fixed = {name: self._defaults[name] for name in fixed if name in self._defaults}
        self._monotonic = monotonic
        self._versions: dict[str, int] | None = None
        self._confirmed_at = float("-inf")
        self._moved = asyncio.Event()
        self._callbacks: list[Callable[[Snapshot], None]] = []
        #: what listens for this process; every connection that does costs each notification more.
        self.wakeups = QueueWakeups(dsn)
        self.wakeups.subscribe(CHANNEL, self._moved.set)
        self._task: asyncio.Task[None] | None = None

    @property
    def confirmed(self) -> bool:
        """Whether the database said within the last 10 s that this is the newest configuration."""
        return self._monotonic() - self._confirmed_at < CONFIRMED_SECONDS

    def on_change(self, callback: Callable[[Snapshot], None]) -> None:
        """Calls back with every new snapshot; at once if there is one already."""
        self._callbacks.append(callback)
        if self._versions is not None:
            callback(self.current)

    async def start(self) -> None:
        """Reads everything, then follows; raises what kept it from reading."""
        if self._task is not None:
            return
        connection = await self._connect()
        try:
            await self._refresh(connection)
        except BaseException:
            connection.terminate()
            raise
        await self.wakeups.start()
        self._task = asyncio.create_task(self._follow(connection))
        # A task that is cancelled before it began would not close its connection.
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Follows no longer; the snapshot soon counts as unconfirmed."""
        await self.wakeups.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _connect(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=CONNECT_SECONDS_MAX,
            server_settings={"application_name": "cpaas snapshot"},
        )
        connection.add_termination_listener(self._ended)
        return connection

    def _ended(self, _connection: Any) -> None:
        self._moved.set()

    async def _follow(self, connection: asyncpg.Connection | None) -> None:
        while True:
            try:
                connection = connection or await self._connect()
                while True:
                    self._moved.clear()
                    await self._refresh(connection)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_SECONDS):
                            await self._moved.wait()
            except AWAY as error:
                _log.warning("snapshot_connection_lost", reason=repr(error))
            except Exception:  # noqa: BLE001 - following must never end; unconfirmed says the rest
                _log.exception("snapshot_not_loaded")
            finally:
                if connection is not None:
                    # A polite close can hang on a dead peer; nothing is lost by not doing so.
                    connection.terminate()
                connection = None
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _refresh(self, connection: asyncpg.Connection) -> None:
        """Confirms the snapshot, or replaces what moved, as of one moment of the database."""
        asked_at = self._monotonic()
        if await queries.versions(connection) != self._versions:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                versions = await queries.versions(connection)
                moved = {
                    table
                    for table in LOADERS
                    if self._versions is None or versions.get(table) != self._versions.get(table)
                }
                loaded = await load(connection, self.current, moved, self._defaults)
            settings = {**loaded.settings, **self._fixed} if self._fixed else loaded.settings
            self.current = msgspec.structs.replace(
                loaded, version=sum(versions.values()), settings=settings
            )
            self._versions = versions
            self._confirmed_at = asked_at
            self._tell()
        self._confirmed_at = asked_at

    def _tell(self) -> None:
        for callback in self._callbacks:
            try:
                callback(self.current)
            except Exception:  # noqa: BLE001 - one listener must not keep the others from hearing
                _log.exception("snapshot_listener_failed")
