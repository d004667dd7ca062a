"""What Report Summary shows on both consoles: cards, differences and the chart of a period."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from cpaas.consoles.shared import charts, formats
from cpaas.consoles.shared.charts import Chart, Series
from cpaas.consoles.shared.overview import Card
from cpaas.reports.types import Figures, Summary

#: as many bars are drawn; the table has them all.
BARS_MAX: Final = 62
Named = Callable[[str], str]
HEADINGS: Final = {
    "account": "Account", "channel": "Channel", "route": "Route", "country": "Country",
    "day": "Day", "hour": "Hour",
}  # fmt: skip


def days_before(found: Summary) -> str:
    """The period that it is compared with."""
    first = found.since - (found.until - found.since)
    last = found.since - timedelta(days=1)
    return f"{last:%d %b %Y}" if first == last else f"{first:%d %b} to {last:%d %b %Y}"


def card(
    label: str, now: int, before: int, value: str, *, fewer_is_better: bool = False,
    is_cost: bool = False,
) -> Card:  # fmt: skip
    """A figure against the period before. What is spent is neither good nor bad."""
    words, tone = difference(now, before)
    if fewer_is_better and words:
        tone = "bad-text" if now > before else "ok-text"
    if is_cost:
        tone = "grey"
    aside = "on the period before" if words else "nothing in the period before"
    return Card(label, value, change=words, tone=tone, aside=aside)


def rate_card(now: Figures, before: Figures) -> Card:
    """The success rate, and how many points it has moved."""
    rate, earlier = now.success_rate, before.success_rate
    if rate is None:
        return Card("Success Rate", formats.DASH, aside="after the first receipt")
    points = "" if earlier is None else f"{100 * (rate - earlier):+.1f} pts".replace("-", "−")
    tone = "bad-text" if points.startswith("−") else "ok-text"
    aside = f"{formats.count(now.delivered)} of {formats.count(now.submitted)}"
    return Card("Success Rate", f"{100 * rate:.1f}%", change=points, tone=tone, aside=aside)


def difference(now: int, before: int) -> tuple[str, str]:
    """The change in percent with its tone; nothing where there is nothing to compare with."""
    if not before:
        return "", ""
    percent = 100 * (now - before) / abs(before)
    return f"{percent:+.1f}%".replace("-", "−"), "ok-text" if percent >= 0 else "bad-text"


def chart(found: Summary, named: Named) -> Chart:
    """Bars of the rows by status."""
    rows = found.rows[:BARS_MAX]
    sums = [one.figures for one in rows]
    sets = [
        Series("Delivered", [one.delivered for one in sums], charts.GREEN, "is-ok"),
        Series("In flight", [one.in_flight for one in sums], charts.AMBER, "is-wait"),
        Series("Failed", [one.undelivered for one in sums], charts.RED, "is-bad"),
    ]
    total = found.total
    return Chart(
        kind="bar", labels=[named(one.key)[-16:] for one in rows], series=sets, ticks=12,
        said=f"{total.accepted} messages, {total.delivered} delivered,"
             f" {total.undelivered} failed.",
    )  # fmt: skip
