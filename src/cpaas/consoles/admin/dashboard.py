"""Dashboard: how the platform is doing now. Four cards, traffic, channels, errors, routes."""

from datetime import UTC, datetime
from typing import Final

from django.http import HttpRequest, HttpResponse

from cpaas.consoles.admin.insights import insights
from cpaas.consoles.shared import cells, formats, overview
from cpaas.consoles.shared.live import render_live
from cpaas.consoles.shared.overview import Card
from cpaas.consoles.shared.runtime import answer, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table
from cpaas.consoles.shared.tones import ROUTE_TONES
from cpaas.reports import figures
from cpaas.reports.types import AdminCards, RouteHealth

ERRORS_SHOWN: Final = 5
_CHANNELS: Final = ("sms", "whatsapp", "rcs", "voice")


def dashboard(request: HttpRequest) -> HttpResponse:
    """The page, and every few seconds its live part."""
    now, zone = datetime.now(UTC), runtime().settings.timezone
    cards, traffic, channels, errors, routes = answer(
        request,
        figures.admin_cards(now, zone),
        figures.traffic(now),
        figures.channels(None, now, zone),
        figures.top_errors(None, now, zone, ERRORS_SHOWN),
        figures.route_health(now),
    )
    page = {
        "title": "Dashboard",
        "cards": _cards(cards),
        "chart": overview.traffic_chart(traffic),
        "quiet": not any(one.figures.accepted for one in traffic),
        "channels": overview.channel_rows(channels, _CHANNELS),
        "errors": overview.error_rows(errors),
        "error_link": "/reports/?error=",
        "routes": _routes([one for one in routes if not one.name.startswith("test_")]),
    }
    return render_live(
        request, "admin_console/dashboard.html", "admin_console/dashboard_live.html", page
    )


def _cards(found: AdminCards) -> list[Card]:
    today, against = found.today, found.comparison
    return [
        overview.messages_card("Total Messages (Today)", today, against),
        overview.success_card(today, against),
        Card(
            "Active Users", formats.count(found.active_users),
            of=f"of {formats.count(found.users)}", aside="accounts that logged in or sent today",
        ),
        overview.money_card("Revenue", today, against),
    ]  # fmt: skip


def _routes(found: list[RouteHealth]) -> Table:
    rows = []
    for one in found:
        state = one.state if one.active else "off"
        word = {"": "not served"}.get(state, state)
        limit = f" / {formats.count(one.tps)}" if one.tps else ""
        percent = 100 * one.tps_now / one.tps if one.tps else 0
        rate = one.hour.success_rate
        rows.append(
            Row(
                [
                    cells.name(
                        one.name, overview.CHANNEL_NAMES[one.channel], f"/routes/{one.name}/"
                    ),
                    cells.dot(word, ROUTE_TONES.get(state, "is-idle"), one.last_error),
                    cells.bar(percent, f"{one.tps_now:,.0f}{limit}"),
                    f"{one.binds_up} of {one.binds_wanted}" if one.binds_wanted else cells.NOTHING,
                    cells.count(one.hour.submitted),
                    cells.NOTHING if rate is None else f"{100 * rate:.1f}%",
                ]
            )
        )
    return Table(
        columns=[
            Column("Route", wide=True), Column("State"), Column("Rate / limit"),
            Column("Binds", right=True), Column("Sent, last hour", right=True),
            Column("Delivered", right=True),
        ],
        rows=rows,
        empty_title="No routes yet",
        empty_text="A route connects the platform to a carrier. Add one under Routes.",
    )  # fmt: skip


SCREEN = Screen(
    title="Dashboard",
    icon="space_dashboard",
    slug="dashboard",
    pages=[Page("", dashboard, "home"), Page("insights/", insights, "insights")],
)
