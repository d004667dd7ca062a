"""A day on a market of three carriers that drift, lie and die: best delivery against the others.

The planner that routes and the function that moves weights are the real ones; the carriers and the
clock are not. What counts is what truly arrived within five minutes.
"""

import random
from collections import Counter, deque
from collections.abc import Callable
from itertools import pairwise

import msgspec
from tests.routing.test_plan import NOON_US, led, snapshot

from cpaas.routing.best import Adjustment, Figures, Limits, Moved, Standing, adjust
from cpaas.routing.plan import Planner, behind
from cpaas.routing.strategies import Turns
from cpaas.snapshot.types import Member, Snapshot, Strategy

MINUTE_US = 60_000_000
HOURS = 16
EACH_MINUTE = 50
RESTING = {1: 50, 2: 30, 3: 20}


class Day(msgspec.Struct):
    """How a carrier is at one moment: shares of 1."""

    errors: float = 0.01
    arrives: float = 0.95
    late: float = 0.02
    lies: bool = False
    dead: bool = False


def first(hour: float) -> Day:
    """Drifts: from three to nine o'clock more and more comes late."""
    if 3 <= hour < 9:
        return Day(late=min(0.8, 0.2 + (hour - 3) * 0.3))
    return Day()


def second(hour: float) -> Day:
    """Refuses every second message for an hour, and dies for half an hour."""
    if 5 <= hour < 6:
        return Day(errors=0.5)
    return Day(dead=11 <= hour < 11.5, arrives=0.93)


def third(hour: float) -> Day:
    """Loses a third and says that all was delivered; in the evening it loses more and says so."""
    if 12 <= hour < 15:
        return Day(arrives=0.4)
    return Day(arrives=0.66, lies=True)


CARRIERS: dict[int, Callable[[float], Day]] = {1: first, 2: second, 3: third}


class Market:
    """Sends a day's messages by one kind of strategy."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.chance = random.Random(5)
        self.turns = Turns(random.Random(6))
        self.shares = dict(RESTING)
        self.arrived = 0
        self.sent = 0
        self.changes: list[tuple[int, Adjustment]] = []
        self.minutes: deque[dict[int, Counter[str]]] = deque(maxlen=15)

    def run(self) -> float:
        """The share of all messages that truly arrived in time."""
        for minute in range(HOURS * 60):
            self.minute(minute)
        return self.arrived / self.sent

    def minute(self, minute: int) -> None:
        known = self.known()
        days = {one: carrier(minute / 60) for one, carrier in CARRIERS.items()}
        down = [one for one, day in days.items() if day.dead]
        planner = Planner(known, 5, "sms", "otp", is_test=False, now_us=NOON_US, turns=self.turns)
        seen: dict[int, Counter[str]] = {one: Counter() for one in CARRIERS}
        for n in range(EACH_MINUTE):
            plan = behind(planner.plan(f"+91{minute:05}{n:05}", ""), down, known)
            self.sent += 1
            for route_id in plan.route_ids:
                if self.given(days[route_id], seen[route_id]):
                    break
        self.minutes.append(seen)
        if self.kind == "best_delivery":
            self.adjust(NOON_US + minute * MINUTE_US)

    def given(self, day: Day, seen: Counter[str]) -> bool:
        """Whether a carrier took a message; it may not come, or late, or only be said to come."""
        seen["answers"] += 1
        if day.dead or self.chance.random() < day.errors:
            seen["errors"] += 1
            return False
        came = self.chance.random() < day.arrives
        late = self.chance.random() < day.late
        self.arrived += came and not late
        seen["in_time" if day.lies or (came and not late) else "slow" if late else "failed"] += 1
        return True

    def known(self) -> Snapshot:
        members = tuple(Member(one, RESTING[one], self.shares[one]) for one in RESTING)
        strategy = Strategy(1, "s1", "sms", self.kind, True, members)
        return snapshot(led(), strategies=[strategy])

    def adjust(self, now_us: int) -> None:
        figures = {}
        for one in CARRIERS:
            last = self.minutes[-1][one]
            quarter = sum((minute[one] for minute in self.minutes), Counter())
            figures[one] = Figures(
                last["answers"], last["errors"], quarter["in_time"], quarter["slow"],
                quarter["failed"],
            )  # fmt: skip
        standing = [Standing(one, RESTING[one], self.shares[one]) for one in RESTING]
        past = [Moved(at, change.kind) for at, change in self.changes
                if at > now_us - 6 * 60 * MINUTE_US]  # fmt: skip
        change = adjust(Limits(errors_min=10), standing, figures, past, now_us)
        if change is not None:
            self.shares = change.shares
            self.changes.append((now_us, change))


def test_best_delivery_beats_the_others_by_a_margin_and_never_flaps() -> None:
    markets = {kind: Market(kind) for kind in ("weighted", "failover", "best_delivery")}
    results = {kind: market.run() for kind, market in markets.items()}
    best = results.pop("best_delivery")
    assert best >= results["weighted"] + 0.04, (best, results)
    assert best >= results["failover"] + 0.08, (best, results)
    changes = markets["best_delivery"].changes
    # A route that lost points gets none back before it was quiet for a quarter of an hour.
    for (before, one), (after, two) in pairwise(changes):
        if (one.kind == "rest") != (two.kind == "rest"):
            assert after - before >= (15 if two.kind == "rest" else 1) * MINUTE_US
    turns = sum(
        (one.kind == "rest") != (two.kind == "rest") for (_, one), (_, two) in pairwise(changes)
    )
    # Each way back that ends in trouble makes the next one later: one an hour or so, by then.
    assert turns <= 20
    assert len(changes) <= 4 * HOURS
