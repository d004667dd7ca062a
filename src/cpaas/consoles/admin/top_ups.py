"""Top-up requests: what customers ask for, granted with a note or declined with a reason."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from cpaas.accounts import team_queries
from cpaas.billing import check, top_up_queries, top_ups
from cpaas.billing.top_up_types import TopUp
from cpaas.consoles.shared import cells, formats
from cpaas.consoles.shared.fields import add_fault, text_field
from cpaas.consoles.shared.filters import Choice, Filters
from cpaas.consoles.shared.mail import send_soon
from cpaas.consoles.shared.runtime import acting, change, look, runtime
from cpaas.consoles.shared.screen import Page
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.kit import money
from cpaas.kit.errors import InputError

PAGE: Final = 50
_HIGHEST: Final = 2**63 - 1
_STATUS: Final = (
    ("PENDING", "waiting"), ("", "Any state"), ("GRANTED", "granted"), ("DECLINED", "declined"),
    ("WITHDRAWN", "withdrawn"),
)  # fmt: skip
_TONES: Final = {
    "PENDING": "is-wait", "GRANTED": "is-ok", "DECLINED": "is-bad", "WITHDRAWN": "is-idle",
}  # fmt: skip


class DecideForm(forms.Form):
    """The amount that is credited, and the words for ledger and customer."""

    amount = text_field("Amount", required=False, inputmode="decimal", max_length=20)
    note = text_field(
        "Note or reason", required=False, max_length=500,
        help_text="Stands in the ledger when it is granted; declining needs it. The customer"
        " reads it.",
    )  # fmt: skip


def top_up_list(request: HttpRequest) -> HttpResponse:
    """Requests, the newest first; those that wait unless another state is chosen."""
    filters = Filters(request, "users", [Choice("status", "State", _STATUS)], with_days=False)
    status = filters["status"] if "status" in request.GET else "PENDING"
    after = cursor(request)
    below = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else _HIGHEST
    found = look(
        request, lambda c: top_up_queries.of_all(c, status=status, below=below, most=PAGE + 1)
    )
    shown = found[:PAGE]
    table = Table(
        columns=[
            Column("Account", wide=True), Column("Amount", right=True), Column("Note"),
            Column("Asked"), Column("State"), Column("Decide", right=True),
        ],
        rows=[_row(one) for one in shown],
        next_cursor=str(shown[-1].id) if len(found) > PAGE else "",
        first_page=not after,
        query=filters.query,
        empty_title="No request waits",
        empty_text="Customers ask for balance on their Billing & Balance page; it stands here.",
        dense=False,
    )  # fmt: skip
    page = {"title": "Users", "filters": filters, "table": table}
    return render(request, "admin_console/top_ups.html", page)


def _row(one: TopUp) -> Row:
    link = f"/users/top-ups/{one.id}/"
    word = "Decide" if one.status == "PENDING" else "Show"
    return Row(
        [
            cells.name(one.account, link=link),
            cells.money(one.amount_micro),
            cells.grey(one.note),
            cells.time(one.created_us),
            cells.dot(one.status.lower(), _TONES.get(one.status, "is-idle")),
            cells.button(word, link, "payments"),
        ],
        link,
    )


def top_up(request: HttpRequest, request_id: int) -> HttpResponse:
    """One request: *Grant* credits it, *Decline* wants a reason."""
    one = (
        look(request, lambda c: top_up_queries.find(c, None, request_id))
        if request_id <= _HIGHEST
        else None
    )
    if one is None:
        raise Http404("There is no such request.")
    form = DecideForm(request.POST or None, initial={"amount": money.show(one.amount_micro)})
    if request.method == "POST" and form.is_valid():
        try:
            said = _decide(request, one, form.cleaned_data)
        except InputError as error:
            add_fault(form, error, {"reason": "note"})
        else:
            messages.success(request, said)
            return redirect("users:top_ups")
    page = {"title": "Users", "one": one, "form": form, "waits": one.status == "PENDING"}
    return render(request, "admin_console/top_up.html", page)


def _decide(request: HttpRequest, one: TopUp, given: dict[str, Any]) -> str:
    by = acting(request).actor
    if request.POST.get("deed") == "decline":
        change(request, lambda c: top_ups.decline(c, one.id, by=by, reason=given["note"]))
        _tell(request, one, f"is declined: {given['note'].strip()}")
        return f"The request of {one.account} is declined. They read why."
    micro = check.positive(check.amount(given["amount"]))
    change(
        request,
        lambda c: top_ups.grant(c, one.id, by=by, amount_micro=micro, note=given["note"]),
    )
    currency = runtime().settings.currency
    _tell(request, one, f"is granted: {formats.amount(micro, currency)} was credited.")
    return f"{formats.amount(micro, currency)} credited to {one.account}."


def _tell(request: HttpRequest, one: TopUp, words: str) -> None:
    """Mails the account's owners, where mail is sent at all; the portal shows it in any case."""
    settings = runtime().settings
    if not runtime().current.has_mail:
        return
    asked = formats.amount(one.amount_micro, settings.currency)
    text = f"The request of {one.account} for {asked} {words}\n"
    for person in look(request, lambda c: team_queries.members(c, one.account_id)):
        if person.role == "owner" and person.email:
            send_soon(person.email, "Your top-up request", text)


def waiting(request: HttpRequest) -> tuple[str, str] | None:
    """How many requests wait, for the sidebar."""
    found = look(request, lambda c: top_up_queries.of_all(c, status="PENDING", most=100))
    return (str(len(found)) if len(found) < 100 else "99+", "warning") if found else None


PAGES: Final = (
    Page("top-ups/", top_up_list, "top_ups"),
    Page("top-ups/<int:request_id>/", top_up, "top_up"),
)
