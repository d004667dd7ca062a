"""Notices a consumer that takes nothing though something has long been ready, and begins it anew.

Every consumer has reasons not to take (a full route, a lost bind) and says so; without one, a
minute of taking nothing beside work that is ready is a fault, whatever its cause.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from cpaas.broker import embedded_queries
from cpaas.db.trouble import AWAY
from cpaas.kit.log import get_logger

PATIENCE_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 5.0
_log = get_logger(__name__)


class Watched(msgspec.Struct, frozen=True):
    """A consumer of a queue.

    taken_at: when it last took something, by the watchdog's clock. excused: whether it has a
    reason to take nothing now. recycle: begins it anew.
    """

    queue: str
    taken_at: Callable[[], float]
    excused: Callable[[], bool]
    recycle: Callable[[], None]


class Watchdog:
    """Watches the consumers of one process."""

    def __init__(
        self,
        pool: Any,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._patience = patience_seconds
        self._clock = clock
        self._watched: dict[str, Watched] = {}
        # Since when each could have taken something, as far as was seen.
        self._since: dict[str, float] = {}
        #: how often each queue's consumer was begun anew.
        self.recycled: Counter[str] = Counter()

    def watch(self, watched: Watched) -> None:
        """Watches a consumer from now on, instead of an earlier one of the same queue."""
        self._watched[watched.queue] = watched
        self._since[watched.queue] = self._clock()

    def forget(self, queue: str) -> None:
        """Watches it no more."""
        self._watched.pop(queue, None)
        self._since.pop(queue, None)

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except AWAY as error:
                # Nobody can take anything now, which is no fault of theirs.
                self._since = dict.fromkeys(self._watched, self._clock())
                _log.warning("watchdog_waits_for_the_database", error=repr(error))

    async def look(self) -> None:
        """Looks once; the database is asked only about who took nothing for long."""
        now = self._clock()
        for queue, one in list(self._watched.items()):
            if one.excused():
                self._since[queue] = now
            elif now - max(one.taken_at(), self._since[queue]) >= self._patience:
                self._since[queue] = now
                if await embedded_queries.waits(self._pool, queue, self._patience):
                    self.recycled[queue] += 1
                    _log.error("consumer_recycled", queue=queue, times=self.recycled[queue])
                    one.recycle()


class Recyclable:
    """Work that ends only by itself or when this is cancelled, and can be begun anew meanwhile."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._work = work
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._stuck = asyncio.Event()

    def recycle(self) -> None:
        """Begins the work anew; work that cannot be ended ends `run` with an error."""
        if self._task is None:
            return
        if self._again:
            # It was told to end a while ago: only the end of the process helps.
            self._stuck.set()
        self._again = True
        self._task.cancel()

    async def run(self) -> None:
        """Works. Errors: those of the work, and RuntimeError when it cannot be ended."""
        stuck = asyncio.create_task(self._stuck.wait())
        try:
            while True:
                self._task = asyncio.create_task(self._work())
                await asyncio.wait([self._task, stuck], return_when=asyncio.FIRST_COMPLETED)
                if not self._task.done():
                    raise RuntimeError("the work hangs and cannot be begun anew")
                if not self._again:
                    self._task.result()
                    return
                self._again = False
        finally:
            stuck.cancel()
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task], timeout=1.0)
