"""Operator alerts on Monitoring: what is open first, acknowledged by a click; the history below."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from cpaas.alerts import queries
from cpaas.alerts.types import KINDS, Alert
from cpaas.consoles.shared import cells, formats
from cpaas.consoles.shared.runtime import acting, change, look
from cpaas.consoles.shared.table import Column, Row, Table, cursor

PAGE_ROWS: Final = 50
#: of what is over, so many stand on Monitoring itself.
RECENT: Final = 3
_NEWEST: Final = 2**63 - 1
_COLUMNS: Final = (
    Column("Alert", wide=True), Column("Kind"), Column("State"), Column("Since", right=True),
    Column("Lasted", right=True), Column("Acknowledged"),
)  # fmt: skip


async def read(connection: Any) -> list[Alert]:
    """What is open, then the newest of what is over."""
    open_now = await queries.open_alerts(connection)
    return open_now + await queries.alert_page(connection, _NEWEST, RECENT, only_closed=True)


def table(request: HttpRequest, found: list[Alert], **paging: Any) -> Table:
    """Alerts as both pages show them."""
    return Table(
        columns=_COLUMNS,
        rows=[_row(request, one) for one in found],
        empty_title="No alerts yet",
        empty_text="A route that is down, a queue that waits, a full disk and the like stand here"
        " and are told by mail and webhook, as Settings say.",
        dense=False,
        **paging,
    )


def _row(request: HttpRequest, one: Alert) -> Row:
    over = one.closed_us is not None
    title = cells.name(one.title, link=one.link)
    lasted = formats.span(one.closed_us - one.opened_us) if one.closed_us else cells.NOTHING
    return Row(
        [
            format_html('{}<br><span class="aside">{}</span>', title, one.body),
            KINDS.get(one.kind, one.kind),
            cells.dot("over", "is-ok") if over else cells.dot("open", "is-bad"),
            cells.time(one.opened_us), lasted, _acknowledged(request, one),
        ]
    )  # fmt: skip


def _acknowledged(request: HttpRequest, one: Alert) -> SafeString | str:
    if one.acknowledged_us is not None:
        return one.acknowledged_by.removeprefix("admin:")
    if one.closed_us is not None:
        return cells.NOTHING
    return format_html(
        '<form method="post" action="{}" class="inline">'
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<button class="button-row" aria-label="Acknowledge: {}"><span'
        ' class="material-symbols-outlined" aria-hidden="true">check</span>Acknowledge</button>'
        "</form>",
        reverse("monitoring:acknowledge", args=[one.id]), get_token(request), one.title,
    )  # fmt: skip


def alerts(request: HttpRequest) -> HttpResponse:
    """The whole history, newest first."""
    after = cursor(request)
    before = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else _NEWEST
    found = look(request, lambda c: queries.alert_page(c, before, PAGE_ROWS + 1))
    shown = found[:PAGE_ROWS]
    page = {
        "title": "Alerts",
        "table": table(
            request, shown, first_page=not after,
            next_cursor=str(shown[-1].id) if len(found) > PAGE_ROWS else "",
        ),
    }  # fmt: skip
    return render(request, "admin_console/monitoring_letters.html", page)


@require_POST
def acknowledge(request: HttpRequest, alert: int) -> HttpResponse:
    """Somebody looks after it: it is not told again while it stays open."""
    actor = acting(request).actor
    if change(request, lambda c: queries.acknowledge(c, alert, actor)):
        messages.success(request, "Acknowledged: it is told again only when it is over.")
    else:
        messages.info(request, "It is over, or somebody else has acknowledged it.")
    return redirect("monitoring:home")
