"""AI usage insights on the Dashboard: how the account's messages are used, and what is unusual."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from cpaas.consoles.shared import formats, queries
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import account_id, answer, look, runtime
from cpaas.consoles.shared.screen import allowed, screens
from cpaas.consoles.shared.unusual import Said, look_for, said
from cpaas.consoles.shared.worded import worded
from cpaas.reports import figures
from cpaas.reports.types import Figures

DAYS: Final = 7
UNUSUAL_MAX: Final = 3
#: fewer messages in the days say nothing about a habit.
MESSAGES_MIN: Final = 20
#: an average is rounded to as many micro-units, which four decimals show.
SHOWN_MICRO: Final = 100
#: a balance that lasts no longer is told as something to do.
DAYS_LEFT_MIN: Final = 7
SEGMENTS_MANY: Final = 1.3
_QUIET: Final = (
    "After some 20 messages this tells how they are used: which channel carries them,"
    " what one that arrives costs, how long the balance lasts, and what is unusual."
)
_ACTIONS: Final = {
    "is-bad": ["See the messages", "Try another channel first", "Clean the list of numbers"],
    "is-wait": ["See the messages", "Ask for a top-up", "Shorten the text", "Change the API key"],
    "is-info": ["Compare the channels", "Plan the budget"],
}


def insights(request: HttpRequest) -> HttpResponse:
    """The section, fetched by the Dashboard after it is shown, so that no model delays it."""
    now, zone, account = datetime.now(UTC), runtime().settings.timezone, account_id(request)
    unusual, (today, before) = answer(
        request, look_for(account, now, zone), figures.of_days(account, now, zone, DAYS, "channel")
    )
    balance = look(request, lambda c: queries.balance(c, account))
    reports = reverse("reports:home")
    found = [said(one, reports) for one in unusual.findings[:UNUSUAL_MAX]]
    found += usage(request, before, f"the last {DAYS} days", balance) or usage(
        request, today, "today"
    )
    context = worded(found, _ACTIONS) | {
        "heading": "AI usage insights", "more": "See more", "quiet": _QUIET,
    }  # fmt: skip
    return render(request, "console/insights.html", context)


def usage(
    request: HttpRequest, channels: dict[str, Figures], when: str, balance_micro: int = 0
) -> list[Said]:
    """What figures say of the account's habits; nothing where they are few.

    The balance is set against the figures of whole days; those of today tell no pace yet.
    """
    sums = list(channels.values())
    total = sum(one.accepted for one in sums)
    if total < MESSAGES_MIN:
        return []
    summary = f"{_link(request, 'report-summary')}?days=7d"
    found = [
        _balance(sums, balance_micro, _link(request, "billing")),
        _segments(channels.get("sms", Figures()), _link(request, "quick"), when),
        _busiest(channels, total, summary, when),
        _price(sums, summary, when),
    ]
    return [one for one in found if one is not None]


def _link(request: HttpRequest, slug: str) -> str:
    """A screen's address, for roles that may open it."""
    screen = next(one for one in screens() if one.slug == slug)
    role = getattr(request.user, "member_role", "")
    return screen.link if allowed(screen, "home", role) else ""


def _balance(sums: Sequence[Figures], balance_micro: int, billing: str) -> Said | None:
    """How long the money lasts at the pace of these days."""
    a_day = sum(one.net_micro for one in sums) // DAYS
    if a_day <= 0 or balance_micro <= 0:
        return None
    left, currency = balance_micro // a_day, runtime().settings.currency
    return Said(
        tone="is-wait" if left < DAYS_LEFT_MIN else "is-info", icon="account_balance_wallet",
        title=f"Your balance lasts about {_counted(left, 'day')}",
        text=f"{formats.amount(balance_micro, currency)} at"
        f" {_average(a_day)} a day, as over the last {DAYS} days.",
        link=billing,
    )  # fmt: skip


def _segments(sms: Figures, link: str, when: str) -> Said | None:
    """Texts of several segments, each of which is charged."""
    if sms.accepted < MESSAGES_MIN or sms.segments < SEGMENTS_MANY * sms.accepted:
        return None
    return Said(
        tone="is-wait", icon="splitscreen",
        title=f"{sms.segments / sms.accepted:.1f} segments an SMS",
        text=f"{formats.count(sms.accepted)} SMS of {when} were"
        f" {formats.count(sms.segments)} segments, and each is charged. Quick Message names the"
        " character that makes a text longer.",
        link=link,
    )  # fmt: skip


def _busiest(channels: dict[str, Figures], total: int, link: str, when: str) -> Said:
    name, most = max(channels.items(), key=lambda one: one[1].accepted)
    rate = most.success_rate
    arrived = f"; {rate:.1%} of what was handed to carriers arrived" if rate is not None else ""
    return Said(
        tone="is-info", icon="forum",
        title=f"{CHANNEL_NAMES.get(name, name)} carries {most.accepted / total:.1%}",
        text=f"{formats.count(most.accepted)} of {formats.count(total)} messages of {when}"
        f"{arrived}.",
        link=link,
    )  # fmt: skip


def _price(sums: Sequence[Figures], link: str, when: str) -> Said | None:
    """What a message that arrives costs, with those that did not."""
    delivered, cost = sum(one.delivered for one in sums), sum(one.net_micro for one in sums)
    if not delivered or cost <= 0:
        return None
    currency = runtime().settings.currency
    return Said(
        tone="is-info", icon="payments",
        title=f"{_average(cost // delivered)} for a message that arrives",
        text=f"{formats.amount(cost, currency)} for {formats.count(delivered)} delivered messages"
        f" of {when}, those that failed included.",
        link=link,
    )  # fmt: skip


def _average(micro: int) -> str:
    rounded = (micro + SHOWN_MICRO // 2) // SHOWN_MICRO * SHOWN_MICRO
    return formats.amount(rounded, runtime().settings.currency)


def _counted(number: int, word: str) -> str:
    return f"{formats.count(number)} {word}" + ("" if number == 1 else "s")
