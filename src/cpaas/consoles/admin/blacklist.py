"""Blacklist: numbers that get no message, of all accounts (Global) or of one."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from cpaas.accounts import queries as accounts
from cpaas.blacklist import change as changes
from cpaas.blacklist import check, imports, queries
from cpaas.blacklist.types import Entry
from cpaas.consoles.shared.blacklist_form import (
    FILE_PAGE,
    PAGE,
    BlockForm,
    bad_rows,
    csv_answer,
    imported,
    row_cells,
)
from cpaas.consoles.shared.fields import add_fault, text_field
from cpaas.consoles.shared.filters import Filters, Text
from cpaas.consoles.shared.queries import audit
from cpaas.consoles.shared.runtime import acting, change, look
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.kit.errors import InputError

GLOBAL = "Global"


class GlobalForm(BlockForm):
    """A number of an account's, or of all."""

    account = text_field(
        "Account", required=False, placeholder="Global", help_text="Left empty: all accounts."
    )


def blacklist(
    request: HttpRequest, form: GlobalForm | None = None, bad: Table | None = None
) -> HttpResponse:
    """Entries of all accounts' list, or of one account's, newest first."""
    filters = Filters(
        request, "blacklist",
        [
            Text("account", "Account", "Global"), Text("number", "Number", "+919876543210"),
        ],
        with_days=False,
    )  # fmt: skip
    after = cursor(request)
    below = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 2**63 - 1
    fault = ""

    async def work(connection: Any) -> Any:
        owner = await _owner(connection, filters["account"])
        number = check.number(filters["number"]) if filters["number"] else ""
        return await queries.entries(connection, owner, number=number, below=below, most=PAGE + 1)

    try:
        found = look(request, work)
    except InputError as error:
        found, fault = [], f"{error.what[:1].upper()}{error.what[1:]}: {error.todo}."
    shown = found[:PAGE]
    table = Table(
        columns=[
            Column("Phone number", wide=True), Column("Channel"), Column("Reason"),
            Column("Source", extra=True), Column("Since", extra=True), Column("Scope"),
            Column("Unblock", right=True),
        ],
        rows=[
            Row([*row_cells(one), one.account or GLOBAL, _unblock(request, one.account, one.number,
                                                                  one.channel)])
            for one in shown
        ],
        next_cursor=str(shown[-1].id) if len(found) > PAGE else "",
        first_page=not after,
        query=filters.query,
        empty_title="No blocked numbers",
        empty_text="A number that stands here gets no message; its sender is not told by sending.",
        dense=False,
    )  # fmt: skip
    page = {
        "title": "Blacklist", "filters": filters, "table": table, "fault": fault,
        "form": form or GlobalForm(), "bad": bad,
    }  # fmt: skip
    return render(request, "admin_console/blacklist.html", page)


def _unblock(request: HttpRequest, account: str, number: str, channel: str) -> str:
    from django.middleware.csrf import get_token

    return format_html(
        '<form method="post" action="/blacklist/remove/"><input type="hidden"'
        ' name="csrfmiddlewaretoken" value="{}"><input type="hidden" name="account" value="{}">'
        '<input type="hidden" name="number" value="{}"><input type="hidden" name="channel"'
        ' value="{}"><button class="button-row" aria-label="Unblock {}">Unblock</button></form>',
        get_token(request), account, number, channel, number,
    )  # fmt: skip


async def _owner(connection: Any, name: str) -> int:
    if name.strip() in ("", GLOBAL):
        return check.EVERYBODY
    found = await accounts.account_by_name(connection, name.strip())
    if found is None:
        raise InputError(f"there is no account {name!r}", "check its name", "account")
    return int(found.id)


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Blocks a number, or the numbers of a CSV, at once for every service."""
    form = GlobalForm(request.POST, request.FILES)
    if not form.is_valid():
        return blacklist(request, form)
    given, actor = form.cleaned_data, acting(request).actor
    scope = given["account"].strip() or GLOBAL
    try:
        lines = form.lines()

        async def work(connection: Any) -> Any:
            owner = await _owner(connection, given["account"])
            if lines is not None:
                return await imports.import_csv(
                    connection, owner, lines, channel=given["channel"], created_by=actor
                )
            return await changes.add(
                connection, owner, given["number"], channel=given["channel"],
                reason=given["reason"], source="manual", created_by=actor,
            )  # fmt: skip

        done = change(request, work)
    except InputError as error:
        add_fault(form, error)
        return blacklist(request, form)
    if lines is not None:
        messages.success(request, imported(done))
        if done.bad:
            return blacklist(request, None, bad_rows(done))
    else:
        entry, is_new = done
        said = "is blocked now" if is_new else "was blocked already"
        messages.success(request, f"{entry.number} {said} ({scope}).")
    return redirect("blacklist:home")


def file(request: HttpRequest) -> HttpResponseBase:
    """All entries of the list shown as CSV, page by page."""
    name = request.GET.get("account", "")

    async def begin(connection: Any) -> int:
        owner = await _owner(connection, name)
        await audit(connection, "export", "blacklist_entry", "", f"CSV: {name.strip() or GLOBAL}")
        return owner

    try:
        owner = change(request, begin)
    except InputError as error:
        messages.error(request, f"{error.what[:1].upper()}{error.what[1:]}: {error.todo}.")
        return redirect("blacklist:home")

    def page(below: int) -> list[Entry]:
        return look(request, lambda c: queries.entries(c, owner, below=below, most=FILE_PAGE))

    return csv_answer(page)


@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """Unblocks a number."""
    number, channel = request.POST.get("number", ""), request.POST.get("channel", "")

    async def work(connection: Any) -> int:
        owner = await _owner(connection, request.POST.get("account", ""))
        return await changes.remove(connection, owner, number, channel=channel)

    try:
        change(request, work)
    except InputError as error:
        messages.error(request, f"Not unblocked. {error.what[:1].upper()}{error.what[1:]}.")
    else:
        messages.success(request, f"{number} is no longer blocked.")
    return redirect("blacklist:home")


SCREEN = Screen(
    title="Blacklist",
    icon="block",
    slug="blacklist",
    group="Platform",
    pages=[
        Page("", blacklist, "home"), Page("add/", add, "add"), Page("remove/", remove, "remove"),
        Page("blacklist.csv", file, "file"),
    ],
)  # fmt: skip
