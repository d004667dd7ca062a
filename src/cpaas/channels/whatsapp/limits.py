"""How fast a number may send: by second, by recipient, by template, and by recipients of a day.

A message that may not go now is told how long to wait; who waits for a second's rate is given a
place in line, so that a backlog comes back in the order and at the pace in which it can go.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from cpaas.channels.whatsapp.config import NumberSettings

DAY_SECONDS: Final = 86_400.0
#: recipients remembered for their pair rate and day: beyond it the oldest is forgotten.
PAIRS_MAX: Final = 200_000
#: nobody waits longer without being asked again.
WAIT_SECONDS_MAX: Final = 900.0
#: a template waits so long at a time until it is known whom others went to.
LEARNING_SECONDS: Final = 1.0


class Pace:
    """So many a second; who comes too early is told when its turn is."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at = 0.0
        #: the moment at which the last of those who wait has its turn.
        self._line_end = 0.0

    def ready_in(self, now: float) -> float:
        """Seconds until this one may go, 0 = now; counted as waiting or gone."""
        if now > self._filled_at:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self.rate)
            self._filled_at = now
        if self._tokens >= 1.0 - 1e-6:
            return 0.0
        self._line_end = max(self._line_end, now) + 1.0 / self.rate
        return min(self._line_end - now, WAIT_SECONDS_MAX)

    def take(self) -> None:
        """One goes."""
        self._tokens -= 1.0


class Pairs:
    """One message to a recipient in so many seconds, after a burst: a level that drains."""

    def __init__(self, seconds: float, burst: int) -> None:
        self._seconds = seconds
        self._burst = max(1, burst)
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def ready_in(self, recipient: str, now: float) -> float:
        """Seconds until this recipient may get one."""
        if self._seconds <= 0:
            return 0.0
        level = max(0.0, self._full_at.get(recipient, 0.0) - now) / self._seconds
        return max(0.0, (level - (self._burst - 1)) * self._seconds)

    def take(self, recipient: str, now: float) -> None:
        """One goes to this recipient."""
        if self._seconds <= 0:
            return
        self._full_at[recipient] = max(self._full_at.get(recipient, 0.0), now) + self._seconds
        self._full_at.move_to_end(recipient)
        while len(self._full_at) > PAIRS_MAX:
            self._full_at.popitem(last=False)


class Portfolio:
    """Different recipients of templates in 24 hours, over all numbers of one business.

    Until it is known whom templates went to before (`begin` … `go_on`), further ones wait.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.known = False
        self._learning = False
        self._last: OrderedDict[str, float] = OrderedDict()

    def begin(self) -> bool:
        """Whether somebody has to find out whom templates went to; asked for once."""
        if self.known or self._learning:
            return False
        self._learning = True
        return True

    def go_on(self, before: Sequence[tuple[str, float]], now: float) -> None:
        """Counts on from (recipient, seconds since), longest ago first."""
        for recipient, since in before:
            self._last[recipient] = now - since
        self.known, self._learning = True, False

    def ready_in(self, recipient: str, now: float) -> float:
        """Seconds until a further recipient fits; one that was written to fits at once."""
        if not self.limit:
            return 0.0
        if self._learning:
            return LEARNING_SECONDS
        self._forget(now)
        if recipient in self._last or len(self._last) < self.limit:
            return 0.0
        oldest = next(iter(self._last.values()))
        return min(max(1.0, oldest + DAY_SECONDS - now), WAIT_SECONDS_MAX)

    def take(self, recipient: str, now: float) -> None:
        """A template goes to this recipient."""
        if self.limit:
            self._last[recipient] = now
            self._last.move_to_end(recipient)

    def _forget(self, now: float) -> None:
        while self._last and next(iter(self._last.values())) <= now - DAY_SECONDS:
            self._last.popitem(last=False)


class NumberLimits:
    """All limits of one number."""

    def __init__(self, settings: NumberSettings, portfolio: Portfolio) -> None:
        self._settings = settings
        self._number = Pace(settings.tps, max(1.0, settings.tps / 10)) if settings.tps else None
        self._pairs = Pairs(settings.pair_seconds, settings.pair_burst)
        self._portfolio = portfolio
        self._templates: dict[str, Pace] = {}
        self._paused_until = 0.0
        self.paused_for = ""

    def pause(self, seconds: float, why: str, now: float) -> None:
        """The number sends nothing for so long."""
        self._paused_until = max(self._paused_until, now + seconds)
        self.paused_for = why

    def hold(self, recipient: str, template: str, now: float) -> float:
        """Seconds that this message has to wait; 0 = it goes, and counts in every limit."""
        if now < self._paused_until:
            return self._paused_until - now
        seconds = self._pairs.ready_in(recipient, now)
        if template and not seconds:
            seconds = self._portfolio.ready_in(recipient, now)
        if seconds:
            return seconds
        pace = self._template(template) if template and self._settings.template_tps else None
        for one in (pace, self._number):
            if one is not None and (seconds := one.ready_in(now)):
                return seconds
        for one in (pace, self._number):
            if one is not None:
                one.take()
        self._pairs.take(recipient, now)
        if template:
            self._portfolio.take(recipient, now)
        return 0.0

    def _template(self, name: str) -> Pace:
        pace = self._templates.get(name)
        if pace is None:
            if len(self._templates) >= 10_000:
                self._templates.clear()
            rate = self._settings.template_tps
            pace = self._templates[name] = Pace(rate, max(1.0, rate / 10))
        return pace
