"""Invoices, statements as PDF, and what they say about the buyer."""

import asyncio
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get, put
from litestar.params import Parameter

from cpaas.api.auth import Caller, require_live
from cpaas.api.balance import DEFAULT_TIMEZONE
from cpaas.api.context import Api, ApiRequest
from cpaas.api.problem import ProblemError
from cpaas.api.times import cursor_of, iso, read_cursor
from cpaas.billing import invoice_queries, invoices, parties
from cpaas.billing.invoice_types import InvoiceContent, InvoiceRow, PaperLine, Party
from cpaas.db.actor import acting
from cpaas.kit.money import show

LIMIT_MAX: Final = 200
_CURSOR_BYTES: Final = 8
_HIGHEST: Final = 2**63 - 1
_PDF: Final = "application/pdf"
_Id = Annotated[int, Parameter(ge=1, le=_HIGHEST)]
#: a paper takes most of a second of a core: one at a time.
_one_paper: Final = asyncio.Lock()


class BillingDetails(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What invoices say about the buyer, from the next one on."""

    legal_name: str = ""
    address: Annotated[str, msgspec.Meta(description="Lines with line breaks between.")] = ""
    country: Annotated[str, msgspec.Meta(description="ISO code", examples=["IN"])] = ""
    tax_id: Annotated[str, msgspec.Meta(description="GSTIN, VAT number or the like.")] = ""


class InvoiceSummary(msgspec.Struct, frozen=True):
    """An invoice of a month."""

    id: int
    number: str
    month: str
    total: str
    tax: str
    currency: str
    issued_at: str | None


class InvoiceList(msgspec.Struct, frozen=True):
    """One page of invoices, newest first."""

    data: list[InvoiceSummary]
    next_cursor: str | None


class UsageLine(msgspec.Struct, frozen=True):
    """What was used on a channel to a country; `unit` null: at several prices."""

    channel: str
    country: str
    messages: int
    units: int
    unit: str | None
    amount: str


class TaxLine(msgspec.Struct, frozen=True):
    """One tax; `rate` in percent."""

    label: str
    rate: str
    amount: str


class InvoiceView(msgspec.Struct, frozen=True):
    """An invoice as it was issued; taxable + taxes = total, in hundredths of the currency."""

    id: int
    number: str
    month: str
    currency: str
    issued_at: str | None
    seller: BillingDetails
    buyer: BillingDetails
    service_code: str
    lines: list[UsageLine]
    refunds: str
    adjustments: str
    used: str
    taxable: str
    taxes: list[TaxLine]
    total: str
    opening: str
    closing: str


def _details(one: Party) -> BillingDetails:
    return BillingDetails(one.legal_name, one.address, one.country, one.tax_id)


def _summary(one: InvoiceRow) -> InvoiceSummary:
    return InvoiceSummary(
        one.id, one.number, one.month, show(one.total_micro), show(one.tax_micro), one.currency,
        iso(one.issued_us),
    )  # fmt: skip


def _line(one: PaperLine) -> UsageLine:
    unit = None if one.unit_micro is None else show(one.unit_micro)
    return UsageLine(
        one.channel, one.country, one.messages, one.units, unit, show(one.amount_micro)
    )


def _view(invoice_id: int, one: InvoiceContent) -> InvoiceView:
    usage = one.usage
    taxes = [
        TaxLine(tax.label, f"{tax.rate_bp // 100}.{tax.rate_bp % 100:02d}", show(tax.amount_micro))
        for tax in one.taxes
    ]
    return InvoiceView(
        invoice_id, one.number, usage.month, usage.currency, iso(one.issued_us),
        _details(one.seller.party), _details(one.buyer), one.seller.service_code,
        [_line(line) for line in usage.lines], show(usage.refunds_micro),
        show(usage.adjusted_micro), show(usage.net_micro), show(one.taxable_micro), taxes,
        show(one.total_micro), show(usage.opening_micro), show(usage.closing_micro),
    )  # fmt: skip


@get("/v1/billing-details", summary="Read your billing details", tags=["Money"])
async def get_billing_details(api: Api, caller: Caller) -> BillingDetails:
    """What invoices say about you."""
    async with api.pool.acquire() as connection:
        return _details(await parties.get_buyer(connection, caller.account.id))


@put("/v1/billing-details", summary="Set your billing details", tags=["Money"])
async def put_billing_details(
    api: Api, caller: Caller, request: ApiRequest, data: BillingDetails
) -> BillingDetails:
    """Legal name, address and tax id for invoices from the next one on; issued ones stay."""
    require_live(caller, "the billing details")
    wanted = Party(data.legal_name, data.address, data.country, data.tax_id)
    actor = f"key:{caller.key.id}"
    async with api.pool.acquire() as connection, acting(connection, actor, api.client(request)):
        return _details(await parties.put_buyer(connection, caller.account.id, wanted))


@get("/v1/invoices", summary="List invoices", tags=["Money"])
async def list_invoices(
    api: Api,
    caller: Caller,
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
) -> InvoiceList:
    """Your invoices, newest first."""
    below = int.from_bytes(read_cursor(cursor, _CURSOR_BYTES), "big") if cursor else _HIGHEST
    async with api.pool.acquire() as connection:
        rows = await invoice_queries.invoices(
            connection, caller.account.id, below=min(below, _HIGHEST), most=limit + 1
        )
    after = None
    if len(rows) > limit:
        after = cursor_of(rows[limit - 1].id.to_bytes(_CURSOR_BYTES, "big"))
    return InvoiceList([_summary(one) for one in rows[:limit]], after)


async def _found(api: Api, caller: Caller, invoice_id: int) -> InvoiceContent:
    async with api.pool.acquire() as connection:
        found = await invoices.content(connection, caller.account.id, invoice_id)
    if found is None:
        raise ProblemError(404, "invoice_not_found", "You have no invoice with this id.")
    return found


@get("/v1/invoices/{id:int}", summary="Read an invoice", tags=["Money"])
async def get_invoice(api: Api, caller: Caller, id: _Id) -> InvoiceView:  # noqa: A002
    """An invoice with its lines and taxes, as it was issued."""
    return _view(id, await _found(api, caller, id))


@get("/v1/invoices/{id:int}/pdf", summary="Fetch an invoice as PDF", tags=["Money"])
async def get_invoice_pdf(api: Api, caller: Caller, id: _Id) -> Response[bytes]:  # noqa: A002
    """The paper, made of the frozen figures: the same bytes each time."""
    from cpaas.billing.paper import invoice_pdf

    one = await _found(api, caller, id)
    async with _one_paper:
        made = await asyncio.to_thread(invoice_pdf, one)
    return _paper(made, f"{one.number}.pdf")


@get("/v1/statements/{month:str}/pdf", summary="Fetch a statement as PDF", tags=["Money"])
async def get_statement_pdf(
    api: Api,
    caller: Caller,
    month: Annotated[str, Parameter(description="Such as 2026-11")],
) -> Response[bytes]:
    """What was used by channel and country in a month, and how the balance came to be."""
    from cpaas.billing.paper import statement_pdf

    now_us, account_id = api.now_us(), caller.account.id
    async with api.pool.acquire() as connection:
        usage = await invoices.usage(
            connection, account_id, month, currency=api.currency, now_us=now_us,
            timezone=str(api.snapshots.current.settings.get("timezone", DEFAULT_TIMEZONE)),
        )  # fmt: skip
        seller = await parties.get_seller(connection)
        buyer = await parties.get_buyer(connection, account_id)
        name = await invoice_queries.account_name(connection, account_id)
    async with _one_paper:
        made = await asyncio.to_thread(statement_pdf, usage, name, seller, buyer, now_us)
    return _paper(made, f"statement-{usage.month}.pdf")


def _paper(content: bytes, name: str) -> Response[bytes]:
    return Response(
        content, media_type=_PDF,
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip


HANDLERS: Final[list[Any]] = [
    get_billing_details, put_billing_details, list_invoices, get_invoice, get_invoice_pdf,
    get_statement_pdf,
]  # fmt: skip
