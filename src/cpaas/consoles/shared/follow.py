"""Keeps a console's settings as the operator left them: a change is on every page in a second."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import asyncpg
import msgspec

from cpaas.config import Settings
from cpaas.db.trouble import AWAY
from cpaas.kit.log import get_logger
from cpaas.settings import queries
from cpaas.settings.current import Current

CHANNEL: Final = "config"
TABLE: Final = "platform_setting"
POLL_SECONDS: Final = 5.0
CONNECT_SECONDS_MAX: Final = 5.0
_log = get_logger("console")


class Followed:
    """`current` is replaced whenever a setting changes."""

    def __init__(self, dsn: str, started: Settings, fixed: frozenset[str], *, portal: bool) -> None:
        self.current = Current(started, fixed, {})
        self._dsn = dsn
        self._portal = portal
        self._moved = asyncio.Event()
        self._listeners: list[Callable[[Current], None]] = []

    def on_change(self, listener: Callable[[Current], None]) -> None:
        """Calls with what is in force now, and whenever that changes."""
        self._listeners.append(listener)
        listener(self.current)

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator["Followed"]:
        """Read once at the beginning, then followed to the end of the block."""
        connection = await self._connect()
        try:
            await self._read(connection)
        except BaseException:
            connection.terminate()
            raise
        task = asyncio.create_task(self._follow(connection))
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _connect(self) -> Any:
        connection = await asyncpg.connect(
            self._dsn, timeout=CONNECT_SECONDS_MAX, command_timeout=CONNECT_SECONDS_MAX,
            server_settings={"application_name": "cpaas console settings"},
        )  # fmt: skip
        try:
            await connection.add_listener(CHANNEL, self._heard)
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        if payload == TABLE:
            self._moved.set()

    async def _read(self, connection: Any) -> None:
        find = queries.of_portal if self._portal else queries.rows
        rows = await find(connection)
        if rows != self.current.rows:
            self.current = msgspec.structs.replace(self.current, rows=rows)
            for listener in self._listeners:
                listener(self.current)

    async def _follow(self, connection: Any) -> None:
        while True:
            try:
                connection = connection or await self._connect()
                while True:
                    self._moved.clear()
                    await self._read(connection)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_SECONDS):
                            await self._moved.wait()
            except AWAY as error:
                _log.warning("settings_connection_lost", reason=repr(error))
            finally:
                if connection is not None:
                    connection.terminate()
                connection = None
            await asyncio.sleep(1)
