"""Group commit for settle: while one commit is under way, the next arrivals gather and go together.

A busy one paces itself, a single arrival goes at once. Passing faults are waited out for ever with
the arrivals held (a full box tells the gateway to stop reading); an item the database cannot take
is found by halving and set aside.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Generic, TypeVar

import asyncpg

from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger
from cpaas.kit.pace import Pace

T = TypeVar("T")
_log = get_logger(__name__)

BACKOFF_SECONDS_MAX: Final = 5.0
CONFLICT_TRIES_MAX: Final = 10
_CONFLICTS: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Gatherer(Generic[T]):
    """Commits what is put into it, in order, one batch at a time.

    commit: may be called again with what it has committed already, if its answer was lost.
    spoiled: sets aside an item that cannot be committed. committed: told of every item that is
    done with, either way.
    """

    def __init__(
        self,
        pool: Any,
        commit: Callable[[Any, list[T]], Awaitable[None]],
        spoiled: Callable[[T, Exception], Awaitable[None]],
        *,
        name: str,
        committed: Callable[[list[T]], None],
        capacity: int,
        most: int = 1000,
        paced: bool = True,
    ) -> None:
        self._pool = pool
        self._commit = commit
        self._spoiled = spoiled
        self._committed = committed
        self._name = name
        self._capacity = capacity
        self._most = most
        self._box: deque[T] = deque()
        self._in_flight = 0
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._pace = Pace() if paced else None
        self.troubled = False

    @property
    def room(self) -> int:
        """How many more may be put in now; 0 while the database is away."""
        return 0 if self.troubled else max(0, self._capacity - self.waiting)

    @property
    def waiting(self) -> int:
        """How many are not committed yet."""
        return len(self._box) + self._in_flight

    def put(self, items: Iterable[T]) -> None:
        """Hand items over; they are kept also beyond the capacity, which only `room` tells."""
        self._box.extend(items)
        if self._box:
            self._idle.clear()
            self._arrived.set()

    async def run(self) -> None:
        """Commit for ever; cancel it after `drained`."""
        while True:
            await self._arrived.wait()
            batch = [self._box.popleft() for _ in range(min(self._most, len(self._box)))]
            if not self._box:
                self._arrived.clear()
            self._in_flight = len(batch)
            if self._pace is not None:
                self._pace.begin()
            await self._settle(batch)
            self._in_flight = 0
            if not self._box:
                self._idle.set()
            if self._pace is not None and len(self._box) < self._most:
                await self._pace.rest(len(batch))

    async def drained(self) -> None:
        """Wait until everything put in is committed."""
        await self._idle.wait()

    async def _settle(self, batch: list[T]) -> None:
        """Commit a batch, or halve it until the item that cannot be committed stands alone."""
        stack = [batch]
        while stack:
            part = stack.pop()
            error = await self._try(part)
            if error is None:
                self._committed(part)
                continue
            if len(part) > 1:
                middle = len(part) // 2
                stack += [part[middle:], part[:middle]]
                continue
            item = repr(part[0])[:2000]
            _log.error("settle_item_set_aside", box=self._name, error=repr(error), item=item)
            try:
                await self._spoiled(part[0], error)
            except Exception:  # noqa: BLE001 - one bad item must not stop the others
                _log.exception("settle_item_lost", box=self._name)
            self._committed(part)

    async def _try(self, part: list[T]) -> Exception | None:
        """None once committed, however long that takes; else the error that lies in the data."""
        conflicts = 0
        pause = 0.05
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self._commit(connection, part)
            except _CONFLICTS:
                conflicts += 1
                if conflicts < CONFLICT_TRIES_MAX:
                    continue
            except Exception as error:  # noqa: BLE001 - handed back: whatever it is, it lies in the item
                if not is_passing(error):
                    return error
                _log.warning("settle_waits_for_the_database", box=self._name, error=repr(error))
            else:
                self.troubled = False
                return None
            self.troubled = True
            await asyncio.sleep(pause)
            conflicts = 0
            pause = min(pause * 2, BACKOFF_SECONDS_MAX)
