"""Spaces out the turns of a busy loop, so that each carries more for what a turn costs anyway.

A turn of the data plane is a handful of round trips to the database, whatever it carries. Left
alone, a loop under load turns as often as the database lets it, with a few messages each time.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

TURN_SECONDS: Final = 0.02
#: a turn with fewer messages than this is followed by the next at once: its loop is not busy.
BUSY_MESSAGES: Final = 32


class Pace:
    """One loop's pace: `begin` each turn, `rest` after it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = float("-inf")

    def begin(self) -> None:
        """A turn begins."""
        self._began = self._clock()

    def left(self, messages: int) -> float:
        """Seconds until the next turn should begin after one that carried so many messages."""
        if messages < BUSY_MESSAGES:
            return 0.0
        return max(0.0, self._began + TURN_SECONDS - self._clock())

    async def rest(self, messages: int) -> None:
        """Returns when the next turn should begin."""
        if seconds := self.left(messages):
            await asyncio.sleep(seconds)
