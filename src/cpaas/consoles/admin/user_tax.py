"""What an account's invoices say about it, set by the operator; and its invoices."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from cpaas.accounts import editing_queries
from cpaas.billing import invoice_queries, invoices, parties
from cpaas.billing.invoice_types import InvoiceRow, Party
from cpaas.consoles.shared import cells, formats
from cpaas.consoles.shared.fields import add_fault, long_text_field, text_field
from cpaas.consoles.shared.runtime import change, look
from cpaas.consoles.shared.screen import Page
from cpaas.consoles.shared.table import Column, Row, Table
from cpaas.kit.errors import InputError


class TaxForm(forms.Form):
    """The buyer."""

    legal_name = text_field("Legal name", required=False)
    address = long_text_field("Address", required=False, rows=3)
    country = text_field("Country", required=False, max_length=2, placeholder="IN")
    tax_id = text_field(
        "Tax id", required=False, max_length=30, help_text="GSTIN, VAT number or the like."
    )


def tax(request: HttpRequest, account_id: int) -> HttpResponse:
    """Billing details of an account, for invoices from the next one on."""

    async def read(connection: Any) -> tuple[Any, ...]:
        return (
            await editing_queries.edited(connection, account_id),
            await parties.get_buyer(connection, account_id),
            await invoice_queries.invoices(connection, account_id),
        )

    known, buyer, made = look(request, read)
    if known is None:
        raise Http404("There is no such user.")
    initial = {name: getattr(buyer, name) for name in Party.__struct_fields__}
    form = TaxForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        wanted = Party(**form.cleaned_data)
        try:
            change(request, lambda c: parties.put_buyer(c, account_id, wanted))
        except InputError as error:
            add_fault(form, error)
        else:
            messages.success(request, "Billing details saved, for invoices from the next one on.")
            return redirect("users:tax", account_id=account_id)
    page = {"title": "Users", "known": known, "form": form, "table": _table(account_id, made)}
    return render(request, "admin_console/user_tax.html", page)


def _table(account_id: int, made: list[InvoiceRow]) -> Table:
    return Table(
        columns=[
            Column("Number", wide=True), Column("Month"), Column("Total", right=True),
            Column("Tax", right=True), Column("Issued"), Column("PDF", right=True),
        ],
        rows=[
            Row(
                [
                    cells.name(one.number), one.month,
                    formats.amount(one.total_micro, one.currency),
                    formats.amount(one.tax_micro, one.currency), cells.time(one.issued_us),
                    cells.button("PDF", f"/users/{account_id}/invoices/{one.id}.pdf", "download"),
                ]
            )
            for one in made
        ],
        empty_title="No invoice yet",
        empty_text="Issue a month that is over: cpaas invoice issue 2026-11.",
    )  # fmt: skip


def invoice(request: HttpRequest, account_id: int, invoice_id: int) -> HttpResponse:
    """An invoice as PDF."""
    from cpaas.billing.paper import invoice_pdf

    found = look(request, lambda c: invoices.content(c, account_id, invoice_id))
    if found is None:
        raise Http404("There is no such invoice.")
    return HttpResponse(
        invoice_pdf(found), content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{found.number}.pdf"'},
    )  # fmt: skip


PAGES: Final = (
    Page("<int:account_id>/tax/", tax, "tax"),
    Page("<int:account_id>/invoices/<int:invoice_id>.pdf", invoice, "invoice"),
)
