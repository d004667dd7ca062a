"""Statements and invoices as PDF, made of frozen figures alone: the same figures, the same bytes.

Noto Sans writes Latin, Greek, Cyrillic and Devanagari. What it cannot write is told below the
table by code point instead of being printed as empty boxes.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from cpaas.billing.invoice_types import InvoiceContent, Party, Seller, Usage
from cpaas.kit import money

_FAMILY: Final = "Noto"
_MARGIN_MM: Final = 16
_GREY: Final = (90, 96, 104)
_SHADE: Final = (238, 240, 243)
_CHANNELS: Final = {"sms": "SMS", "whatsapp": "WhatsApp", "rcs": "RCS", "voice": "Voice"}
_REPLACED: Final = "[?]"
#: micro-units of a hundredth: what is due has no smaller part.
_CENT: Final = 10_000

Rows = Sequence[Sequence[str]]


@cache
def _font() -> tuple[str, frozenset[int]]:
    """The font's file, and every code point that it can write."""
    from fontTools.ttLib import TTFont

    path = str(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf")
    with TTFont(path, lazy=True) as font:
        return path, frozenset(font.getBestCmap())


def missing(text: str) -> list[str]:
    """Characters that the font cannot write."""
    known = _font()[1]
    return sorted({one for one in text if ord(one) not in known and one not in "\n\u200c\u200d"})


class _Paper(FPDF):
    """A page with our font; notes what it could not write."""

    def __init__(self, made_us: int, title: str) -> None:
        super().__init__(format="A4")
        self.lacking: dict[str, None] = {}
        path, _ = _font()
        self.add_font(_FAMILY, "", path)
        self.set_creation_date(datetime.fromtimestamp(made_us // 1_000_000, UTC))
        self.set_title(title)
        self.set_lang("en")
        self.set_margin(_MARGIN_MM)
        self.set_auto_page_break(True, margin=_MARGIN_MM + 6)
        self.set_text_shaping(True)
        self.add_page()

    def footer(self) -> None:
        """The page's number on every page."""
        self.set_y(-_MARGIN_MM)
        self.font(8, grey=True)
        self.cell(0, 5, f"{self.title} · page {self.page_no()} of {{nb}}", align="R")

    def font(self, size: float, *, grey: bool = False) -> None:
        """Size in points, colour. One weight: instances of a variable font take half a minute."""
        self.set_font(_FAMILY, "", size)
        self.set_text_color(*(_GREY if grey else (0, 0, 0)))

    def text_of(self, text: str) -> str:
        """The text with a mark for each sign that cannot be written, which is noted."""
        for sign in missing(text):
            self.lacking[f"U+{ord(sign):04X}"] = None
            text = text.replace(sign, _REPLACED)
        return text

    def line(self, text: str, size: float = 10, *, grey: bool = False) -> None:  # type: ignore[override]
        """A paragraph of its own."""
        self.font(size, grey=grey)
        self.multi_cell(0, size * 0.5, self.text_of(text), new_x="LMARGIN", new_y="NEXT")

    def rows(self, head: Sequence[str], rows: Rows, widths: tuple[int, ...], bold: int = 0) -> None:
        """A table, its last `bold` rows strong; all but the first column stand at the right."""
        self.font(9)
        with self.table(
            width=int(self.epw), col_widths=widths, line_height=6,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(fill_color=_SHADE),
            text_align=("LEFT", *("RIGHT" for _ in head[1:])),
        ) as table:  # fmt: skip
            table.row([self.text_of(one) for one in head])
            for place, row in enumerate(rows):
                strong = place >= len(rows) - bold
                style = FontFace(fill_color=_SHADE) if strong else None
                table.row([self.text_of(one) for one in row], style=style)
        self.ln(3)


def _due(micro: int) -> str:
    """Hundredths: 1,234.50."""
    sign = "-" if micro < 0 else ""
    return f"{sign}{abs(micro) // money.MICRO:,}.{abs(micro) % money.MICRO // _CENT:02d}"


def _booked(micro: int) -> str:
    """As the ledger has it: 4 decimals."""
    return money.show(micro)


def _day(micros: int, zone: str) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, ZoneInfo(zone)):%d %b %Y}"


def _used(one: Usage) -> list[list[str]]:
    rows = [
        [
            f"{_CHANNELS.get(line.channel, line.channel)} to {line.country or 'other numbers'}",
            f"{line.messages:,}", f"{line.units:,}",
            "several" if line.unit_micro is None else _booked(line.unit_micro),
            _booked(line.amount_micro),
        ]
        for line in one.lines
    ]  # fmt: skip
    for words, amount in (
        ("Booked beside the days' counters", one.other_micro), ("Refunds", -one.refunds_micro),
        ("Adjustments", -one.adjusted_micro),
    ):  # fmt: skip
        if amount:
            rows.append([words, "", "", "", _booked(amount)])
    return rows


def _usage(paper: _Paper, one: Usage) -> None:
    head = ("Service", "Messages", "Units", f"Unit, {one.currency}", f"Sum, {one.currency}")
    rows = [*_used(one), ["Used", "", "", "", _booked(one.net_micro)]]
    paper.rows(head, rows, (40, 15, 15, 15, 20), bold=1)


def _balance(paper: _Paper, one: Usage) -> None:
    closing = "Closing balance" if one.closed else "Balance now"
    paper.rows(
        ("Account", f"Sum, {one.currency}"),
        [
            ["Opening balance", _booked(one.opening_micro)],
            ["Credits", _booked(one.credits_micro)],
            ["Used", _booked(-one.net_micro)],
            [closing, _booked(one.closing_micro)],
        ],
        (80, 25), bold=1,
    )  # fmt: skip


def _party(paper: _Paper, heading: str, party: Party, name: str, label: str) -> None:
    paper.line(heading, 8, grey=True)
    paper.line(name, 11)
    for text in _told(party, label):
        paper.line(text, 9)
    paper.ln(2)


def _told(party: Party, label: str) -> Iterable[str]:
    if party.address:
        yield party.address
    if party.country:
        yield party.country
    if party.tax_id:
        yield f"{label}: {party.tax_id}"


def _id_label(seller: Seller) -> str:
    return {"GST": "GSTIN", "VAT": "VAT number"}.get(seller.tax_label, "Tax id")


def _period(one: Usage) -> str:
    # The end is the first moment of what follows.
    last = _day(one.until_us - 1, one.zone)
    return f"{_day(one.from_us, one.zone)} to {last} ({one.zone})"


def _ended(paper: _Paper, notes: Iterable[str]) -> bytes:
    for note in notes:
        paper.line(note, 8, grey=True)
    if paper.lacking:
        points = ", ".join(list(paper.lacking)[:40])
        paper.line(
            f"Signs that this paper's font cannot write are shown as {_REPLACED}: {points}.", 8,
            grey=True,
        )  # fmt: skip
    return bytes(paper.output())


def statement_pdf(one: Usage, account: str, seller: Seller, buyer: Party, made_us: int) -> bytes:
    """A month's statement: what was used, and how the balance came to be."""
    paper = _Paper(made_us, f"Statement {one.month}")
    paper.line(f"Statement {one.month}", 18)
    paper.line(f"{account} · {_period(one)}", 10, grey=True)
    paper.ln(4)
    if seller.party.legal_name:
        label = _id_label(seller)
        _party(paper, "FROM", seller.party, seller.party.legal_name, label)
        _party(paper, "FOR", buyer, buyer.legal_name or account, label)
    _usage(paper, one)
    _balance(paper, one)
    notes = [
        "Amounts are the ledger's, not rounded.",
        "Opening + credits - used = closing.",
    ]
    if not one.closed:
        notes.append("The month is not over: this statement ends when it was made.")
    return _ended(paper, notes)


def invoice_pdf(one: InvoiceContent) -> bytes:
    """An invoice as it was issued."""
    seller, usage = one.seller, one.usage
    paper = _Paper(one.issued_us, f"Invoice {one.number}")
    heading = "Tax invoice" if one.taxes else "Invoice"
    paper.line(f"{heading} {one.number}", 18)
    paper.line(f"issued {_day(one.issued_us, usage.zone)} · period {_period(usage)}", 10, grey=True)
    paper.ln(4)
    label = _id_label(seller)
    _party(paper, "FROM", seller.party, seller.party.legal_name, label)
    _party(paper, "FOR", one.buyer, one.buyer.legal_name or one.account, label)
    if seller.service_code:
        paper.line(f"HSN/SAC {seller.service_code}: messaging services", 9)
        paper.ln(2)
    _usage(paper, usage)
    paper.rows(
        ("Due", f"Sum, {usage.currency}"),
        [
            ["Taxable value", _due(one.taxable_micro)],
            *([f"{tax.label} {_percent(tax.rate_bp)}", _due(tax.amount_micro)]
              for tax in one.taxes),
            ["Total", _due(one.total_micro)],
        ],
        (80, 25), bold=1,
    )  # fmt: skip
    _balance(paper, usage)
    return _ended(paper, _rounding(one))


def _percent(rate_bp: int) -> str:
    whole, rest = divmod(rate_bp, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + " %"


def _rounding(one: InvoiceContent) -> list[str]:
    how = "holds the tax" if one.seller.tax_included else "is without tax"
    told = [
        "Lines carry the 4 decimals they were booked with.",
        f"What was used is rounded once, half up, to 0.01 {one.usage.currency}; so is each tax.",
        f"The balance {how}.",
    ]
    if not one.buyer.tax_id and one.taxes:
        told.append(f"The buyer gave no {_id_label(one.seller)}.")
    return told
