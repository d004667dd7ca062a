"""Reports: the message log of all accounts, with every field of the guide, search and exports."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cpaas.accounts import editing_queries
from cpaas.consoles.admin import message
from cpaas.consoles.shared import cells, exports, formats
from cpaas.consoles.shared.filters import Choice, Filters, Text
from cpaas.consoles.shared.message_log import log_values, status_cell, when_cells
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.kit.errors import InputError
from cpaas.messages.statuses import TRANSITIONS
from cpaas.reports import log
from cpaas.reports.check import read_filter
from cpaas.reports.statement import ask
from cpaas.reports.types import LogPage, MessageRow
from cpaas.routes import queries as route_queries

PAGE: Final = 50
_TESTS: Final = (("", "Live messages"), ("yes", "Test messages"), ("all", "Live and test"))


def reports(request: HttpRequest) -> HttpResponse:
    """The log, newest first."""
    accounts, routes = look(request, _lists)
    filters = _filters(request, accounts, routes)
    after = cursor(request)
    page: dict[str, Any] = {"title": "Reports", "filters": filters, "exports": True}
    try:
        wanted = read_filter(log_values(filters), datetime.now(UTC), runtime().settings.timezone)
        before = UUID(after) if after else None
    except (InputError, ValueError) as error:
        what = (
            f"{error.what.capitalize()}: {error.todo}."
            if isinstance(error, InputError)
            else ("This page is over. Begin at the newest.")
        )
        messages.error(request, what)
        return render(request, "admin_console/reports.html", page | {"fault": True})
    account_id = int(filters["account"]) if filters["account"] else None
    found = look(
        request, lambda c: ask(c, log.messages(account_id, wanted, before=before, limit=PAGE))
    )
    page["table"] = _table(found, dict(accounts), dict(routes), filters, first=not after)
    page["searched_to"] = found.searched_to
    return render(request, "admin_console/reports.html", page)


async def _lists(connection: Any) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    routes = await route_queries.routes(connection)
    return await editing_queries.all_names(connection), [(one.id, one.name) for one in routes]


def _filters(
    request: HttpRequest, accounts: Sequence[tuple[int, str]], routes: Sequence[tuple[int, str]]
) -> Filters:
    return Filters(
        request, "reports",
        [
            Text("number", "Number", "Number, or its start and *"),
            Choice("account", "Account", _options("All accounts", accounts)),
            Choice("channel", "Channel", (("", "All channels"), *CHANNEL_NAMES.items())),
            Choice(
                "status", "Status", (("", "Any status"), *((one, one) for one in TRANSITIONS))
            ),
            Text("id", "Message id", "Message id", more=True),
            Text("provider_id", "Provider message id", "Provider message id", more=True),
            Choice("route", "Route", _options("All routes", routes), more=True),
            Text("error", "Error code", "Error code", more=True),
            Text("campaign", "Campaign", "Campaign", more=True),
            Choice("test", "Test messages", _TESTS, more=True),
        ],
    )  # fmt: skip


def _options(every: str, found: Sequence[tuple[int, str]]) -> list[tuple[str, str]]:
    return [("", every), *((str(number), name) for number, name in found)]


def _table(
    found: LogPage, accounts: dict[int, str], routes: dict[int, str], filters: Filters, *,
    first: bool,
) -> Table:  # fmt: skip
    return Table(
        columns=[
            Column("Recipient"), Column("Account", extra=True), Column("Channel"), Column("Status"),
            Column("Provider Message ID", wide=True), Column("Cost", right=True),
            Column("Sent At", right=True), Column("Delivered At", right=True),
            Column("Error Code"), Column("Campaign"), Column("Route", extra=True),
        ],
        rows=[_row(one, accounts, routes) for one in found.rows],
        next_cursor=str(found.before) if found.before else "",
        first_page=first,
        query=filters.query,
        empty_title="No messages today",
        empty_text="Every message of every account stands here the moment it is accepted.",
    )  # fmt: skip


def _row(one: MessageRow, accounts: dict[int, str], routes: dict[int, str]) -> Row:
    link = f"/reports/{one.id}/"
    return Row(
        [
            cells.name(formats.masked(one.recipient), link=link),
            accounts.get(one.account_id, "operator's test" if not one.account_id else "—"),
            CHANNEL_NAMES.get(one.channel, one.channel),
            status_cell(one),
            cells.mono(one.provider_message_id or ""),
            cells.money(one.cost_micro),
            *when_cells(one),
            cells.mono(one.error_code, one.error),
            str(one.campaign_id) if one.campaign_id else cells.NOTHING,
            routes.get(one.route_id, "") or cells.NOTHING,
        ],
        link,
    )


SCREEN = Screen(
    title="Reports",
    icon="list_alt",
    slug="reports",
    group="Traffic",
    pages=[
        Page("", reports, "home"),
        Page("export/", exports.start, "export"),
        Page("export/<int:export_id>/", exports.follow, "job"),
        Page("export/<int:export_id>/cancel/", exports.cancel, "cancel"),
        Page("export/<int:export_id>/file/", exports.download, "file"),
        Page("<uuid:message_id>/", message.message, "message"),
        Page("<uuid:message_id>/show/", message.show, "show"),
    ],
)
