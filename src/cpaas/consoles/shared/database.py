"""Runs the features' own asynchronous queries for Django's synchronous views.

Rules and SQL live once, in the features, and take an asyncpg connection. A thread with an event
loop and a pool serves all request threads; Django's ORM reads logins and sessions and nothing else.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

import asyncpg
import msgspec

from cpaas.consoles.shared import queries
from cpaas.db.codecs import set_codecs

T = TypeVar("T")
#: ids are 16 bytes and times Unix microseconds on these connections, as in the data plane.
Work = Callable[[Any], Awaitable[T]]
POOL_MIN: Final = 1
POOL_MAX: Final = 8
STATEMENT_SECONDS_MAX: Final = 15
WAIT_SECONDS_MAX: Final = 25
CONNECT_SECONDS_MAX: Final = 5


class Acting(msgspec.Struct, frozen=True):
    """Who works: named in the audit log; `account_id` 0 for admins and before a login."""

    actor: str
    address: str = ""
    account_id: int = 0


class Database:
    """The pool of one console, started and stopped by its composition root."""

    def __init__(self, dsn: str, *, application_name: str) -> None:
        self._dsn = dsn
        self._name = application_name
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="database", daemon=True)
        self._held: list[AbstractAsyncContextManager[Any]] = []
        self.pool: Any = None

    def start(self) -> None:
        """Starts the thread and connects."""
        self._thread.start()
        self.pool = self.wait(self._connect())

    async def _connect(self) -> Any:
        return await asyncpg.create_pool(
            self._dsn,
            min_size=POOL_MIN,
            max_size=POOL_MAX,
            init=set_codecs,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=STATEMENT_SECONDS_MAX + 5,
            server_settings={
                "application_name": self._name,
                "statement_timeout": f"{STATEMENT_SECONDS_MAX}s",
                "jit": "off",
                # One look at an empty day without its index, and days in order are sorted whole.
                "enable_seqscan": "off",
                # A plan for any account is wrong for the largest: its log took five seconds.
                "plan_cache_mode": "force_custom_plan",
            },
        )

    def hold(self, context: AbstractAsyncContextManager[T]) -> T:
        """Enters a context on the loop; it is left when this stops."""
        entered = self.wait(context.__aenter__())
        self._held.append(context)
        return entered

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the loop and returns what it gives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_SECONDS_MAX)

    def look(self, acting: Acting, work: Work[T]) -> T:
        """Reads, in one consistent read-only transaction."""
        return self.wait(self._transaction(acting, work, note="", readonly=True))

    def change(self, acting: Acting, work: Work[T], *, note: str = "") -> T:
        """Changes something, all or nothing, in the actor's name."""
        return self.wait(self._transaction(acting, work, note=note, readonly=False))

    async def _transaction(self, acting: Acting, work: Work[T], *, note: str, readonly: bool) -> T:
        async with (
            self.pool.acquire(timeout=CONNECT_SECONDS_MAX) as connection,
            connection.transaction(
                isolation="repeatable_read" if readonly else "read_committed", readonly=readonly
            ),
        ):
            await queries.act_as(connection, acting.account_id, acting.actor, acting.address, note)
            return await work(connection)

    def stop(self) -> None:
        """Leaves what is held, closes the pool and ends the thread."""
        for context in reversed(self._held):
            self.wait(context.__aexit__(None, None, None))
        self.pool.terminate()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CONNECT_SECONDS_MAX)
