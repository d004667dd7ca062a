"""AI insights on the Dashboard: findings computed first, worded by a model where one answers."""

from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cpaas.consoles.shared import formats
from cpaas.consoles.shared.runtime import answer, look, runtime
from cpaas.consoles.shared.unusual import Said, look_for, said
from cpaas.consoles.shared.worded import worded
from cpaas.insights import judge
from cpaas.monitoring import queries as monitoring
from cpaas.monitoring.types import Depth
from cpaas.reports import figures
from cpaas.reports.days import today as day_of
from cpaas.reports.types import Figures
from cpaas.routes import queries as routes

SHOWN_MAX: Final = 6
OLD_SECONDS: Final = 60
REVENUE_DAYS: Final = 14
REPORTS: Final = "/reports/"
_QUIET: Final = (
    "Nothing unusual: traffic, delivery by channel, country and route, failures, revenue and queues"
    " are as they usually are."
)
_ACTIONS: Final = {
    "is-bad": ["See the messages", "Test the route", "Put another route before it"],
    "is-wait": ["See the messages", "Ask the account", "Look at the queues"],
}


def insights(request: HttpRequest) -> HttpResponse:
    """The section, fetched by the Dashboard after it is shown, so that no model delays it."""
    found = _findings(request)[:SHOWN_MAX]
    context = worded(found, _ACTIONS) | {"more": "See the figures", "quiet": _QUIET}
    return render(request, "console/insights.html", context)


def _findings(request: HttpRequest) -> list[Said]:
    now, zone = datetime.now(UTC), runtime().settings.timezone
    unusual, by_route, revenue = answer(
        request,
        look_for(None, now, zone),
        figures.of_days(None, now, zone, 7, "route_id::text"),
        _revenue(now, zone),
    )
    named = {str(one.id): one.name for one in look(request, routes.routes)}
    depths = look(request, monitoring.depths)
    found = [said(one, REPORTS) for one in unusual.findings]
    found += _of_routes(by_route, named)
    found += revenue
    return found + _of_queues(depths)


def _of_routes(
    by_route: tuple[dict[str, Figures], dict[str, Figures]], named: dict[str, str]
) -> list[Said]:
    today, before = by_route
    found = []
    for key, now in today.items():
        past, name = before.get(key, Figures()), named.get(key)
        one = judge.delivery(
            key, now.delivered + now.undelivered, now.delivered,
            past.delivered + past.undelivered, past.delivered,
        )  # fmt: skip
        if one and name:
            found.append(
                Said(
                    tone="is-bad", icon="alt_route", title=f"Route {name}: fewer arrive than usual",
                    text=f"{one.now:.1%} of {formats.count(one.of)} ended messages were delivered"
                    f" over it today; over the last 7 days it was {one.usual:.1%}.",
                    link=f"/routes/{name}/",
                )
            )  # fmt: skip
    return found


def _revenue(now: datetime, zone: str) -> Generator[Any, Any, list[Said]]:
    """Yesterday's revenue against the days before it; today's is not over."""
    by_day = yield from figures.daily(None, now, zone, REVENUE_DAYS + 1)
    today = day_of(now, zone)
    days = [str(today - timedelta(days=back)) for back in range(1, REVENUE_DAYS + 2)]
    first = min(by_day, default="")
    sums = [_net(by_day.get(day, Figures())) for day in days if first and day >= first]
    if not sums:
        return []
    one = judge.traffic(days[0], sums[0], sums[1:])
    if one is None:
        return []
    word = "more" if one.kind == "traffic_high" else "less"
    currency = runtime().settings.currency
    return [
        Said(
            tone="is-wait", icon="payments", title=f"Revenue: {word} than usual yesterday",
            text=f"{formats.amount(int(one.now) * 1_000_000, currency)} on {days[0]}; usually it is"
            f" about {formats.amount(int(one.usual) * 1_000_000, currency)} a day.",
            link=f"{REPORTS}?days=yesterday",
        )
    ]  # fmt: skip


def _net(one: Figures) -> int:
    """Whole units of the currency, which is fine enough for what is unusual."""
    return (one.charged_micro - one.refunded_micro) // 1_000_000


def _of_queues(depths: Sequence[Depth]) -> list[Said]:
    return [
        Said(
            tone="is-wait", icon="stacks", title=f"Queue {one.queue}: its oldest item waits",
            text=f"{formats.count(one.messages)} messages lie in it; the oldest could have gone"
            f" {formats.span(int(one.oldest_s * 1_000_000))} ago.",
            link="/monitoring/",
        )
        for one in depths
        if one.oldest_s > OLD_SECONDS
    ]  # fmt: skip
