"""Things to do later, with one timer for all of them, since a timer for each message is dear."""

import asyncio
import heapq
import itertools
from collections.abc import Callable

ENTRIES_MAX = 200_000


class Agenda:
    """Runs callables when they are due, in the order of their moments."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do it now when there is nothing to wait for, else when it is time."""
        if seconds <= 0 or len(self._heap) >= ENTRIES_MAX:
            act()
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        heapq.heappush(self._heap, (due, next(self._numbers), act))
        if self._heap[0][0] == due:
            self._arm(loop, due)

    def close(self) -> None:
        """Forget everything."""
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(due, self._run)

    def _run(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        now = loop.time()
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()
        if self._heap:
            self._arm(loop, self._heap[0][0])
