"""Report Summary: a period per account, channel, route, country or time, against the one before."""

import time
from datetime import timedelta
from typing import Any, Final, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.accounts import editing_queries
from cpaas.consoles.shared import cells, formats, summary
from cpaas.consoles.shared import queries as console_queries
from cpaas.consoles.shared.filters import Choice, Filters
from cpaas.consoles.shared.overview import CHANNEL_NAMES, Card
from cpaas.consoles.shared.runtime import acting, change, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.summary import Named
from cpaas.consoles.shared.table import Column, Row, Table
from cpaas.kit.errors import InputError
from cpaas.reports import export
from cpaas.reports.export_types import Export
from cpaas.reports.statement import ask
from cpaas.reports.summary import ROWS_MAX, TIMES, summarise
from cpaas.reports.types import By, Summary, SummaryRow
from cpaas.routes import queries as route_queries

#: rows of a table that is not one of times; a file has them all.
SHOWN: Final = 100
BY: Final = (
    ("account", "Per account"), ("channel", "Per channel"), ("route", "Per route"),
    ("country", "Per country"), ("day", "Per day"), ("hour", "Per hour"),
)  # fmt: skip


def report_summary(request: HttpRequest) -> HttpResponse:
    """Cards, a chart and the table."""
    accounts, routes = look(request, _names)
    filters = _filters(request, accounts)
    by = cast("By", filters["by"] or "account")
    whose = int(filters["account"]) if filters["account"] else None
    page: dict[str, Any] = {"title": "Report Summary", "filters": filters, "by": by}
    until = filters.days.last + timedelta(days=1)
    zone, limit = runtime().settings.timezone, ROWS_MAX if by in TIMES else SHOWN
    try:
        found = look(
            request,
            lambda c: ask(c, summarise(whose, filters.days.first, until, by, zone, limit)),
        )
    except InputError as error:
        what = f"{error.what[:1].upper()}{error.what[1:]}"
        messages.error(request, f"{what}: {error.todo}.")
        return render(request, "admin_console/report_summary.html", page | {"fault": True})
    named = _namer(by, dict(accounts), routes)
    page |= {
        "cards": _cards(found), "table": _table(found, named), "more": SHOWN if found.more else 0,
        "chart": summary.chart(found, named) if found.rows else None,
        "before": summary.days_before(found),
    }  # fmt: skip
    return render(request, "admin_console/report_summary.html", page)


async def _names(connection: Any) -> tuple[list[tuple[int, str]], dict[int, str]]:
    routes = {one.id: one.name for one in await route_queries.routes(connection)}
    return await editing_queries.all_names(connection), routes


def _filters(request: HttpRequest, accounts: list[tuple[int, str]]) -> Filters:
    names = [(str(number), name) for number, name in accounts]
    return Filters(
        request, "report_summary",
        [
            Choice("by", "Summary", (("", "Per account"), *BY[1:])),
            Choice("account", "Account", (("", "All accounts"), *names)),
        ],
    )  # fmt: skip


def _namer(by: str, accounts: dict[int, str], routes: dict[int, str]) -> Named:
    if by == "account":
        return lambda key: accounts.get(int(key), f"account {key}")
    if by == "route":
        return lambda key: routes.get(int(key), "no route yet" if key == "0" else f"route {key}")
    if by == "channel":
        return lambda key: CHANNEL_NAMES.get(key, key)
    return lambda key: key or "unknown"


def _cards(found: Summary) -> list[Card]:
    now, before, currency = found.total, found.total_before, runtime().settings.currency
    margin = now.net_micro - now.carrier_cost_micro
    return [
        summary.card("Messages", now.accepted, before.accepted, formats.count(now.accepted)),
        summary.rate_card(now, before),
        summary.card("Revenue", now.net_micro, before.net_micro,
                     formats.amount(now.net_micro, currency)),
        summary.card("Margin", margin, before.net_micro - before.carrier_cost_micro,
                     formats.amount(margin, currency)),
    ]  # fmt: skip


def _table(found: Summary, named: Named) -> Table:
    return Table(
        columns=[
            Column(summary.HEADINGS[found.by], wide=True), Column("Messages", right=True),
            Column("Change", right=True), Column("Delivered", right=True),
            Column("Success Rate"), Column("Failed", right=True), Column("Revenue", right=True),
            Column("Carrier cost", right=True), Column("Margin", right=True),
        ],
        rows=[_row(one, found.by, named) for one in found.rows],
        empty_title="No messages in this period",
        empty_text="Choose other days. Every live message counts from the minute it is accepted.",
    )  # fmt: skip


def _row(one: SummaryRow, by: str, named: Named) -> Row:
    sums = one.figures
    # Handed to a route is what counts there: a message is accepted before it has one.
    now, before = sums.accepted, one.before.accepted
    if by == "route":
        now, before = sums.submitted, one.before.submitted
    words, _ = summary.difference(now, before)
    rate = sums.success_rate
    return Row(
        [
            cells.name(named(one.key), link=f"/users/{one.key}/" if by == "account" else ""),
            cells.count(now),
            words or (cells.NOTHING if by in TIMES or not now else "new"),
            cells.count(sums.delivered),
            cells.NOTHING if rate is None else cells.bar(100 * rate, f"{100 * rate:.1f}%", "is-ok"),
            cells.count(sums.undelivered),
            cells.money(sums.net_micro),
            cells.money(sums.carrier_cost_micro),
            cells.money(sums.net_micro - sums.carrier_cost_micro),
        ]
    )


@require_POST
def start_export(request: HttpRequest) -> HttpResponse:
    """The same figures as a file, made in the background."""
    given = request.POST
    filters = {name: given[name] for name in ("by", "from", "to") if given.get(name)}
    form = "xlsx" if given.get("format") == "xlsx" else "csv"

    async def work(connection: Any) -> Export:
        made = await export.request(
            connection, 0, "summary", form, filters, actor=acting(request).actor,
            zone=runtime().settings.timezone, now_us=time.time_ns() // 1000,
        )  # fmt: skip
        said = " ".join(f"{name}={value}" for name, value in filters.items())
        await console_queries.audit(connection, "export", "summary", str(made.id), said)
        return made

    try:
        made = change(request, work)
    except InputError as error:
        messages.error(
            request, f"Not exported. {error.what[:1].upper()}{error.what[1:]}: {error.todo}."
        )
        return redirect("report-summary:home")
    return redirect("reports:job", export_id=made.id)


SCREEN = Screen(
    title="Report Summary",
    icon="monitoring",
    slug="report-summary",
    group="Traffic",
    pages=[Page("", report_summary, "home"), Page("export/", start_export, "export")],
)
