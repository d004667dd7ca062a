"""How many messages of a campaign may be launched now: routes' rates, its own rate, its hours.

At most about half a minute of the routes' TPS is launched ahead, so that a pause has little to
hold and a change of routes little to move.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from cpaas.campaigns.tally import Estimate
from cpaas.campaigns.types import RECIPIENT, Campaign, Window
from cpaas.kit.hours import Hours, moment_of, read
from cpaas.messages.envelopes import LANE_NUMBER
from cpaas.pipeline.route_waits import lanes_of
from cpaas.routing.plan import DEFAULT_ZONE, Planner
from cpaas.snapshot.types import Snapshot

AHEAD_SECONDS: Final = 30
UNLIMITED: Final = 10**9


class Way(msgspec.Struct, frozen=True):
    """Where a campaign's messages go: segments a second (0 = without limit), and where they wait.

    lanes: those of the channel's submit queue in which its messages may lie.
    """

    tps: int
    lanes: list[int]


def way_of(snapshot: Snapshot, campaign: Campaign, numbers: Sequence[str], now_us: int) -> Way:
    """The way of messages to these numbers.

    A strategy's members that take over from each other when one is full count together.
    """
    content = campaign.content
    planner = Planner(
        snapshot, campaign.account_id, content.channel, content.traffic_class,
        is_test=campaign.is_test, now_us=now_us,
    )  # fmt: skip
    taken: set[int] = set()
    lanes = {LANE_NUMBER[content.traffic_class]}
    for number in numbers:
        plan = planner.plan(number, content.sender)
        taken.update(plan.route_ids[: max(1, plan.overflow)])
        lanes |= lanes_of(plan, content.traffic_class)
    rates = [snapshot.routes[route_id].tps for route_id in taken if route_id in snapshot.routes]
    return Way(0 if not rates or 0 in rates else sum(rates), sorted(lanes))


def ahead(tps: int, waiting: int, estimate: Estimate | None) -> int:
    """How many more messages may wait before routes of this rate."""
    if not tps:
        return UNLIMITED
    each = estimate.segments / estimate.messages if estimate and estimate.messages else 1.0
    return max(0, int(tps * AHEAD_SECONDS / each) - waiting)


def hours_of(window: Window) -> Hours:
    """The window's hours. Errors: InputError."""
    return read(window.days, window.hours)


def is_open(window: Window, now_us: int, zone: str) -> bool:
    """Whether it may be sent now in a zone."""
    return hours_of(window).within(moment_of(now_us, zone))


def zone_of_window(snapshot: Snapshot, window: Window) -> str:
    """The zone of a window that has one for all: its own, else the platform's."""
    if window.zone and window.zone != RECIPIENT:
        return window.zone
    return str(snapshot.settings.get("timezone") or DEFAULT_ZONE)
