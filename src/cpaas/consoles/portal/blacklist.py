"""Blacklist: numbers that get no message of this account; those that said STOP stand here, too."""

from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.blacklist import check, queries
from cpaas.blacklist.types import Entry, Imported
from cpaas.consoles.portal.core_api import call, upload
from cpaas.consoles.shared.blacklist_form import (
    FILE_PAGE,
    PAGE,
    UPLOAD_BYTES_MAX,
    BlockForm,
    bad_rows,
    csv_answer,
    imported,
    row_cells,
)
from cpaas.consoles.shared.filters import Filters, Text
from cpaas.consoles.shared.queries import audit
from cpaas.consoles.shared.runtime import account_id, change, look
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.kit.errors import InputError

_CREATED: Final = 201
MAY_BLOCK: Final = frozenset({"owner", "developer", "marketer"})


def blacklist(
    request: HttpRequest, form: BlockForm | None = None, bad: Table | None = None
) -> HttpResponse:
    """The account's own entries, newest first."""
    filters = Filters(
        request, "blacklist", [Text("number", "Number", "+919876543210")], with_days=False
    )
    after, owner = cursor(request), account_id(request)
    below = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 2**63 - 1
    fault = ""

    async def work(connection: Any) -> Any:
        number = check.number(filters["number"]) if filters["number"] else ""
        return await queries.entries(connection, owner, number=number, below=below, most=PAGE + 1)

    try:
        found = look(request, work)
    except InputError as error:
        found, fault = [], f"{error.what[:1].upper()}{error.what[1:]}: {error.todo}."
    shown = found[:PAGE]
    form = form or BlockForm()
    form.fields["file"].label = "CSV file"
    table = Table(
        columns=[
            Column("Phone number", wide=True), Column("Channel"), Column("Reason"),
            Column("Source", extra=True), Column("Since", right=True),
        ],
        rows=[Row(row_cells(one)) for one in shown],
        next_cursor=str(shown[-1].id) if len(found) > PAGE else "",
        first_page=not after,
        query=filters.query,
        empty_title="No blocked numbers",
        empty_text="A number that stands here gets no message of yours: it is stored as BLOCKED "
        "and costs nothing.",
        dense=False,
    )  # fmt: skip
    page = {
        "title": "Blacklist", "filters": filters, "table": table, "fault": fault,
        "form": form, "bad": bad,
        "may_block": getattr(request.user, "member_role", "") in MAY_BLOCK,
    }  # fmt: skip
    return render(request, "portal/blacklist.html", page)


@require_POST
def deed(request: HttpRequest) -> HttpResponse:
    """*Block* or *Unblock* one number, at once."""
    form = BlockForm(request.POST)
    if not form.is_valid():
        return blacklist(request, form)
    given = form.cleaned_data
    number, channel = given["number"].strip(), given["channel"]
    if request.POST.get("deed") == "unblock":
        query = f"?{urlencode({'channel': channel})}" if channel else ""
        told = call(request, "DELETE", f"/v1/blacklist/{quote(number, safe='')}{query}")
        said = f"{number} is no longer blocked."
    else:
        body = {"number": number, "reason": given["reason"], "channel": channel or None}
        told = call(request, "POST", "/v1/blacklist", body)
        words = "is blocked now" if told.status == _CREATED else "was blocked already"
        said = f"{told.body.get('number', number)} {words}."
    if told.ok:
        messages.success(request, said)
        return redirect("blacklist:home")
    form.add_error("number", told.detail[:1].upper() + told.detail[1:])
    return blacklist(request, form)


@require_POST
def upload_csv(request: HttpRequest) -> HttpResponse:
    """Blocks the numbers of a CSV; rows that are no number are named."""
    form = BlockForm(request.POST, request.FILES)
    file = request.FILES.get("file")
    if not form.is_valid() or file is None:
        form.is_valid()
        form.add_error("file", "Choose a CSV file.")
        return blacklist(request, form)
    if (file.size or 0) > UPLOAD_BYTES_MAX:
        form.add_error("file", "The file is larger than 10 MB. Split it.")
        return blacklist(request, form)
    call(request, "GET", "/v1/balance")  # Once it is answered, the API knows the token.
    channel = form.cleaned_data["channel"]
    query = f"?{urlencode({'channel': channel})}" if channel else ""
    told = upload(request, f"/v1/blacklist/import{query}", file, method="POST", kind="text/csv")
    if not told.ok:
        form.add_error("file", told.detail[:1].upper() + told.detail[1:])
        return blacklist(request, form)
    done = msgspec.convert(told.body | {"bad": told.body["errors"]}, Imported)
    messages.success(request, imported(done))
    return blacklist(request, None, bad_rows(done)) if done.bad else redirect("blacklist:home")


def file(request: HttpRequest) -> StreamingHttpResponse:
    """All entries of the account as CSV, page by page."""
    owner = account_id(request)
    change(request, lambda c: audit(c, "export", "blacklist_entry", "", "CSV of the blacklist"))

    def page(below: int) -> list[Entry]:
        return look(request, lambda c: queries.entries(c, owner, below=below, most=FILE_PAGE))

    return csv_answer(page)


SCREEN = Screen(
    title="Blacklist",
    icon="block",
    slug="blacklist",
    group="Account",
    pages=[
        Page("", blacklist, "home"),
        Page("deed/", deed, "deed", MAY_BLOCK),
        Page("upload/", upload_csv, "upload", MAY_BLOCK),
        Page("blacklist.csv", file, "file", MAY_BLOCK),
    ],
)
