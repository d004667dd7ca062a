"""A message's page: its whole life, what it cost, what it said. Numbers and text are masked until
*Show*, which the audit log keeps."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from cpaas.accounts import editing_queries
from cpaas.consoles.shared import formats, life, queries
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import change, look, runtime
from cpaas.messages.timeline import timeline
from cpaas.reports import log
from cpaas.reports.statement import ask, micros
from cpaas.reports.types import MessageRow
from cpaas.routes import queries as route_queries


def message(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """The page, with number and text masked."""
    return _page(request, message_id, shown=False)


@require_POST
def show(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """The same with number and text; audited before anything is shown."""
    change(
        request,
        lambda c: queries.audit(c, "view", "message", str(message_id), "number and text shown"),
    )
    return _page(request, message_id, shown=True)


def _page(request: HttpRequest, message_id: UUID, *, shown: bool) -> HttpResponse:
    async def read(connection: Any) -> tuple[Any, ...]:
        row = await ask(connection, log.message(None, message_id))
        if row is None:
            return None, None, "", {}
        entries = await timeline(connection, row.account_id, message_id.bytes)
        names = await editing_queries.names(connection, [row.account_id])
        routes = {one.id: one.name for one in await route_queries.routes(connection)}
        return row, entries, names.get(row.account_id, ""), routes

    row, entries, account, routes = look(request, read)
    if row is None or entries is None:
        raise Http404("There is no such message.")
    settings = runtime().settings
    teller = life.Teller(
        zone=settings.timezone, currency=settings.currency, routes=routes, operator=True
    )
    page = {
        "title": "Reports",
        "row": row,
        "shown": shown,
        "recipient": row.recipient if shown else formats.masked(row.recipient),
        "channel": CHANNEL_NAMES.get(row.channel, row.channel),
        "account": account or "operator's test",
        "route": routes.get(row.route_id, ""),
        "steps": life.steps(entries, teller),
        "took": _took(row),
        "margin": row.cost_micro - row.carrier_cost_micro,
        "margin_share": formats.share(row.cost_micro - row.carrier_cost_micro, row.cost_micro),
        "dots": "•" * min(len(row.body), 24),
        "characters": len(row.body),
        "json": life.as_json(entries, str(row.id), row.status, operator=True),
    }
    return render(request, "admin_console/message.html", page)


def _took(row: MessageRow) -> str:
    end = row.delivered_at or row.final_at
    if end is None:
        return ""
    word = "delivered" if row.delivered_at else row.status.lower()
    return f"{word} in {formats.span(micros(end) - micros(row.created_at))}"
