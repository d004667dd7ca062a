"""Whether a route's carrier is there: its link stands, and it answers what it is given."""

from typing import Final

#: a bind that is gone for longer makes the route count as down; a reconnect takes a second.
DOWN_SECONDS: Final = 1.0
#: a full window without a single answer for so long, and the route counts as down, too.
SILENT_SECONDS: Final = 5.0


class Contact:
    """Since when the carrier is away. Times are moments of the gateway's monotonic clock."""

    def __init__(self, now: float) -> None:
        self._gone_since: float | None = now
        self._full_since: float | None = None

    def linked(self, now: float, *, full: bool) -> None:
        """The link stands; full: every slot of its window waits for an answer."""
        self._gone_since = None
        if not full:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now

    def gone(self, now: float) -> None:
        """The link is away."""
        self._full_since = None
        if self._gone_since is None:
            self._gone_since = now

    def answered(self) -> None:
        """The carrier answered something."""
        self._full_since = None

    def down(self, now: float) -> bool:
        """Whether the route counts as down: others take over what can go elsewhere."""
        return self.due_in(now) == 0.0

    def due_in(self, now: float) -> float | None:
        """Seconds until the route counts as down if nothing changes; None: it does not."""
        if self._gone_since is not None:
            return max(0.0, self._gone_since + DOWN_SECONDS - now)
        if self._full_since is not None:
            return max(0.0, self._full_since + SILENT_SECONDS - now)
        return None
