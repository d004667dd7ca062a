"""Report Summary: a period of the account per channel, country or time, against the one before."""

from datetime import timedelta
from typing import Any, Final, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cpaas.consoles.shared import cells, formats, summary
from cpaas.consoles.shared.filters import Choice, Filters
from cpaas.consoles.shared.overview import CHANNEL_NAMES, Card
from cpaas.consoles.shared.runtime import account_id, answer, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.summary import Named
from cpaas.consoles.shared.table import Column, Row, Table
from cpaas.kit.errors import InputError
from cpaas.reports.summary import TIMES, summarise
from cpaas.reports.types import By, Summary, SummaryRow

BY: Final = (
    ("", "Per channel"), ("country", "Per country"), ("day", "Per day"), ("hour", "Per hour"),
)  # fmt: skip


def report_summary(request: HttpRequest) -> HttpResponse:
    """Cards, a chart and the table."""
    filters = Filters(request, "report_summary", [Choice("by", "Summary", BY)])
    by = cast("By", filters["by"] or "channel")
    until = filters.days.last + timedelta(days=1)
    page: dict[str, Any] = {"title": "Report Summary", "filters": filters}
    try:
        (found,) = answer(
            request,
            summarise(
                account_id(request), filters.days.first, until, by, runtime().settings.timezone
            ),
        )
    except InputError as error:
        messages.error(request, f"{error.what[:1].upper()}{error.what[1:]}: {error.todo}.")
        return render(request, "portal/report_summary.html", page | {"fault": True})
    page |= {
        "cards": _cards(found), "table": _table(found),
        "chart": summary.chart(found, _named(by)) if found.rows else None,
        "before": summary.days_before(found),
    }  # fmt: skip
    return render(request, "portal/report_summary.html", page)


def _named(by: str) -> Named:
    if by == "channel":
        return lambda key: CHANNEL_NAMES.get(key, key)
    return lambda key: key or "unknown"


def _cards(found: Summary) -> list[Card]:
    now, before, currency = found.total, found.total_before, runtime().settings.currency
    return [
        summary.card("Messages", now.accepted, before.accepted, formats.count(now.accepted)),
        summary.rate_card(now, before),
        summary.card("Failed", now.undelivered, before.undelivered,
                     formats.count(now.undelivered), fewer_is_better=True),
        summary.card("Cost", now.net_micro, before.net_micro,
                     formats.amount(now.net_micro, currency), is_cost=True),
    ]  # fmt: skip


def _table(found: Summary) -> Table:
    return Table(
        columns=[
            Column(summary.HEADINGS[found.by], wide=True), Column("Messages", right=True),
            Column("Segments", right=True), Column("Change", right=True),
            Column("Delivered", right=True), Column("Success Rate"),
            Column("Failed", right=True), Column("Cost", right=True),
        ],
        rows=[_row(one, found.by) for one in found.rows],
        empty_title="No messages in this period",
        empty_text="Choose other days. Every live message counts from the minute it is accepted.",
    )  # fmt: skip


def _row(one: SummaryRow, by: str) -> Row:
    sums = one.figures
    words, _ = summary.difference(sums.accepted, one.before.accepted)
    rate = sums.success_rate
    return Row(
        [
            cells.name(_named(by)(one.key)),
            cells.count(sums.accepted),
            cells.count(sums.segments),
            words or (cells.NOTHING if by in TIMES or not sums.accepted else "new"),
            cells.count(sums.delivered),
            cells.NOTHING if rate is None else cells.bar(100 * rate, f"{100 * rate:.1f}%", "is-ok"),
            cells.count(sums.undelivered),
            cells.money(sums.net_micro),
        ]
    )


SCREEN = Screen(
    title="Report Summary",
    icon="monitoring",
    slug="report-summary",
    group="Insight",
    pages=[Page("", report_summary, "home")],
)
