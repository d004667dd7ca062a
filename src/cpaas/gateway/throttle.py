"""How fast a route may send: a token bucket of segments that yields when the carrier throttles.

A throttling answer is about the whole route, so all of it slows at once (multiplicative decrease)
and comes back little by little (additive increase). The clock is a parameter.
"""

import math

from cpaas.snapshot.types import Route

#: how much of a second's rate may go at once.
BURST_SECONDS = 0.1
DECREASE = 0.5
INCREASE = 0.05
#: answers of one window speak of one moment: after a decrease others are not heard for so long.
DEAF_SECONDS = 1.0
PAUSE_SECONDS = 0.5
INCREASE_SECONDS = 1.0
RATE_MIN = 1.0
#: of its rate, so much of a route is taken from its queue ahead.
OPEN_SECONDS = 0.5
UNLIMITED = math.inf


class Throttle:
    """The bucket of one route; `tps` 0 = unlimited until the carrier throttles."""

    def __init__(self, tps: int, now: float) -> None:
        self._limit = float(tps) if tps > 0 else UNLIMITED
        self.rate = self._limit
        self.throttled_until = 0.0
        self._deaf_until = 0.0
        self._raised_at = now
        self._tokens = self._burst()
        self._filled_at = now
        # Without a limit, what really went in the last whole second stands for it.
        self._second = math.floor(now)
        self._sent = self._sent_before = 0
        self._ceiling = RATE_MIN

    def set_tps(self, tps: int, now: float) -> None:
        """The route's rate was changed by the operator."""
        self._fill(now)
        self._limit = float(tps) if tps > 0 else UNLIMITED
        self.rate = self._limit
        self._tokens = min(self._tokens, self._burst()) if self._limit < UNLIMITED else 0.0

    def available(self, now: float) -> int:
        """How many segments may go now; a message of more parts goes when one may."""
        if now < self.throttled_until:
            return 0
        if self.rate == UNLIMITED:
            return 1_000_000
        self._fill(now)
        return max(0, math.floor(self._tokens + 1e-9))

    def take(self, segments: int, now: float) -> None:
        """So many go; a message of several parts may borrow from what comes."""
        second = math.floor(now)
        if second != self._second:
            self._sent_before = self._sent if second == self._second + 1 else 0
            self._second, self._sent = second, 0
        self._sent += segments
        if self.rate < UNLIMITED:
            self._fill(now)
            self._tokens -= segments

    def ready_in(self, now: float) -> float:
        """Seconds until a segment may go."""
        if now < self.throttled_until:
            return self.throttled_until - now
        if self.rate == UNLIMITED:
            return 0.0
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self.rate)

    def slow(self, now: float) -> None:
        """The carrier throttled: pause, then go on at half the rate."""
        if now < self._deaf_until:
            return
        rate = self.rate if self.rate < UNLIMITED else max(self._sent, self._sent_before)
        self.rate = max(RATE_MIN, rate * DECREASE)
        self.throttled_until = now + PAUSE_SECONDS
        self._deaf_until = now + DEAF_SECONDS
        self._raised_at = self.throttled_until
        self._filled_at = self.throttled_until
        self._tokens = 0.0
        if self._limit == UNLIMITED:
            self._ceiling = max(rate, RATE_MIN) * 2

    @property
    def throttled(self) -> bool:
        """Whether the route goes slower than it is set to."""
        return self.rate < self._limit

    @property
    def rate_shown(self) -> float:
        """Segments a second, 0 = unlimited."""
        return 0.0 if self.rate == UNLIMITED else self.rate

    def _burst(self) -> float:
        return 1.0 + self.rate * BURST_SECONDS if self.rate < UNLIMITED else 0.0

    def _fill(self, now: float) -> None:
        self._raise(now)
        if self.rate == UNLIMITED or now <= self._filled_at:
            return
        self._tokens = min(self._burst(), self._tokens + (now - self._filled_at) * self.rate)
        self._filled_at = now

    def _raise(self, now: float) -> None:
        if not self.throttled:
            return
        steps = int((now - self._raised_at) / INCREASE_SECONDS)
        if steps <= 0:
            return
        self._raised_at += steps * INCREASE_SECONDS
        top = self._ceiling if self._limit == UNLIMITED else self._limit
        self.rate += steps * max(RATE_MIN, top * INCREASE)
        if self.rate >= top:
            self.rate = self._limit


def worth_opening(route: Route, throttle: Throttle) -> int:
    """How many messages of a route are worth having at hand: half a second's, or its window."""
    window = max(1, route.window_size) * max(1, route.binds)
    rate = throttle.rate_shown
    return min(window, max(1, int(rate * OPEN_SECONDS))) if rate else window
