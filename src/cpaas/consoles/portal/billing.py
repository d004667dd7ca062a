"""Billing & Balance: what can be spent, every movement behind it, what things cost, each month."""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from cpaas.billing import queries as money_queries
from cpaas.billing.types import PriceRow
from cpaas.consoles.portal import billing_papers
from cpaas.consoles.portal.billing_papers import MAY_SET
from cpaas.consoles.portal.core_api import call
from cpaas.consoles.portal.dashboard import enabled
from cpaas.consoles.shared import cells, formats, overview
from cpaas.consoles.shared.filters import Choice, Filters, today
from cpaas.consoles.shared.overview import Card
from cpaas.consoles.shared.runtime import account_id, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.kit import money
from cpaas.reports.statement import as_moment, micros

MAY_READ: Final = frozenset({"owner", "developer", "finance", "viewer"})
PAGE_ROWS: Final = 50
FILE_PAGE_ROWS: Final = 200
MONTHS_OFFERED: Final = 13
#: the ledger's kinds in the reader's words.
KINDS: Final[dict[str, str]] = {
    "DEBIT": "Message sent", "REFUND": "Refund", "RESERVE": "Reserved for a call",
    "CAPTURE": "Call settled", "CREDIT": "Credit", "ADJUST": "Adjustment",
}  # fmt: skip
_LEDGER: Final = (
    Column("When"), Column("What"), Column("Amount", right=True), Column("Message"),
    Column("Note", wide=True, extra=True),
)  # fmt: skip
_PRICES: Final = (
    Column("Channel"), Column("Category"), Column("For", wide=True), Column("Price", right=True),
)  # fmt: skip
_UNITS: Final = {"sms": "a segment", "voice": "a started minute or a call"}


def billing(request: HttpRequest) -> HttpResponse:
    """The page: cards, this month's statement, the ledger, prices, invoices, top-ups."""
    filters, account, month = _filters(request), account_id(request), _month(request)

    async def work(connection: Any) -> tuple[Any, ...]:
        return (
            await money_queries.wallet(connection, account),
            await money_queries.low_balance_mark(connection, account),
            await money_queries.prices(connection, account),
            await billing_papers.look(connection, account),
        )

    held, mark, prices, papers = look(request, work)
    # A statement may close a month, and a page of the ledger is the API's: these two are asked.
    statement = call(request, "GET", f"/v1/statements/{month}")
    ledger = call(request, "GET", f"/v1/ledger?{urlencode(_asked(request, filters))}")
    context = {
        "title": "Billing & Balance", "filters": filters, "away": statement.status == 503,
        "cards": _cards(held or (0, 0), mark, statement.body if statement.ok else {}),
        "mark": money.show(mark), "month": month, "months": _months(),
        "statement": _statement(statement.body) if statement.ok else None,
        "statement_fault": "" if statement.ok else statement.detail,
        "table": _ledger(ledger.body, filters, first_page=not cursor(request)),
        "prices": _prices(prices), "quote": _quote(request), "to": _to(request),
        "channels": [(one, overview.CHANNEL_NAMES[one]) for one in enabled(request)],
        "channel": request.GET.get("channel", "sms"),
        "may_set": getattr(request.user, "member_role", "") in MAY_SET,
        **billing_papers.shown(papers, runtime().settings.currency),
    }  # fmt: skip
    return render(request, "portal/billing.html", context)


def _filters(request: HttpRequest) -> Filters:
    kinds = [("", "Every movement"), *KINDS.items()]
    return Filters(request, "billing", [Choice("kind", "What", kinds)])


def _asked(request: HttpRequest, filters: Filters) -> dict[str, str]:
    asked = {"limit": str(PAGE_ROWS)} | _range(filters)
    if cursor(request):
        asked["cursor"] = cursor(request)
    return asked


def _range(filters: Filters) -> dict[str, str]:
    first, last = as_moment(filters.days.from_us), as_moment(filters.days.to_us)
    found = {"kind": filters["kind"]} if filters["kind"] else {}
    if first and last:
        found |= {"since": first.isoformat(), "until": last.isoformat()}
    return found


def _amount(text: Any) -> str:
    return formats.amount(money.parse(str(text)), runtime().settings.currency)


def _cards(held: tuple[int, int], mark: int, month: dict[str, Any]) -> list[Card]:
    balance, limit = held
    lines = {one["kind"]: money.parse(one["amount"]) for one in month.get("lines", [])}
    spent = -sum(lines.get(kind, 0) for kind in ("DEBIT", "RESERVE", "CAPTURE"))
    currency = runtime().settings.currency
    low = 0 < balance < mark
    return [
        Card("Balance", formats.amount(balance, currency), change="low" if low else "",
             tone="is-bad" if low else "",
             aside="postpaid" if limit else "prepaid: sending stops at 0"),
        Card("Credit limit", formats.amount(limit, currency),
             aside="how far below 0 the balance may go"),
        Card("Charged this month", formats.amount(spent, currency) if month else formats.DASH,
             aside=f"refunded {formats.amount(lines.get('REFUND', 0), currency)}"
             if month else "the API cannot be reached"),
        Card("Low-balance alert", formats.amount(mark, currency) if mark else formats.DASH,
             aside="posts the event balance.low" if mark else "no alert is set"),
    ]  # fmt: skip


def _months() -> list[tuple[str, str]]:
    """This month and the twelve before, newest first."""
    now = today()
    firsts = [
        date(now.year + (now.month - 1 - back) // 12, (now.month - 1 - back) % 12 + 1, 1)
        for back in range(MONTHS_OFFERED)
    ]
    return [(f"{one:%Y-%m}", f"{one:%B %Y}") for one in firsts]


def _month(request: HttpRequest) -> str:
    wanted = request.GET.get("month", "")
    offered = [one for one, _ in _months()]
    return wanted if wanted in offered else offered[0]


def _statement(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "opening": _amount(body["opening"]), "closing": _amount(body["closing"]),
        "closed": body["closed"],
        "lines": [
            (KINDS.get(one["kind"], one["kind"]), formats.count(one["entries"]),
             _amount(one["amount"]))
            for one in body["lines"]
        ],
    }  # fmt: skip


def _ledger(body: dict[str, Any], filters: Filters, *, first_page: bool) -> Table:
    return Table(
        columns=_LEDGER,
        rows=[_entry(one) for one in body.get("data", [])],
        next_cursor=str(body.get("next_cursor") or ""),
        first_page=first_page,
        query=filters.query,
        empty_title="No money has moved today",
        empty_text="Each charge, refund and credit stands here; together they are the balance.",
    )


def _entry(one: dict[str, Any]) -> Row:
    message = one["message_id"]
    link = reverse("reports:message", args=[message]) if message else ""
    return Row(
        [
            cells.time(micros(datetime.fromisoformat(one["created_at"]))),
            KINDS.get(one["kind"], one["kind"]),
            cells.money(money.parse(one["amount"])),
            cells.name(f"…{message[-8:]}", link=link) if message else cells.NOTHING,
            cells.grey(one["note"]),
        ],
        link,
    )


def _prices(prices: list[PriceRow]) -> Table:
    return Table(
        columns=_PRICES,
        rows=[
            Row(
                [
                    overview.CHANNEL_NAMES.get(one.channel, one.channel),
                    one.category or cells.NOTHING,
                    _for(one),
                    cells.beside(
                        cells.money(one.amount_micro),
                        cells.grey(_UNITS.get(one.channel, "a message")),
                    ),
                ]
            )
            for one in prices
        ],
        empty_title="No price is set",
        empty_text="Without a price nothing can be sent. Ask your operator to set one.",
    )


def _for(one: PriceRow) -> str:
    if one.prefix:
        return f"numbers that begin with +{one.prefix}"
    return one.country or "every other number"


def _to(request: HttpRequest) -> str:
    return request.GET.get("to", "").strip()[:40]


def _quote(request: HttpRequest) -> dict[str, str] | None:
    """What the number asked for costs, or why that cannot be said."""
    to = _to(request)
    if not to:
        return None
    digits = "".join(char for char in to if char.isdigit())
    channel = request.GET.get("channel", "sms")
    asked = {"to": f"+{digits}", "channel": channel}
    if channel == "whatsapp":
        asked["category"] = "UIC"
    told = call(request, "GET", f"/v1/prices/quote?{urlencode(asked)}")
    if not told.ok:
        return {"fault": told.detail}
    unit = _UNITS.get(channel, "a message")
    place = told.body["country"] or "no country"
    if told.body["price"] is None:
        return {"fault": f"No price is set for {told.body['to']} ({place}); ask your operator."}
    return {"price": _amount(told.body["price"]), "unit": unit, "to": told.body["to"],
            "place": place}  # fmt: skip


@require_POST
def alert(request: HttpRequest) -> HttpResponse:
    """Below which balance the account is told."""
    wanted = request.POST.get("mark", "").strip() or "0"
    told = call(request, "PUT", "/v1/balance/alert", {"low_balance": wanted})
    if not told.ok:
        messages.error(request, f"Not saved: {told.detail}")
    elif money.parse(told.body["low_balance"]):
        messages.success(
            request,
            f"You are told by the webhook event balance.low when less than"
            f" {_amount(told.body['low_balance'])} is left.",
        )
    else:
        messages.success(request, "The low-balance alert is off.")
    return redirect(reverse("billing:home"))


def file(request: HttpRequest) -> StreamingHttpResponse:
    """The ledger of the filters' days as CSV, page by page."""
    filters = _filters(request)
    response = StreamingHttpResponse(_lines(request, filters), content_type="text/csv")
    name = f"ledger-{filters.days.first}-{filters.days.last}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _lines(request: HttpRequest, filters: Filters) -> Iterator[str]:
    yield _csv("id", "created_at", "kind", "amount", "currency", "message_id", "note")
    asked = {"limit": str(FILE_PAGE_ROWS)} | _range(filters)
    while True:
        told = call(request, "GET", f"/v1/ledger?{urlencode(asked)}")
        if not told.ok:
            # Half a file would look whole: the connection breaks, and the download has failed.
            raise ConnectionError(told.detail)
        for one in told.body["data"]:
            yield _csv(one["id"], one["created_at"], one["kind"], one["amount"], one["currency"],
                       one["message_id"] or "", one["note"])  # fmt: skip
        if not told.body["next_cursor"]:
            return
        asked["cursor"] = told.body["next_cursor"]


def _csv(*values: Any) -> str:
    written = io.StringIO()
    # A leading = + - @ would be a formula to a spreadsheet, except in an amount.
    safe = [
        f"'{one}" if isinstance(one, str) and one[:1] in "=+@\t" and one else one for one in values
    ]
    csv.writer(written).writerow(safe)
    return written.getvalue()


SCREEN = Screen(
    title="Billing & Balance",
    icon="account_balance_wallet",
    slug="billing",
    group="Account",
    roles=MAY_READ,
    pages=[
        Page("", billing, "home"),
        Page("alert/", alert, "alert", MAY_SET),
        Page("ledger.csv", file, "file"),
        *billing_papers.PAGES,
    ],
)
