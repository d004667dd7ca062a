"""Templates: list, editor with the handset beside it, submission, and what became of each."""

from typing import Any, Final

import msgspec
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.consoles.portal import template_assist
from cpaas.consoles.portal.core_api import Answer, call
from cpaas.consoles.portal.template_form import FIELDS, TemplateForm, initial, wanted
from cpaas.consoles.shared import cells
from cpaas.consoles.shared.filters import Choice, Filters, Text
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import account_id, look
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.dlt import queries as dlt
from cpaas.kit.errors import InputError
from cpaas.templates import preview, queries
from cpaas.templates.types import TYPES, Content, NewTemplate, TemplateRow

PAGE: Final = 50
MAY_WRITE: Final = frozenset({"owner", "developer", "marketer"})
_STATUS: Final = (
    ("", "Any status"), ("DRAFT", "DRAFT"), ("PENDING", "PENDING"), ("APPROVED", "APPROVED"),
    ("REJECTED", "REJECTED"),
)  # fmt: skip
_STEPS: Final = {
    "created": "Version begun", "submitted": "Submitted for review", "approved": "Approved",
    "rejected": "Rejected", "carrier_pending": "With the carrier for review",
    "carrier_approved": "Approved by the carrier", "carrier_rejected": "Rejected by the carrier",
    "carrier_paused": "Paused by the carrier", "carrier_disabled": "Disabled by the carrier",
}  # fmt: skip


def templates(request: HttpRequest) -> HttpResponse:
    """The account's templates, newest first."""
    filters = Filters(
        request, "templates",
        [
            Text("name", "Search", "The beginning of a name"),
            Choice("status", "Status", _STATUS),
            Choice("channel", "Channel", [("", "Any channel"), *CHANNEL_NAMES.items()]),
        ],
        with_days=False,
    )  # fmt: skip
    after, account = cursor(request), account_id(request)
    below = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 0
    found = look(
        request,
        lambda c: queries.templates(
            c, account_id=account, status=filters["status"], channel=filters["channel"],
            name=filters["name"], below=below, most=PAGE + 1,
        ),
    )  # fmt: skip
    shown = found[:PAGE]
    table = Table(
        columns=[
            Column("Template name", wide=True), Column("Channel"), Column("Type"),
            Column("Status"), Column("Carrier status", extra=True), Column("In use", extra=True),
            Column("Changed", right=True),
        ],
        rows=[_row(one) for one in shown],
        next_cursor=str(shown[-1].id) if len(found) > PAGE else "",
        first_page=not after,
        query=filters.query,
        empty_title="No templates yet",
        empty_text="A template is a text with variables that you write once and send many times. "
        "WhatsApp and RCS need an approved one to begin a conversation.",
        dense=False,
    )  # fmt: skip
    page = {"title": "Templates", "filters": filters, "table": table, "may_write": _may(request)}
    return render(request, "portal/templates.html", page)


def _may(request: HttpRequest) -> bool:
    return getattr(request.user, "member_role", "") in MAY_WRITE


def _row(one: TemplateRow) -> Row:
    link = f"/templates/{one.id}/"
    return Row(
        [
            cells.name(one.name, one.language, link),
            CHANNEL_NAMES[one.channel],
            TYPES[one.channel].get(one.version.type, one.version.type),
            cells.badge(one.status, one.version.reason),
            one.version.carrier_status.replace("_", " "),
            f"version {one.live_version}" if one.live_version else cells.NOTHING,
            cells.time(one.changed_us),
        ],
        link,
    )


def _found(request: HttpRequest, template: int) -> TemplateRow:
    row = None
    if template < 2**63:
        row = look(request, lambda c: queries.find(c, account_id(request), template))
    if row is None:
        raise Http404("There is no such template.")
    return row


def show(request: HttpRequest, template: int) -> HttpResponse:
    """One template: the handset, both verdicts, the history, and what can be done now."""
    row = _found(request, template)
    events = look(request, lambda c: queries.history(c, account_id(request), template))
    version = row.version
    page = {
        "title": "Templates", "row": row, "version": version, "may_write": _may(request),
        "channel": CHANNEL_NAMES[row.channel],
        "type_name": TYPES[row.channel].get(version.type, version.type),
        "carrier": version.carrier_status.replace("_", " "),
        "bubbles": preview.shown(version.content, version.content.examples),
        "history": [
            {"at": e.at_us, "what": _STEPS.get(e.kind, e.kind), "version": e.number,
             "by": "", "text": e.text}
            for e in events
        ],
        "carousel": version.type == "carousel",
    }  # fmt: skip
    return render(request, "portal/template.html", page)


def add(request: HttpRequest) -> HttpResponse:
    """A new template."""
    return _editor(request, None)


def edit(request: HttpRequest, template: int) -> HttpResponse:
    """*Edit and resubmit*: the draft, or the next version."""
    return _editor(request, _found(request, template))


def _editor(request: HttpRequest, row: TemplateRow | None) -> HttpResponse:
    known = look(request, lambda c: dlt.templates(c, account_id(request), most=500))
    offered = [(one.template_id, f"{one.name or 'DLT'} · {one.template_id}") for one in known]
    start: dict[str, Any] = {"kind": "sms:text", "language": "en"} if row is None else initial(row)
    form = TemplateForm(request.POST or None, initial=start, dlt=offered, fixed=row is not None)
    fault = ""
    if request.method == "POST" and form.is_valid():
        body = wanted(form.cleaned_data) | {"submit": "submit" in request.POST}
        if row is None:
            told = call(request, "POST", "/v1/templates", body)
        else:
            told = call(request, "PUT", f"/v1/templates/{row.id}", body)
        if told.ok:
            messages.success(request, _said(told.body))
            return redirect("templates:show", template=told.body["id"])
        fault = _refused(form, told)
    values = {**start, **{key: str(value) for key, value in form.data.items()}}
    page = {
        "title": "Templates", "form": form, "row": row, "fault": fault, **_preview(values),
        "wish_classes": form.fields["name"].widget.attrs["class"],
    }  # fmt: skip
    return render(request, "portal/template_edit.html", page)


def _said(body: dict[str, Any]) -> str:
    name, status = body["name"], body["status"]
    if status == "APPROVED":
        return f"Template {name} is approved. You can use it now."
    if status == "PENDING":
        return f"Template {name} submitted. You see here when it is decided."
    return f"Template {name} saved as a draft."


def _refused(form: TemplateForm, told: Answer) -> str:
    rest = [] if told.body.get("errors") else [told.detail]
    for one in told.body.get("errors") or []:
        where = str(one.get("field", ""))
        name = FIELDS.get(where) or next(
            (field for begin, field in FIELDS.items() if where.startswith(begin)), None
        )
        detail = str(one.get("detail") or told.detail)
        detail = detail[:1].upper() + detail[1:]
        if name in form.fields:
            form.add_error(name, detail)
        else:
            rest.append(detail)
    return " ".join(rest)


@require_POST
def live(request: HttpRequest) -> HttpResponse:
    """The handset and what a review may say, while the text is written."""
    values = {key: str(value)[:20_000] for key, value in request.POST.items()}
    return render(request, "portal/template_preview.html", _preview(values))


def _preview(values: dict[str, str]) -> dict[str, Any]:
    """What the handset shows; a fault of the text is a hint here, not an error."""
    body = wanted(values)
    channel = CHANNEL_NAMES.get(body["channel"], "SMS")
    try:
        content = msgspec.convert(body["content"], Content)
        new = NewTemplate(
            body["channel"], body["name"] or "unnamed", content, body["type"], body["language"],
            body["category"] or ("UTILITY" if body["channel"] == "whatsapp" else ""),
        )  # fmt: skip
        seen = preview.preview(new, {})
    except InputError as error:
        text = values.get("body", "")
        said = f"{error.what[:1].upper()}{error.what[1:]}: {error.todo}."
        bubbles = [preview.Bubble(text=text)] if text else []
        return {
            "bubbles": bubbles,
            "hint": said if text.strip() else "",
            "handset_channel": channel,
        }
    except msgspec.ValidationError as error:
        return {"bubbles": [], "hint": str(error), "handset_channel": channel}
    return {
        "bubbles": seen.bubbles, "seen": seen, "handset_channel": channel,
        "is_sms": body["channel"] == "sms",
    }  # fmt: skip


@require_POST
def submit(request: HttpRequest, template: int) -> HttpResponse:
    """Sends the draft in."""
    told = call(request, "POST", f"/v1/templates/{template}/submit")
    if told.ok:
        messages.success(request, _said(told.body))
    else:
        messages.error(request, f"Not submitted. {told.detail}")
    return redirect("templates:show", template=template)


@require_POST
def delete(request: HttpRequest, template: int) -> HttpResponse:
    """Takes the template away."""
    row = _found(request, template)
    told = call(request, "DELETE", f"/v1/templates/{template}")
    if told.ok:
        messages.success(request, f"Template {row.name} deleted.")
        return redirect("templates:home")
    messages.error(request, f"Not deleted. {told.detail}")
    return redirect("templates:show", template=template)


SCREEN = Screen(
    title="Templates",
    icon="draft",
    slug="templates",
    pages=[
        Page("", templates, "home"),
        Page("add/", add, "add", MAY_WRITE),
        Page("preview/", live, "preview", MAY_WRITE),
        Page("assist/", template_assist.draft, "assist", MAY_WRITE),
        Page("assist/use/", template_assist.use, "use", MAY_WRITE),
        Page("<int:template>/", show, "show"),
        Page("<int:template>/edit/", edit, "edit", MAY_WRITE),
        Page("<int:template>/submit/", submit, "submit", MAY_WRITE),
        Page("<int:template>/delete/", delete, "delete", MAY_WRITE),
    ],
)
