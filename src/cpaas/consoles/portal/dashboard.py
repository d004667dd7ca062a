"""Dashboard: how the account's messages are doing now."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse

from cpaas.consoles.portal import first_run
from cpaas.consoles.portal.insights import insights
from cpaas.consoles.shared import formats, overview
from cpaas.consoles.shared.live import render_live
from cpaas.consoles.shared.overview import Card
from cpaas.consoles.shared.runtime import account_id, answer, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.reports import figures
from cpaas.reports.types import PortalCards
from cpaas.schema.models import User


def dashboard(request: HttpRequest) -> HttpResponse:
    """The page, and every few seconds its live part."""
    now, zone, account = datetime.now(UTC), runtime().settings.timezone, account_id(request)
    cards, channels, ever, errors = answer(
        request,
        figures.portal_cards(account, now, zone),
        figures.channels(account, now, zone),
        figures.channels(account, now, zone, ever=True),
        figures.top_errors(account, now, zone, 5),
    )
    page = {
        "title": "Dashboard",
        "cards": _cards(cards),
        "channels": overview.channel_rows(channels, enabled(request)),
        "ever": overview.channel_rows(ever, enabled(request)),
        "errors": overview.error_rows(errors),
    }
    if not request.headers.get("HX-Request"):
        delivered = any(one.figures.delivered for one in ever)
        page |= first_run.checklist(request, delivered=delivered)
    return render_live(request, "portal/dashboard.html", "portal/dashboard_live.html", page)


def enabled(request: HttpRequest) -> list[str]:
    """The channels that are on for this account."""
    account = request.user.account if isinstance(request.user, User) else None
    return [one for one in overview.CHANNEL_NAMES if getattr(account, f"{one}_enabled", False)]


def _cards(found: PortalCards) -> list[Card]:
    today, against, currency = found.today, found.comparison, runtime().settings.currency
    limit = formats.amount(found.credit_limit_micro, currency)
    return [
        overview.messages_card("Messages Today", today, against),
        overview.success_card(today, against),
        overview.money_card("Cost Today", today, against, is_cost=True),
        Card(
            "Balance", formats.amount(found.balance_micro, currency),
            aside=f"credit limit {limit}" if found.credit_limit_micro else "prepaid",
        ),
    ]  # fmt: skip


SCREEN = Screen(
    title="Dashboard",
    icon="space_dashboard",
    slug="dashboard",
    pages=[Page("", dashboard, "home"), Page("insights/", insights, "insights"), *first_run.PAGES],
)
