"""A token bucket against a clock that the caller reads: so many a second, and a small burst."""

import math
from typing import Final

#: how much of a second's rate may go at once.
BURST_SECONDS: Final = 0.1


class Bucket:
    """Tokens that fill at `rate` a second; what is taken beyond them is owed."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._tokens = self._most
        self._filled_at = now

    @property
    def burst(self) -> int:
        """How many may go at once after a pause."""
        return math.floor(self._most)

    def available(self, now: float) -> int:
        """How many may go now."""
        self._fill(now)
        return max(0, math.floor(self._tokens + 1e-9))

    def take(self, count: int, now: float) -> None:
        """So many go."""
        self._fill(now)
        self._tokens -= count

    def ready_in(self, now: float) -> float:
        """Seconds until one may go."""
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self.rate)

    @property
    def _most(self) -> float:
        return 1.0 + self.rate * BURST_SECONDS

    def _fill(self, now: float) -> None:
        if now > self._filled_at:
            self._tokens = min(self._most, self._tokens + (now - self._filled_at) * self.rate)
            self._filled_at = now
