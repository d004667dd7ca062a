"""Watches for ever, in one process at a time: who holds the lock looks, opens, closes and tells.

cpaas-core and cpaas-admin both run it, so that each notices when the other is down. Of a database
that is away nothing can be kept: it is told straight from memory, and written down afterwards.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import asyncpg
import msgspec

from cpaas.alerts import queries, tell
from cpaas.alerts.look import Looker
from cpaas.alerts.rounds import Rounds, to_repeat
from cpaas.alerts.tell import Told
from cpaas.alerts.types import Alert, Condition, Key
from cpaas.config import Settings
from cpaas.db.codecs import set_codecs
from cpaas.db.trouble import is_passing
from cpaas.kit.clock import now_us
from cpaas.kit.guard import Guard
from cpaas.kit.log import get_logger
from cpaas.kit.secrets import Keyring
from cpaas.monitoring.types import Watched
from cpaas.notices.send import Sender
from cpaas.settings import queries as settings_queries
from cpaas.settings.current import Current

LOOK_SECONDS: Final = 10.0
ELECT_SECONDS: Final = 5.0
CONNECT_SECONDS_MAX: Final = 5.0
STATEMENT_SECONDS_MAX: Final = 15
_DATABASE: Final = Condition(
    kind="postgresql", subject="away", title="PostgreSQL cannot be reached", link="/monitoring/",
    body="Nothing is accepted and nothing is sent until it is back; what was accepted is safe.",
)  # fmt: skip
_log = get_logger(__name__)


class Watcher:
    """Alerts and notices of one process. watched: the services to ping; pool: for notices."""

    def __init__(
        self, settings: Settings, fixed: frozenset[str], watched: Sequence[Watched], pool: Any, *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:  # fmt: skip
        self.current = Current(settings, fixed, {})
        self._dsn = settings.dsn()
        self._looker = Looker(watched)
        self._every = look_seconds
        self._rounds = Rounds()
        self._keyring = Keyring.load_or_make(settings.keyring)
        self.sender = Sender(
            pool.acquire, self._keyring, Guard(settings.allow_networks), lambda: self.current
        )
        self._led = False
        self._away_since: float | None = None
        self._away_told = False

    async def run(self) -> None:
        """Watches and sends, for ever."""
        await asyncio.gather(self._watch(), self.sender.run())

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watches and sends to the end of the block."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _connect(self) -> Any:
        connection = await asyncpg.connect(
            self._dsn, timeout=CONNECT_SECONDS_MAX, command_timeout=STATEMENT_SECONDS_MAX + 5,
            server_settings={
                "application_name": "cpaas alerts", "jit": "off", "enable_seqscan": "off",
                "statement_timeout": f"{STATEMENT_SECONDS_MAX}s",
            },
        )  # fmt: skip
        try:
            await set_codecs(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _watch(self) -> None:
        while True:
            connection = None
            try:
                connection = await self._connect()
                await self._lead(connection)
            except Exception as error:  # noqa: BLE001 - it must never end; the log has it
                if is_passing(error):
                    _log.warning("alerts_wait_for_the_database", error=repr(error))
                    await self._database_away()
                else:
                    _log.exception("alerts_failed")
            finally:
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(min(self._every, ELECT_SECONDS))

    async def _lead(self, connection: Any) -> None:
        await self._write_down(connection)
        while not await queries.elect(connection):
            self._led = False
            # Who does not lead knows the settings too: its notices are sent by them.
            await self._read_settings(connection)
            await asyncio.sleep(min(self._every, ELECT_SECONDS))
        self._led = True
        while True:
            await self._read_settings(connection)
            await self.round(connection)
            await asyncio.sleep(self._every)

    async def _read_settings(self, connection: Any) -> None:
        rows = await settings_queries.rows(connection)
        self.current = msgspec.structs.replace(self.current, rows=rows)

    async def round(self, connection: Any) -> Told:
        """One look and what follows of it, in one transaction; what was told."""
        known = {one.key: one for one in await queries.open_alerts(connection)}
        seen = await self._looker.look(connection, self.current, frozenset(known))
        opens, over = self._rounds.look(time.monotonic(), seen, known)
        at = now_us()
        async with connection.transaction():
            opened = [await queries.insert(connection, one) for one in opens]
            ended = [known[key] for key in over]
            await queries.close(connection, [one.id for one in ended])
            left: dict[Key, Alert] = {k: one for k, one in known.items() if k not in over}
            again = to_repeat(left, at, int(self.current["alert_repeat_hours"]))
            await queries.told(connection, [one.id for one in again])
            closed = [msgspec.structs.replace(one, closed_us=at) for one in ended]
            told = Told(opened, again, closed)
            await tell.store(connection, told, self.current, at)
        for event, alerts in told.groups():
            _log.warning("alerts", what=event, titles=[one.title for one in alerts])
        return told

    async def _database_away(self) -> None:
        """Tells of it without the database, once, if this process led."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        late = now - self._away_since >= int(self.current["alert_service_down_seconds"])
        if not (self._led and late) or self._away_told:
            return
        self._away_told = True
        at = now_us()
        since = at - int((now - self._away_since) * 1_000_000)
        one = Alert(
            0, _DATABASE.kind, _DATABASE.subject, _DATABASE.title, _DATABASE.body, _DATABASE.link,
            since, at, None, None, "",
        )  # fmt: skip
        for notice in tell.wanted(Told([one]), self.current, at):
            if fault := await self.sender.send(notice):
                _log.error("database_away_not_told", recipient=notice.recipient, error=fault)

    async def _write_down(self, connection: Any) -> None:
        """What was told of from memory gets its place in the history; the next looks end it."""
        if self._away_told and self._away_since is not None:
            await queries.insert(connection, _DATABASE, time.monotonic() - self._away_since)
        self._away_since, self._away_told = None, False
