"""Sender Requests: who wants to be named how; one click on the status approves or rejects."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.consoles.shared import cells
from cpaas.consoles.shared.fields import add_fault, long_text_field
from cpaas.consoles.shared.filters import Choice, Filters, Text
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import change, look
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, id_cursor
from cpaas.kit.errors import InputError
from cpaas.senders import check, decide, queries
from cpaas.senders.types import SenderRow

PAGE: Final = 100
_STATUS: Final = (
    ("", "Any status"), ("PENDING", "PENDING"), ("APPROVED", "APPROVED"), ("REJECTED", "REJECTED"),
)  # fmt: skip


class RejectForm(forms.Form):
    """Why a sender is refused."""

    reason = long_text_field("Reason", rows=2, help_text="The user reads it.", maxlength=500)


def senders(request: HttpRequest) -> HttpResponse:
    """Requests, those that wait for a decision first."""
    filters = Filters(
        request, "senders",
        [Text("q", "Search", "Sender or account"), Choice("status", "Status", _STATUS)],
        with_days=False,
    )  # fmt: skip
    after = id_cursor(request)
    found = look(
        request,
        lambda c: queries.matching(
            c, filters["q"], status=filters["status"], after=after, most=PAGE + 1
        ),
    )
    table = Table(
        columns=[
            Column("Sender ID", wide=True), Column("Account"), Column("Channel"),
            Column("PE ID"), Column("Format", extra=True), Column("Status"),
            Column("Decide", right=True),
        ],
        rows=[_row(one) for one in found[:PAGE]],
        next_cursor=str(found[PAGE - 1].id) if len(found) > PAGE else "",
        first_page=not after,
        query=filters.query,
        empty_title="No sender requests",
        empty_text="A sender is what a message names as its origin. Users ask for one on their "
        "portal; requests stand here.",
        dense=False,
    )  # fmt: skip
    page = {"title": "Sender Requests", "filters": filters, "table": table}
    return render(request, "admin_console/senders.html", page)


def _row(one: SenderRow) -> Row:
    link = f"/senders/{one.id}/"
    unusual = check.warnings(one.value) if one.channel == "sms" else []
    return Row(
        [
            cells.name(one.value, "default" if one.is_default else "", link),
            one.account,
            CHANNEL_NAMES.get(one.channel, one.channel),
            cells.mono(one.pe_id),
            cells.dot("unusual", "is-wait", " ".join(unusual)) if unusual
            else cells.dot("usual", "is-ok"),
            cells.badge(one.status, one.reason),
            cells.button("Decide", link, "how_to_reg"),
        ],
        link,
    )  # fmt: skip


def _found(request: HttpRequest, sender: int) -> SenderRow:
    row = look(request, lambda c: queries.by_id(c, sender)) if sender < 2**63 else None
    if row is None:
        raise Http404("There is no such sender.")
    return row


def one_sender(request: HttpRequest, sender: int, form: RejectForm | None = None) -> HttpResponse:
    """One request: its format and PE ID, and the status toggle."""
    row = _found(request, sender)
    page = {
        "title": "Sender Requests", "row": row, "form": form or RejectForm(),
        "channel": CHANNEL_NAMES.get(row.channel, row.channel),
        "warnings": check.warnings(row.value) if row.channel == "sms" else [],
    }  # fmt: skip
    return render(request, "admin_console/sender.html", page)


@require_POST
def toggle(request: HttpRequest, sender: int) -> HttpResponse:
    """The status toggle: on approves, off rejects, which wants a reason."""
    row = _found(request, sender)
    form = RejectForm(request.POST)
    if request.POST.get("to") == "APPROVED":
        change(request, lambda c: decide.approve(c, row.account_id, row.channel, row.value))
        messages.success(request, f"{row.value} approved. {row.account} can use it now.")
        return redirect("senders:home")
    if form.is_valid():

        async def work(connection: Any) -> None:
            await decide.reject(
                connection, row.account_id, row.channel, row.value,
                reason=form.cleaned_data["reason"],
            )  # fmt: skip

        try:
            change(request, work)
        except InputError as error:
            add_fault(form, error)
        else:
            messages.success(request, f"{row.value} rejected. {row.account} reads why.")
            return redirect("senders:home")
    return one_sender(request, sender, form)


def _waiting(request: HttpRequest) -> tuple[str, str] | None:
    found = look(request, lambda c: queries.senders(c, status="PENDING", most=100))
    return (str(len(found)) if len(found) < 100 else "99+", "warning") if found else None


SCREEN = Screen(
    title="Sender Requests",
    icon="alternate_email",
    slug="senders",
    group="Customers",
    badge=_waiting,
    pages=[
        Page("", senders, "home"),
        Page("<int:sender>/", one_sender, "one"),
        Page("<int:sender>/status/", toggle, "toggle"),
    ],
)
