"""Traffic Anomalies: the account's own traffic against its past, and what is unusual, explained."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from cpaas.consoles.shared.runtime import account_id, answer, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.unusual import DAYS_BACK, look_for, said
from cpaas.insights.judge import PAST_MIN


def anomalies(request: HttpRequest) -> HttpResponse:
    """The last day hour by hour, and each finding with its figures."""
    zone = runtime().settings.timezone
    (found,) = answer(request, look_for(account_id(request), datetime.now(UTC), zone))
    reports = reverse("reports:home")
    context = {
        "title": "Traffic Anomalies", "chart": found.chart,
        "findings": [said(one, reports) for one in found.findings],
        "days": found.days, "days_wanted": PAST_MIN, "enough": found.days >= PAST_MIN,
        "days_back": DAYS_BACK,
    }  # fmt: skip
    return render(request, "portal/anomalies.html", context)


SCREEN = Screen(
    title="Traffic Anomalies",
    icon="troubleshoot",
    slug="anomalies",
    group="Insight",
    pages=[Page("", anomalies, "home")],
)
