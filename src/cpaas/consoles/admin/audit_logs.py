"""Audit Logs: who did what, when and from where; filter, export, check that nobody edited it."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from cpaas.accounts import editing_queries
from cpaas.audit import queries, seal
from cpaas.audit.types import Checked, Entry, EntryFilter
from cpaas.consoles.shared import cells, formats
from cpaas.consoles.shared import queries as console_queries
from cpaas.consoles.shared.filters import Choice, Filters, Text
from cpaas.consoles.shared.runtime import acting, change, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.reports.export_csv import csv_bytes

PAGE: Final = 50
EXPORT_PAGE: Final = 1_000
#: one file of an export; more days are another file.
EXPORT_ROWS_MAX: Final = 1_000_000
NEWEST: Final = 2**63 - 1
CHANGE_CHARS_MAX: Final = 90
NAME_CHARS_MAX: Final = 24
ACTIONS: Final = (
    "insert", "update", "delete", "login", "login_failed", "logout", "export", "view", "import",
    "start", "stop", "restart",
)  # fmt: skip
#: what other columns of the table say already.
_OBVIOUS: Final = ("id", "account_id")
#: table -> the word for it on these pages.
WHAT: Final = {
    "account": "User", "app_user": "Login", "api_key": "API key", "admin_key": "Admin key",
    "smpp_credential": "SMPP credentials", "price": "Price", "sender": "Sender",
    "dlt_template": "DLT template", "route": "Route", "route_cost": "Carrier cost",
    "routing_rule": "Routing rule", "strategy": "Strategy", "strategy_member": "Strategy member",
    "assigned_route": "Assigned route", "inbound_number": "Inbound number",
    "inbound_keyword": "Keyword", "webhook_endpoint": "Webhook", "platform_setting": "Setting",
    "wallet": "Money terms", "ledger_entry": "Booking", "blacklist_entry": "Blacklist",
    "export_job": "Export", "message": "Message", "service_state": "Service",
    "second_factor": "Second factor", "audit_log": "Audit log", "campaign": "Campaign",
    "campaign_halt": "Campaign's pause", "template": "Template",
    "template_version": "Template version", "identity": "Channel identity",
    "identity_account": "Identity's user", "twilio_credential": "Twilio credentials",
    "team_invitation": "Invitation", "billing_details": "Billing details", "invoice": "Invoice",
    "top_up_request": "Top-up request",
    "alert": "Alert",
}  # fmt: skip
HEADING: Final = (
    "id", "time", "actor", "address", "action", "what", "row", "account", "before", "after", "note",
)  # fmt: skip


def audit_logs(request: HttpRequest) -> HttpResponse:
    """The log, newest first."""
    accounts = look(request, editing_queries.all_names)
    filters = _filters(request, accounts)
    after = cursor(request)
    before_id = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else NEWEST
    found, reached = look(request, lambda c: queries.page(c, _wanted(filters), before_id, PAGE + 1))
    table = _table(found, reached, dict(accounts), filters, first=not after)
    page = {"title": "Audit Logs", "filters": filters, "table": table, "stopped": reached}
    return render(request, "admin_console/audit_logs.html", page)


def _filters(
    request: HttpRequest, accounts: list[tuple[int, str]], given: QueryDict | None = None
) -> Filters:
    what = sorted(WHAT.items(), key=lambda one: one[1])
    names = [(str(number), name) for number, name in accounts]
    return Filters(
        request, "audit_logs",
        [
            Text("actor", "Who", "Who, such as admin:anna"),
            Choice("action", "Action", (("", "Any action"), *((one, one) for one in ACTIONS))),
            Choice("what", "What", (("", "Anything"), *what)),
            Choice("account", "Account", (("", "All accounts"), ("0", "The platform"), *names)),
        ],
        given=given,
    )  # fmt: skip


def _wanted(filters: Filters) -> EntryFilter:
    return EntryFilter(
        from_us=filters.days.from_us, to_us=filters.days.to_us, actor=filters["actor"],
        action=filters["action"], table_name=filters["what"],
        account_id=int(filters["account"]) if filters["account"] else None,
    )  # fmt: skip


def _table(
    found: list[Entry], reached: int | None, accounts: dict[int, str], filters: Filters, *,
    first: bool,
) -> Table:  # fmt: skip
    shown = found[:PAGE]
    following = shown[-1].id if len(found) > PAGE else reached
    return Table(
        columns=[
            Column("Time"), Column("Who"), Column("From", extra=True), Column("Action"),
            Column("What"), Column("Account"), Column("Change", wide=True),
        ],
        rows=[_row(one, accounts) for one in shown],
        next_cursor="" if following is None else str(following),
        first_page=first,
        query=filters.query,
        empty_title="Nothing was done today",
        empty_text="Every change, login, export and look at content stands here, and stays.",
    )  # fmt: skip


def _row(one: Entry, accounts: dict[int, str]) -> Row:
    link = f"/audit-logs/{one.id}/"
    return Row(
        [
            cells.time(one.at_us),
            cells.name(one.actor, link=link),
            cells.mono(one.address),
            one.action,
            cells.beside(cells.grey(WHAT.get(one.table_name, one.table_name)), _row_id(one)),
            accounts.get(one.account_id, "—" if not one.account_id else str(one.account_id)),
            cells.grey(_short(one)),
        ],
        link,
    )


def _row_id(one: Entry) -> SafeString:
    # Of a message's id the beginning is enough; a name is shown as far as there is room.
    shown = 12 if one.table_name == "message" else NAME_CHARS_MAX
    return cells.mono(one.row_id[:shown], one.row_id)


def _short(one: Entry) -> str:
    """What changed, in one line."""
    changed = [
        f"{name}: {old} → {new or '—'}" if old else f"{name}: {new}"
        for name, old, new in _changes(one)
        if (old or new) and name not in _OBVIOUS
    ]
    text = one.note or "; ".join(changed)
    return text if len(text) <= CHANGE_CHARS_MAX else f"{text[: CHANGE_CHARS_MAX - 1]}…"


def _changes(one: Entry) -> list[tuple[str, str, str]]:
    """Field, before and after, as they are stored; what holds secrets is masked by the trigger."""
    before = msgspec.json.decode(one.before or "null") or {}
    after = msgspec.json.decode(one.after or "null") or {}
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return [("value", str(before or ""), str(after or ""))]
    return [
        (name, _plain(before.get(name)), _plain(after.get(name)))
        for name in dict.fromkeys([*before, *after])
    ]


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    """One entry with all that it says."""

    async def read(connection: Any) -> tuple[Entry | None, dict[int, str]]:
        one = await queries.entry(connection, entry_id)
        names = await editing_queries.names(connection, [one.account_id] if one else [])
        return one, names

    one, names = look(request, read)
    if one is None:
        raise Http404("There is no such entry.")
    page = {
        "title": "Audit Logs", "one": one, "what": WHAT.get(one.table_name, one.table_name),
        "account": names.get(one.account_id, ""), "changes": _changes(one),
        "hash": one.hash.hex() if one.hash else "",
    }  # fmt: skip
    return render(request, "admin_console/audit_entry.html", page)


@require_POST
def export(request: HttpRequest) -> StreamingHttpResponse:
    """What the filters show, as CSV, page by page; itself an entry of the log."""
    accounts = dict(look(request, editing_queries.all_names))
    filters = _filters(request, list(accounts.items()), request.POST)
    wanted, who, database = _wanted(filters), acting(request), runtime().database
    change(request, lambda c: console_queries.audit(c, "export", "audit_log", "", filters.words))

    def lines() -> Iterator[bytes]:
        yield b"\xef\xbb\xbf" + csv_bytes([HEADING])
        before_id = NEWEST
        for _ in range(EXPORT_ROWS_MAX // EXPORT_PAGE):
            found, reached = database.look(
                who,
                partial(queries.page, wanted=wanted, before_id=before_id, most=EXPORT_PAGE),
            )
            yield csv_bytes(_line(one, accounts) for one in found)
            if len(found) < EXPORT_PAGE and reached is None:
                return
            before_id = found[-1].id if len(found) == EXPORT_PAGE else int(reached or 0)

    answer = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    name = f"audit-logs-{filters.days.first}-{filters.days.last}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _line(one: Entry, accounts: dict[int, str]) -> list[Any]:
    at: datetime = formats.moment(one.at_us, runtime().settings.timezone)
    return [
        one.id, at, one.actor, one.address, one.action, one.table_name, one.row_id,
        accounts.get(one.account_id, ""), one.before, one.after, one.note,
    ]  # fmt: skip


def verify(request: HttpRequest) -> HttpResponse:
    """*Verify*: computes the hash chain anew, part by part, and says whether it holds."""
    so_far = Checked()
    if token := request.GET.get("at"):
        try:
            so_far = Checked(**signing.loads(token, salt="audit", max_age=600))
        except signing.BadSignature as error:
            raise Http404("This check is over. Begin it anew.") from error
    found = look(request, lambda c: seal.verify_some(c, so_far))
    page: dict[str, Any] = {"title": "Audit Logs", "found": found}
    if isinstance(found, Checked):
        page["going_on"] = signing.dumps(msgspec.to_builtins(found), salt="audit")
        page["percent"] = 100 * found.after_id // max(1, found.until_id)
    part = "admin_console/audit_verify_live.html"
    return render(
        request, part if request.headers.get("HX-Request") else "admin_console/audit_verify.html",
        page,
    )  # fmt: skip


SCREEN = Screen(
    title="Audit Logs",
    icon="history",
    slug="audit-logs",
    group="Platform",
    pages=[
        Page("", audit_logs, "home"),
        Page("<int:entry_id>/", entry, "entry"),
        Page("export/", export, "export"),
        Page("verify/", verify, "verify"),
    ],
)
