"""What a statement's or invoice's paper holds; money in micro-units, times in Unix microseconds."""

import msgspec


class Party(msgspec.Struct, frozen=True):
    """Who sells or buys. `country`: ISO code; `tax_id`: GSTIN, VAT number or the like."""

    legal_name: str = ""
    address: str = ""
    country: str = ""
    tax_id: str = ""


class Seller(msgspec.Struct, frozen=True):
    """The operator, and how the sale is taxed.

    tax_rate_bp: hundredths of a percent (1800 = 18 %). tax_included: the ledger's amounts hold the
    tax; else it is added on top. service_code: HSN or SAC. prefix: how invoice numbers begin.
    """

    party: Party = Party()
    tax_label: str = "Tax"
    tax_rate_bp: int = 0
    tax_included: bool = False
    service_code: str = ""
    prefix: str = "INV"


class PaperLine(msgspec.Struct, frozen=True):
    """What was used on a channel to a country. unit_micro None: at several prices."""

    channel: str
    country: str
    messages: int
    units: int
    unit_micro: int | None
    amount_micro: int


class Tax(msgspec.Struct, frozen=True):
    """One tax of an invoice."""

    label: str
    rate_bp: int
    amount_micro: int


class Usage(msgspec.Struct, frozen=True):
    """A month: lines + other_micro - refunds_micro - adjusted_micro = net_micro (what it cost).

    other_micro: what the ledger booked beside the counters (around the month's turn, above all).
    opening - net + credits = closing.
    """

    month: str
    from_us: int
    until_us: int
    zone: str
    currency: str
    lines: list[PaperLine]
    other_micro: int
    refunds_micro: int
    adjusted_micro: int
    credits_micro: int
    opening_micro: int
    closing_micro: int
    net_micro: int
    closed: bool


class InvoiceContent(msgspec.Struct, frozen=True):
    """Everything that an invoice says."""

    number: str
    issued_us: int
    account: str
    seller: Seller
    buyer: Party
    usage: Usage
    taxable_micro: int
    taxes: list[Tax]
    total_micro: int


class InvoiceRow(msgspec.Struct, frozen=True):
    """An invoice as lists show it."""

    id: int
    account_id: int
    number: str
    month: str
    currency: str
    total_micro: int
    tax_micro: int
    issued_us: int
