"""The time of day that the data plane stamps and compares with: a clock that does not jump.

The machine's clock is followed as long as it goes evenly. When it steps (a wrong NTP server, a
hand, a machine that slept) ours goes on evenly; only a step that has stood for ten minutes is
believed. So a step that is soon put right expires nothing and delays nothing. Waits never ask it:
they use the monotonic clock, and leases the database's.
"""

import time
from collections.abc import Callable
from typing import Final

from cpaas.kit.log import get_logger

#: what time keeping may correct at once; more is a step.
STEP_US: Final = 2_000_000
BELIEVED_AFTER_US: Final = 600 * 1_000_000
_log = get_logger(__name__)


class SteadyClock:
    """Unix microseconds that go evenly; call it."""

    def __init__(
        self,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        monotonic_us: Callable[[], int] = lambda: time.monotonic_ns() // 1000,
        *,
        believed_after_us: int = BELIEVED_AFTER_US,
    ) -> None:
        self._wall_us = wall_us
        self._monotonic_us = monotonic_us
        self._believed_after_us = believed_after_us
        self._offset = wall_us() - monotonic_us()
        self._step = 0
        self._stepped_at = 0

    def __call__(self) -> int:
        """Now."""
        monotonic = self._monotonic_us()
        moved = self._wall_us() - monotonic - self._offset
        if -STEP_US < moved < STEP_US:
            if self._step:
                _log.warning("clock_is_right_again", after_step_seconds=self._step // 1_000_000)
                self._step = 0
            self._offset += moved
        else:
            self._stepped(moved, monotonic)
        return monotonic + self._offset

    @property
    def apart_us(self) -> int:
        """By how much the machine's clock has stepped without being believed yet."""
        return self._step

    def _stepped(self, moved: int, monotonic: int) -> None:
        if abs(moved - self._step) >= STEP_US or not self._step:
            self._step, self._stepped_at = moved, monotonic
            _log.error("clock_stepped", seconds=moved / 1_000_000)
        elif monotonic - self._stepped_at >= self._believed_after_us:
            _log.error("clock_step_believed", seconds=moved / 1_000_000)
            self._offset += moved
            self._step = 0


#: the clock of this process.
now_us: Final = SteadyClock()
