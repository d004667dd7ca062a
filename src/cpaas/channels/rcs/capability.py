"""Which handsets have RCS, remembered for a while: asked once however many messages wait.

Bounded by count; the oldest answers go first.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

KEPT_MAX: Final = 200_000
ASKING_MAX: Final = 10_000


def read_features(status: int, raw: bytes) -> bool | None:
    """Whether an answer says that the handset has RCS; None when it does not say.

    200 with {} means no, and so does 404.
    """
    if status == 404:
        return False
    if status != 200:
        return None
    try:
        body: Any = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None
    if not isinstance(body, dict) or "error" in body:
        return None
    features = body.get("features") or body.get("capabilities")
    return isinstance(features, list) and bool(features)


class CapabilityCache:
    """What is known of handsets, for one bot."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[bool | None]],
        *,
        capable_seconds: float,
        not_capable_seconds: float,
        kept_max: int = KEPT_MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """ask: a number's answer, None when there was none (which is not remembered)."""
        self._ask = ask
        self._seconds = {True: capable_seconds, False: not_capable_seconds}
        self._kept_max = kept_max
        self._clock = clock
        self._known: OrderedDict[str, tuple[bool, float]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[bool | None]] = {}

    def known(self, number: str) -> bool | None:
        """What is remembered of a number."""
        found = self._known.get(number)
        if found is None:
            return None
        if found[1] <= self._clock():
            del self._known[number]
            return None
        return found[0]

    async def capable(self, number: str) -> bool | None:
        """Whether the number has RCS; None when the hub did not say, so that it is tried."""
        found = self.known(number)
        if found is not None:
            return found
        task = self._asking.get(number)
        if task is None:
            if len(self._asking) >= ASKING_MAX:
                return None
            task = self._asking[number] = asyncio.create_task(self._learn(number))
            task.add_done_callback(_heard)
        return await asyncio.shield(task)

    def learn(self, number: str, *, capable: bool) -> None:
        """A send or a receipt has told it."""
        self._known.pop(number, None)
        seconds = self._seconds[capable]
        if seconds <= 0:
            return
        self._known[number] = (capable, self._clock() + seconds)
        while len(self._known) > self._kept_max:
            self._known.popitem(last=False)

    async def close(self) -> None:
        """Ends questions that are under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _learn(self, number: str) -> bool | None:
        try:
            answer = await self._ask(number)
            if answer is not None:
                self.learn(number, capable=answer)
            return answer
        finally:
            self._asking.pop(number, None)


def _heard(task: "asyncio.Task[bool | None]") -> None:
    """Takes an error that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
