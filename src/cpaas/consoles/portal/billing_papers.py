"""Beside the ledger: invoices and statements as PDF, billing details, top-up requests."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from cpaas.billing import invoice_queries, parties, top_up_queries
from cpaas.billing.invoice_types import InvoiceRow
from cpaas.billing.top_up_types import TopUp
from cpaas.consoles.portal.core_api import Answer, call, download
from cpaas.consoles.shared import cells, formats
from cpaas.consoles.shared.screen import Page
from cpaas.consoles.shared.table import Column, Row, Table

MAY_SET: Final = frozenset({"owner", "finance"})
SHOWN: Final = 24
_TONES: Final = {
    "PENDING": "is-wait", "GRANTED": "is-ok", "DECLINED": "is-bad", "WITHDRAWN": "is-idle",
}  # fmt: skip
_INVOICES: Final = (
    Column("Number", wide=True), Column("Month"), Column("Total", right=True),
    Column("Tax", right=True, extra=True), Column("Issued"), Column("PDF", right=True),
)  # fmt: skip
_TOP_UPS: Final = (
    Column("Asked"), Column("Amount", right=True), Column("State"),
    Column("Note", extra=True), Column("Answer", wide=True),
)  # fmt: skip


async def look(connection: Any, account: int) -> dict[str, Any]:
    """What the page shows of them."""
    return {
        "invoices": await invoice_queries.invoices(connection, account, most=SHOWN),
        "buyer": await parties.get_buyer(connection, account),
        "top_ups": await top_up_queries.of_account(connection, account, most=SHOWN),
    }


def shown(found: dict[str, Any], currency: str) -> dict[str, Any]:
    """The same as tables."""
    waiting = [one for one in found["top_ups"] if one.status == "PENDING"]
    return {
        "buyer": found["buyer"],
        "waiting": [(one.id, formats.amount(one.amount_micro, currency)) for one in waiting],
        "invoices": Table(
            columns=_INVOICES,
            rows=[_invoice(one) for one in found["invoices"]],
            empty_title="No invoice yet",
            empty_text="Your operator issues one for each month that is over.",
        ),
        "top_ups": Table(
            columns=_TOP_UPS,
            rows=[_top_up(one) for one in found["top_ups"]],
            empty_title="Nothing was asked for",
            empty_text="Ask for balance here; your operator grants or declines it.",
        ),
    }


def _invoice(one: InvoiceRow) -> Row:
    return Row(
        [
            cells.name(one.number),
            one.month,
            formats.amount(one.total_micro, one.currency),
            formats.amount(one.tax_micro, one.currency),
            cells.time(one.issued_us),
            cells.button("PDF", reverse("billing:invoice", args=[one.id]), "download"),
        ]
    )


def _top_up(one: TopUp) -> Row:
    told = one.reason or cells.NOTHING
    if one.status == "GRANTED":
        told = cells.money(one.granted_micro)
    return Row(
        [
            cells.time(one.created_us),
            cells.money(one.amount_micro),
            cells.dot(one.status.lower(), _TONES.get(one.status, "is-idle")),
            cells.grey(one.note),
            told,
        ]
    )


@require_POST
def details(request: HttpRequest) -> HttpResponse:
    """What invoices say about the account."""
    wanted = {
        name: request.POST.get(name, "") for name in ("legal_name", "address", "country", "tax_id")
    }
    told = call(request, "PUT", "/v1/billing-details", wanted)
    if told.ok:
        messages.success(request, "Billing details saved, for invoices from the next one on.")
    else:
        messages.error(request, f"Not saved: {told.detail}")
    return redirect(f"{reverse('billing:home')}#details")


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Asks the operator for balance."""
    wanted = {"amount": request.POST.get("amount", ""), "note": request.POST.get("note", "")}
    told = call(request, "POST", "/v1/top-ups", wanted)
    if told.ok:
        messages.success(request, "Your operator sees the request; what is decided stands here.")
    else:
        messages.error(request, f"Not asked: {told.detail}")
    return redirect(f"{reverse('billing:home')}#top-up")


@require_POST
def withdraw(request: HttpRequest, request_id: int) -> HttpResponse:
    """Takes a request back."""
    told = call(request, "DELETE", f"/v1/top-ups/{request_id}")
    if told.ok:
        messages.success(request, "The request is withdrawn.")
    else:
        messages.error(request, f"Not withdrawn: {told.detail}")
    return redirect(f"{reverse('billing:home')}#top-up")


def invoice(request: HttpRequest, invoice_id: int) -> HttpResponse:
    """An invoice as PDF."""
    return _paper(request, f"/v1/invoices/{invoice_id}/pdf", f"invoice-{invoice_id}.pdf")


def statement(request: HttpRequest, month: str) -> HttpResponse:
    """A month's statement as PDF."""
    safe = "".join(char for char in month if char.isdigit() or char == "-")[:7]
    return _paper(request, f"/v1/statements/{safe}/pdf", f"statement-{safe}.pdf")


def _paper(request: HttpRequest, path: str, name: str) -> HttpResponse:
    got = download(request, path)
    if isinstance(got, Answer):
        messages.error(request, got.detail)
        return redirect("billing:home")
    return HttpResponse(
        got, content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip


PAGES: Final = (
    Page("details/", details, "details", MAY_SET),
    Page("top-up/", ask, "ask", MAY_SET),
    Page("top-up/<int:request_id>/withdraw/", withdraw, "withdraw", MAY_SET),
    Page("invoices/<int:invoice_id>.pdf", invoice, "invoice"),
    Page("statements/<str:month>.pdf", statement, "statement"),
)
