"""What is unusual today, found from the counters and said with its figures and where to look."""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from cpaas.consoles.shared import formats, overview
from cpaas.consoles.shared.charts import GREY, PRIMARY, Chart, Series
from cpaas.insights import judge
from cpaas.insights.judge import Finding
from cpaas.reports import figures
from cpaas.reports.days import full_hour, read_zone
from cpaas.reports.types import Figures

DAYS_BACK: Final = 14
HOURS_SHOWN: Final = 24
DELIVERY_DAYS: Final = 7
_HOUR: Final = timedelta(hours=1)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A finding in words; `link` shows the messages it stands on."""

    tone: str
    icon: str
    title: str
    text: str
    link: str


class Unusual(msgspec.Struct, frozen=True):
    """Everything found, and the last day's hours beside what they usually hold."""

    findings: list[Finding]
    chart: Chart
    #: days of the past that the hours are compared with; fewer than five say nothing.
    days: int


def look_for(account_id: int | None, now: datetime, zone: str) -> Generator[Any, Any, Unusual]:
    """The question: hours against the same hours of two weeks, delivery against a week."""
    hours = yield from figures.hourly(account_id, now, zone, DAYS_BACK + 1)
    channels = yield from figures.of_days(account_id, now, zone, DELIVERY_DAYS, "channel")
    countries = yield from figures.of_days(account_id, now, zone, DELIVERY_DAYS, "country")
    errors = yield from figures.top_errors(account_id, now, zone)
    findings, chart, days = _hours(hours, now, zone)
    for today, before in (channels, countries):
        findings += _delivery(today, before)
    handed = sum(one.submitted for one in channels[0].values())
    handed_before = sum(one.submitted for one in channels[1].values()) // DELIVERY_DAYS
    findings += judge.failures(
        {one.error_code: one.messages for one in errors}, handed,
        {one.error_code: one.before for one in errors}, handed_before,
    )  # fmt: skip
    return Unusual(sorted(findings, key=lambda one: -one.weight), chart, days)


def _hours(hours: dict[str, Figures], now: datetime, zone: str) -> tuple[list[Finding], Chart, int]:
    present = full_hour(now, zone)
    first_known = min(hours, default="")
    findings, counts, expected, labels, most = [], [], [], [], 0
    for back in range(HOURS_SHOWN - 1, -1, -1):
        hour = (present - back * _HOUR).astimezone(read_zone(zone))
        named = [f"{hour - timedelta(days=day):%Y-%m-%d %H:00}" for day in range(DAYS_BACK + 1)]
        count = _accepted(hours, named[0])
        # Days before the first message ever are no days on which nothing was sent.
        past = [_accepted(hours, one) for one in named[1:] if first_known and one >= first_known]
        known = judge.usual(past)
        findings.append(judge.traffic(named[0], count, past, whole=back > 0))
        counts.append(count)
        expected.append(known.expected if known else 0)
        labels.append(f"{hour:%H:00}")
        most = max(most, len(past))
    chart = Chart(
        kind="line", labels=labels, height=220, ticks=8,
        series=[
            Series("Messages", counts, PRIMARY, "is-info"),
            Series(f"Usual (median of {most} days)", expected, GREY, "is-idle"),
        ],
        said=f"Messages of the last {HOURS_SHOWN} hours, and what these hours usually hold.",
    )  # fmt: skip
    return judge.together(findings), chart, most


def _accepted(hours: dict[str, Figures], name: str) -> int:
    found = hours.get(name)
    return found.accepted if found else 0


def _delivery(today: dict[str, Figures], before: dict[str, Figures]) -> list[Finding]:
    found = []
    for key, now in today.items():
        past = before.get(key, Figures())
        # What is still under way has neither arrived nor failed.
        over = now.delivered + now.undelivered
        one = judge.delivery(
            key, over, now.delivered, past.delivered + past.undelivered, past.delivered
        )
        if one:
            found.append(one)
    return found


def said(found: Finding, reports: str) -> Said:
    """A finding in words. `reports`: the address of the message log."""
    if found.kind in {"traffic_high", "traffic_low"}:
        return _said_of_hour(found, reports)
    if found.kind == "delivery_drop":
        name = overview.CHANNEL_NAMES.get(found.subject, found.subject)
        return Said(
            tone="is-bad", icon="trending_down",
            title=f"{name}: fewer arrive than usual",
            text=f"{found.now:.1%} of {formats.count(found.of)} ended messages were delivered"
            f" today; over the last {DELIVERY_DAYS} days it was {found.usual:.1%}."
            f" That is about {formats.count(round(found.weight))} messages more that did not.",
            link=_link(reports, channel=found.subject if name != found.subject else "",
                       status="FAILED"),
        )  # fmt: skip
    words = overview.error_words(found.subject)
    return Said(
        tone="is-bad", icon="error",
        title=f"{found.subject}: {formats.count(round(found.now))} messages failed of it today",
        text=f"{words}. That is {found.now / found.of:.1%} of what was handed to carriers;"
        f" yesterday's share would have been about {formats.count(round(found.usual))}.",
        link=_link(reports, error=found.subject),
    )  # fmt: skip


def _said_of_hour(found: Finding, reports: str) -> Said:
    begins = datetime.strptime(found.subject, "%Y-%m-%d %H:%M")  # noqa: DTZ007
    ends = begins + found.hours * _HOUR
    when = f"{begins:%H:00}" if found.hours == 1 else f"{begins:%H:00} to {ends:%H:00}"
    within = "in this hour" if found.hours == 1 else f"in these {found.hours} hours"
    now, usual = formats.count(round(found.now)), formats.count(round(found.usual))
    asked = {"days": "custom", "from": f"{begins:%Y-%m-%d}", "to": f"{ends:%Y-%m-%d}"}
    link = f"{reports}?{urlencode(asked)}"
    if found.kind == "traffic_high":
        times = f" That is {found.now / found.usual:.1f} times as many." if found.usual >= 1 else ""
        return Said(
            tone="is-wait", icon="trending_up", title=f"{when}: more messages than usual",
            text=f"{now} messages were accepted {within}; usually it is about {usual}.{times}"
            " If this was not planned, look what sent them, and change the API key.",
            link=link,
        )  # fmt: skip
    return Said(
        tone="is-wait", icon="trending_down", title=f"{when}: far fewer messages than usual",
        text=f"Only {now} messages were accepted {within}; usually it is about {usual}."
        " See whether the program that sends them still runs.",
        link=link,
    )  # fmt: skip


def _link(reports: str, **filters: str) -> str:
    return f"{reports}?{urlencode({name: value for name, value in filters.items() if value})}"
