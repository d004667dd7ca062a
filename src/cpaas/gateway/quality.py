"""What the routes of best delivery strategies do, counted in memory and written every ten seconds.

Nothing is kept of any other route. A message counts when its receipt comes, or when its time is up
without one; ids wait in a bounded table, so that a flood only thins the sample.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from cpaas.channels.base import CarrierReceipt, Outcome
from cpaas.routing.best import limits_of
from cpaas.snapshot.types import Snapshot

WAITING_MAX: Final = 20_000
MINUTE_US: Final = 60_000_000
_ARRIVED: Final = frozenset({"DELIVERED", "READ"})


class Counted(msgspec.Struct):
    """What one route did in one minute."""

    answers: int = 0
    errors: int = 0
    in_time: int = 0
    slow: int = 0
    failed: int = 0


class _Watched(msgspec.Struct):
    """A route's messages without a receipt: provider id -> when it was handed over."""

    slow_us: int
    receipts: bool
    waiting: dict[str, int] = {}
    order: deque[tuple[int, str]] = msgspec.field(default_factory=deque)


class Quality:
    """Counts for the routes of one process."""

    def __init__(self, snapshot: Callable[[], Snapshot], clock_us: Callable[[], int]) -> None:
        self._snapshot = snapshot
        self._clock_us = clock_us
        self._seen: Snapshot | None = None
        self._watched: dict[int, _Watched] = {}
        self._counted: dict[tuple[int, int], Counted] = {}

    def outcomes(self, route_id: int, outcomes: Sequence[Outcome]) -> None:
        """Answers of one read, or what a lost link left open."""
        watched = self._of(route_id)
        if watched is None:
            return
        now_us = self._clock_us()
        counted = self._minute(route_id, now_us)
        for one in outcomes:
            error = one.error
            if error is not None and error.slows_route:
                continue  # The rate answers for it, not the quality.
            counted.answers += 1
            if error is None:
                self._handed(watched, one, now_us)
            elif error.then in {"retry", "next_route", "unknown"}:
                counted.errors += 1

    def receipts(self, route_id: int, receipts: Sequence[CarrierReceipt]) -> None:
        """Receipts of one read."""
        watched = self._of(route_id)
        if watched is None:
            return
        now_us = self._clock_us()
        counted = self._minute(route_id, now_us)
        for one in receipts:
            if one.state == "ENROUTE":
                continue
            handed_us = watched.waiting.pop(one.provider_message_id, None)
            if handed_us is None:
                continue
            if one.state not in _ARRIVED:
                counted.failed += 1
            elif now_us - handed_us > watched.slow_us:
                counted.slow += 1
            else:
                counted.in_time += 1

    def take(self) -> list[tuple[int, int, Counted]]:
        """Everything counted since: (route id, minute in Unix microseconds, counts)."""
        now_us = self._clock_us()
        if self._watched:
            self._watch()
        for route_id, watched in self._watched.items():
            late = self._overdue(watched, now_us)
            if late:
                self._minute(route_id, now_us).slow += late
        taken = [(*key, counted) for key, counted in sorted(self._counted.items())]
        self._counted = {}
        return taken

    def give_back(self, taken: Sequence[tuple[int, int, Counted]]) -> None:
        """They could not be written: they wait for the next time."""
        for route_id, minute_us, counted in taken:
            to = self._counted.setdefault((route_id, minute_us), Counted())
            for name in Counted.__struct_fields__:
                setattr(to, name, getattr(to, name) + getattr(counted, name))

    def _of(self, route_id: int) -> _Watched | None:
        if self._snapshot() is not self._seen:
            self._watch()
        return self._watched.get(route_id)

    def _watch(self) -> None:
        """The routes that a strategy wants to know about, by the strictest of their strategies."""
        snapshot = self._seen = self._snapshot()
        wanted: dict[int, int] = {}
        for strategy in snapshot.strategies.values():
            if strategy.kind == "best_delivery" and strategy.active:
                slow_us = limits_of(strategy.settings).slow_seconds * 1_000_000
                for member in strategy.members:
                    known = wanted.get(member.route_id, slow_us)
                    wanted[member.route_id] = min(known, slow_us)
        before, self._watched = self._watched, {}
        for route_id, slow_us in wanted.items():
            route = snapshot.routes.get(route_id)
            told = route is not None and route.settings.get("registered_delivery") != 0
            self._watched[route_id] = before.get(route_id) or _Watched(slow_us, told)
            self._watched[route_id].slow_us = slow_us
            self._watched[route_id].receipts = told

    def _handed(self, watched: _Watched, one: Outcome, now_us: int) -> None:
        message = one.prepared.message
        given = one.provider_ids[0] if one.provider_ids else None
        # Of a long message the first part speaks; a message without a wish for one has no receipt.
        if not given or not watched.receipts or not message.registered_delivery & 1:
            return
        if len(watched.waiting) < WAITING_MAX:
            watched.waiting[given] = now_us
            watched.order.append((now_us, given))

    @staticmethod
    def _overdue(watched: _Watched, now_us: int) -> int:
        late = 0
        while watched.order and watched.order[0][0] + watched.slow_us < now_us:
            handed_us, given = watched.order.popleft()
            if watched.waiting.get(given) == handed_us:
                del watched.waiting[given]
                late += 1
        return late

    def _minute(self, route_id: int, now_us: int) -> Counted:
        return self._counted.setdefault((route_id, now_us - now_us % MINUTE_US), Counted())
