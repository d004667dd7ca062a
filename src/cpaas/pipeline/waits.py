"""Waits of recovery that no clock step ends early or draws out: seen, not told by stamps."""

import time
from collections.abc import Callable, Iterable
from typing import Final

KEPT_MAX: Final = 100_000
#: who looks more rarely than this has seen nothing in between.
BLIND_SECONDS: Final = 8.0


class Waits:
    """How long each of some things has been seen waiting, by the monotonic clock."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._since: dict[tuple[bytes, int], float] = {}

    def over(self, key: tuple[bytes, int], seconds: float) -> bool:
        """Whether it has been seen for so long; begins with the first question."""
        if len(self._since) >= KEPT_MAX:
            self._since.clear()
        now = self._monotonic()
        return now - self._since.setdefault(key, now) >= seconds

    def forget(self, keys: Iterable[tuple[bytes, int]]) -> None:
        """They are decided."""
        for key in keys:
            self._since.pop(key, None)


class Heartbeats:
    """Which instances' hearts have stopped: the same beat was seen for too long."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: dict[int, tuple[int, float]] = {}
        self._looked = 0.0

    def stopped(self, beats: Iterable[tuple[int, int]], seconds: float) -> list[int]:
        """Those of (instance, stamp of its last beat) whose stamp has not moved for so long."""
        now = self._monotonic()
        # While the database was away nobody's heart could beat, and we saw none.
        known = self._seen if now - self._looked <= BLIND_SECONDS else {}
        self._looked = now
        self._seen = {}
        for instance, beat in beats:
            before = known.get(instance)
            since = before[1] if before is not None and before[0] == beat else now
            self._seen[instance] = (beat, since)
        return sorted(i for i, (_, since) in self._seen.items() if now - since >= seconds)
