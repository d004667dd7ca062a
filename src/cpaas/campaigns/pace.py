"""How many messages of a campaign may be launched now: routes' rates, its own rate, its hours.

At most about half a minute of the routes' TPS is launched ahead, so that a pause has little to
hold and a change of routes little to move.
"""

from collections.abc import Sequence
from typing import Final

from cpaas.campaigns.tally import Estimate
from cpaas.campaigns.types import RECIPIENT, Campaign, Window
from cpaas.kit.hours import Hours, moment_of, read
from cpaas.routing.plan import DEFAULT_ZONE, Planner
from cpaas.snapshot.types import Snapshot

AHEAD_SECONDS: Final = 30
UNLIMITED: Final = 10**9


def routes_tps(snapshot: Snapshot, campaign: Campaign, numbers: Sequence[str], now_us: int) -> int:
    """Segments a second of the routes that messages to these numbers take; 0 = without limit.

    A strategy's members that take over from each other when one is full count together.
    """
    content = campaign.content
    planner = Planner(
        snapshot, campaign.account_id, content.channel, content.traffic_class,
        is_test=campaign.is_test, now_us=now_us,
    )  # fmt: skip
    taken: set[int] = set()
    for number in numbers:
        plan = planner.plan(number, content.sender)
        taken.update(plan.route_ids[: max(1, plan.overflow)])
    rates = [snapshot.routes[route_id].tps for route_id in taken if route_id in snapshot.routes]
    return 0 if not rates or 0 in rates else sum(rates)


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
