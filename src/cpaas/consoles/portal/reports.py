"""Reports: the account's message log, one message's life, and files of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from cpaas.blobs import queries as blobs
from cpaas.blobs.types import Blob
from cpaas.campaigns.advice import advice
from cpaas.consoles.portal.dashboard import enabled
from cpaas.consoles.shared import cells, formats, life, overview, queries
from cpaas.consoles.shared.filters import Choice, Filters, Text
from cpaas.consoles.shared.live import render_live
from cpaas.consoles.shared.runtime import account_id, acting, answer, change, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.kit.errors import InputError
from cpaas.messages.statuses import TRANSITIONS
from cpaas.messages.timeline import TimelineEntry, timeline
from cpaas.reports import export, export_queries, log
from cpaas.reports.check import read_filter
from cpaas.reports.export_types import Export
from cpaas.reports.statement import as_moment, micros
from cpaas.reports.types import LogPage, MessageRow

#: who may take files of messages away.
MAY_EXPORT: Final = frozenset({"owner", "developer", "marketer"})
_COLUMNS: Final = (
    Column("Recipient"), Column("Channel"), Column("Sender", extra=True), Column("Status"),
    Column("Text", wide=True, extra=True), Column("Cost", right=True),
    Column("Sent At", right=True), Column("Delivered At", right=True), Column("Error"),
)  # fmt: skip

_STATUSES: Final = (("", "Any status"), *((one, one.title()) for one in TRANSITIONS))
_TESTS: Final = (("", "Live only"), ("yes", "Test only"), ("all", "Both"))


def _filters(request: HttpRequest) -> Filters:
    channels = [("", "All channels")]
    channels += [(one, overview.CHANNEL_NAMES[one]) for one in enabled(request)]
    return Filters(
        request, "reports",
        [
            Text("find", "Number, message id or reference", "+9198… or an id"),
            Choice("channel", "Channel", channels),
            Choice("status", "Status", _STATUSES),
            Choice("test", "Test messages", _TESTS),
            Text("error", "Error code"),
        ],
    )  # fmt: skip


def _given(filters: Filters) -> dict[str, str]:
    """The filters as the log's own words."""
    given = {name: filters[name] for name in ("channel", "status", "test", "error")}
    found = filters["find"]
    if found:
        given[_what(found)] = found
    days = filters.days
    first, last = as_moment(days.from_us), as_moment(days.to_us)
    if first and last and "id" not in given:
        given |= {"from": first.isoformat(), "to": last.isoformat()}
    return given


def _what(text: str) -> str:
    try:
        UUID(text)
    except ValueError:
        bare = text.strip("+* ").replace(" ", "")
        return "number" if bare.isdigit() else "reference"
    return "id"


def reports(request: HttpRequest) -> HttpResponse:
    """One page of the log."""
    filters = _filters(request)
    context: dict[str, Any] = {
        "title": "Reports", "filters": filters, "may_export": _may_export(request),
        "export_link": reverse("reports:export"),
    }  # fmt: skip
    page = LogPage([], None)
    try:
        wanted = read_filter(_given(filters), datetime.now(UTC), runtime().settings.timezone)
        (page,) = answer(
            request, log.messages(account_id(request), wanted, before=_before(request))
        )
    except InputError as error:
        context["fault"] = f"{error.what[0].upper()}{error.what[1:]}: {error.todo}."
    searched = page.searched_to
    context |= {
        "table": _table(page, filters, first_page=not cursor(request)),
        "searched_to": micros(searched) if searched else None,
        "exports": _exports(request) if _may_export(request) else [],
    }
    return render(request, "portal/reports.html", context)


def _may_export(request: HttpRequest) -> bool:
    return getattr(request.user, "member_role", "") in MAY_EXPORT


def _before(request: HttpRequest) -> UUID | None:
    try:
        return UUID(cursor(request))
    except ValueError:
        return None


def _table(page: LogPage, filters: Filters, *, first_page: bool) -> Table:
    return Table(
        columns=_COLUMNS,
        rows=[_row(one) for one in page.rows],
        next_cursor=str(page.before or ""),
        first_page=first_page,
        query=filters.query,
        empty_title="No message yet today",
        empty_text="Each message of yours stands here as soon as it is accepted.",
    )


def _row(one: MessageRow) -> Row:
    link = reverse("reports:message", args=[one.id])
    error = format_html('<span title="{}">{}</span>', one.error, one.error_code)
    text = one.body if len(one.body) <= 60 else f"{one.body[:59]}…"
    return Row(
        [
            cells.name(one.recipient, "test" if one.is_test else "", link),
            overview.CHANNEL_NAMES.get(one.channel, one.channel), one.sender or cells.NOTHING,
            cells.badge(one.status), cells.grey(text), cells.money(one.cost_micro),
            cells.time(micros(one.submitted_at) if one.submitted_at else None),
            cells.time(micros(one.delivered_at) if one.delivered_at else None),
            error if one.error_code else cells.NOTHING,
        ],
        link,
    )  # fmt: skip


def message(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """One message's whole life, and while it is under way its next steps."""
    account = account_id(request)

    async def work(connection: Any) -> list[TimelineEntry] | None:
        return await timeline(connection, account, message_id.bytes)

    (found,) = answer(request, log.message(account, message_id))
    if found is None:
        raise Http404("There is no such message.")
    entries = look(request, work) or []
    settings = runtime().settings
    teller = life.Teller(zone=settings.timezone, currency=settings.currency)
    context = {
        "title": "Message", "message": found, "steps": life.steps(entries, teller),
        "channel": overview.CHANNEL_NAMES.get(found.channel, found.channel),
        "accepted_us": micros(found.created_at), "open": found.final_at is None,
        "error_words": overview.error_words(found.error_code) if found.error_code else "",
        "advice": advice(found.error_code) if found.error_code else "",
        "cost": formats.amount(found.cost_micro, settings.currency),
        "refunded": formats.amount(found.refunded_micro, settings.currency),
    }  # fmt: skip
    return render_live(request, "portal/message.html", "portal/message_live.html", context)


@require_POST
def ask_export(request: HttpRequest) -> HttpResponse:
    """Begin to write what the filters show into a file."""
    account = account_id(request)
    given = {name: value for name, value in _given(_filters(request)).items() if value}
    form = "xlsx" if request.POST.get("format") == "xlsx" else "csv"
    actor, zone = acting(request).actor, runtime().settings.timezone

    async def work(connection: Any) -> Export:
        return await export.request(
            connection, account, "messages", form, given, actor=actor, zone=zone,
            now_us=int(datetime.now(UTC).timestamp() * 1_000_000),
        )  # fmt: skip

    try:
        change(request, work)
    except InputError as error:
        messages.error(request, f"{error.what[0].upper()}{error.what[1:]}: {error.todo}.")
    query = request.GET.urlencode()
    return redirect(f"{reverse('reports:home')}?{query}")


def _exports(request: HttpRequest) -> list[dict[str, Any]]:
    account = account_id(request)
    found = look(request, lambda c: export_queries.newest(c, account, below=2**63 - 1, limit=3))
    return [_job(one) for one in found if one.status in {"QUEUED", "RUNNING", "READY", "FAILED"}]


def _job(one: Export) -> dict[str, Any]:
    return {
        "title": f"Messages as {one.format.upper()}",
        "percent": one.percent,
        "words": f"{one.percent} %, {formats.count(one.rows)} rows" if one.rows else "begins soon",
        "ended": not one.is_open,
        "error": one.error,
        "link": reverse("reports:file", args=[one.id]),
        "word": f"Download {formats.count(one.rows)} rows",
        "poll": reverse("reports:job", args=[one.id]),
    }


def _export(request: HttpRequest, export_id: int) -> Export:
    account = account_id(request)
    found = look(request, lambda c: export_queries.find(c, account, export_id))
    if found is None:
        raise Http404("There is no such export.")
    return found


def job(request: HttpRequest, export_id: int) -> HttpResponse:
    """How far an export is."""
    return render(request, "console/job.html", {"job": _job(_export(request, export_id))})


async def _chunk(connection: Any, *, blob: Blob, number: int) -> bytes:
    return await blobs.chunk(connection, blob.account_id, blob.id, number) or b""


def file(request: HttpRequest, export_id: int) -> Any:
    """The file of an export that is ready; taking it is audited."""
    found = _export(request, export_id)

    async def work(connection: Any) -> Any:
        blob = await export.file_of(connection, found)
        if blob is not None:
            await queries.audit(connection, "download", "export_job", str(export_id), blob.name)
        return blob

    blob = change(request, work)
    if blob is None:
        raise Http404("The file has expired.")

    def chunks() -> Iterator[bytes]:
        for number in range(blob.chunks):
            yield look(request, partial(_chunk, blob=blob, number=number))

    response = StreamingHttpResponse(chunks(), content_type=blob.media_type)
    response["Content-Disposition"] = f'attachment; filename="{blob.name}"'
    response["Content-Length"] = str(blob.bytes)
    return response


SCREEN = Screen(
    title="Reports",
    icon="receipt_long",
    slug="reports",
    group="Insight",
    pages=[
        Page("", reports, "home"),
        Page("<uuid:message_id>/", message, "message"),
        Page("export/", ask_export, "export", MAY_EXPORT),
        Page("export/<int:export_id>/", job, "job", MAY_EXPORT),
        Page("export/<int:export_id>/file/", file, "file", MAY_EXPORT),
    ],
)
