"""Exports from a screen: asked for with its filters, followed while they are made, downloaded.

Both consoles use these views; a console's own exports are those of its account (0: the operator's).
"""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from cpaas.blobs import queries as blobs
from cpaas.consoles.shared import queries as console_queries
from cpaas.consoles.shared.filters import days
from cpaas.consoles.shared.live import render_live
from cpaas.consoles.shared.runtime import account_id, acting, change, look, runtime
from cpaas.kit.errors import InputError
from cpaas.reports import export, export_queries
from cpaas.reports.export_types import Export

_FIELDS = ("number", "id", "provider_id", "channel", "status", "route", "error", "campaign", "test")


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Asks for an export of the messages that the filters show."""
    given = request.POST
    filters = {name: given[name] for name in _FIELDS if given.get(name)}
    span = days(given.get("days", ""), given.get("from", ""), given.get("to", ""))
    filters |= {"from": span.first.isoformat(), "to": span.last.isoformat()}
    whose = account_id(request)
    if not whose and given.get("account"):
        filters["account"] = given["account"]
    form = "xlsx" if given.get("format") == "xlsx" else "csv"

    async def work(connection: Any) -> Export:
        made = await export.request(
            connection, whose, "messages", form, filters, actor=acting(request).actor,
            zone=runtime().settings.timezone, now_us=time.time_ns() // 1000,
        )  # fmt: skip
        said = " ".join(f"{name}={value}" for name, value in filters.items())
        await console_queries.audit(connection, "export", "message", str(made.id), said)
        return made

    try:
        made = change(request, work)
    except InputError as error:
        what = error.what[:1].upper() + error.what[1:]
        messages.error(request, f"Not exported. {what}: {error.todo}.")
        return redirect("reports:home")
    return redirect("reports:job", export_id=made.id)


def _find(request: HttpRequest, export_id: int) -> Export:
    found = look(request, lambda c: export_queries.find(c, account_id(request), export_id))
    if found is None:
        raise Http404("There is no such export.")
    return found


def follow(request: HttpRequest, export_id: int) -> HttpResponse:
    """How far it is; then the file."""
    found = _find(request, export_id)
    ended = not found.is_open
    job = {
        "title": f"{found.kind.capitalize()} as {found.format.upper()}",
        "percent": found.percent,
        "words": f"{found.rows:,} rows, {found.percent}%",
        "ended": ended,
        "ready": found.status == "READY",
        "error": found.error or ("" if found.status in ("READY", "QUEUED", "RUNNING") else
                                 f"It is {found.status.lower()}."),
        "link": reverse("reports:file", args=[export_id]),
        "cancel": reverse("reports:cancel", args=[export_id]),
        "word": f"Download {found.rows:,} rows",
        "poll": request.path,
    }  # fmt: skip
    page = {"title": "Reports", "job": job}
    return render_live(request, "console/export.html", "console/job.html", page)


@require_POST
def cancel(request: HttpRequest, export_id: int) -> HttpResponse:
    """Stops it; what is written so far goes."""
    _find(request, export_id)
    change(request, lambda c: export_queries.request_cancel(c, account_id(request), export_id))
    return redirect("reports:job", export_id=export_id)


def download(request: HttpRequest, export_id: int) -> HttpResponse | StreamingHttpResponse:
    """The file, chunk by chunk; each is read on its own, so no connection waits for the reader."""
    found = _find(request, export_id)
    whose, who = found.account_id, acting(request)
    blob = look(request, lambda c: export.file_of(c, found))
    if blob is None:
        return render(
            request, "console/failure.html",
            {"title": "Gone", "what": "This file is kept for a time only, and that is over.",
             "todo": "Export it again."},
            status=410,
        )  # fmt: skip
    database = runtime().database

    def chunks() -> Iterator[bytes]:
        for number in range(blob.chunks):
            data = database.look(
                who, partial(blobs.chunk, account_id=whose, blob_id=blob.id, number=number)
            )
            if data is None:
                return
            yield data

    response = StreamingHttpResponse(chunks(), content_type=blob.media_type)
    response["Content-Disposition"] = f'attachment; filename="{blob.name}"'
    response["Content-Length"] = str(blob.bytes)
    return response
