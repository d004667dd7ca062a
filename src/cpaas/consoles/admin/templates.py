"""Templates: what users ask to send, as the handset would show it; approve, reject, check media."""

import asyncio
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.consoles.shared import cells
from cpaas.consoles.shared.fields import add_fault, choice_field, long_text_field, text_field
from cpaas.consoles.shared.filters import Choice, Filters, Text
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import acting, change, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.kit.errors import InputError
from cpaas.kit.guard import Guard
from cpaas.templates import check, decide, edit, media, preview, queries, review_queries
from cpaas.templates.types import TYPES, CarrierWord, TemplateRow

PAGE: Final = 50
_STATUS: Final = (
    ("", "Any status"), ("PENDING", "PENDING"), ("APPROVED", "APPROVED"), ("REJECTED", "REJECTED"),
    ("DRAFT", "DRAFT"),
)  # fmt: skip
VERDICTS: Final = ("approved", "rejected", "paused", "disabled", "pending")
#: what a history's steps are called.
STEPS: Final = {
    "created": "Version begun", "submitted": "Submitted", "approved": "Approved",
    "rejected": "Rejected", "carrier_pending": "With the carrier for review",
    "carrier_approved": "Approved by the carrier", "carrier_rejected": "Rejected by the carrier",
    "carrier_paused": "Paused by the carrier", "carrier_disabled": "Disabled by the carrier",
}  # fmt: skip


class RejectForm(forms.Form):
    """Why a template is refused."""

    reason = long_text_field("Reason", rows=2, help_text="The user reads it.", maxlength=500)


class CarrierForm(forms.Form):
    """What the carrier's portal says, where no interface tells it."""

    status = choice_field(
        "Carrier status", [(one, one.capitalize()) for one in VERDICTS], initial="approved"
    )
    carrier_id = text_field(
        "Carrier id", required=False, spellcheck="false",
        help_text="Its code or id there: what messages name it by. Empty keeps the one known.",
    )  # fmt: skip
    carrier_reason = text_field("Carrier's reason", required=False, max_length=500)


def templates(request: HttpRequest) -> HttpResponse:
    """The requests, newest first."""
    filters = Filters(
        request, "templates",
        [
            Text("name", "Search", "The beginning of a name"),
            Choice("status", "Status", _STATUS),
            Choice("channel", "Channel", [("", "Any channel"), *CHANNEL_NAMES.items()]),
        ],
        with_days=False,
    )  # fmt: skip
    after = cursor(request)
    below = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 0
    found = look(
        request,
        lambda c: queries.templates(
            c, status=filters["status"], channel=filters["channel"], name=filters["name"],
            below=below, most=PAGE + 1,
        ),
    )  # fmt: skip
    shown = found[:PAGE]
    table = Table(
        columns=[
            Column("Template name", wide=True), Column("Account"), Column("Channel"),
            Column("Type"), Column("Status"), Column("Carrier status", extra=True),
            Column("Changed", extra=True), Column("Review", right=True),
        ],
        rows=[_row(one) for one in shown],
        next_cursor=str(shown[-1].id) if len(found) > PAGE else "",
        first_page=not after,
        query=filters.query,
        empty_title="No templates yet",
        empty_text="What users submit for review stands here. SMS and Voice are approved by "
        "themselves.",
        dense=False,
    )  # fmt: skip
    page = {"title": "Templates", "filters": filters, "table": table}
    return render(request, "admin_console/templates.html", page)


def type_name(row: TemplateRow) -> str:
    """A template's type in the guide's words."""
    return TYPES[row.channel].get(row.version.type, row.version.type)


def carrier_word(status: str) -> str:
    """The carrier's verdict in words."""
    return status.replace("_", " ")


def _row(one: TemplateRow) -> Row:
    link = f"/templates/{one.id}/"
    return Row(
        [
            cells.name(one.name, one.language, link),
            one.account,
            CHANNEL_NAMES[one.channel],
            type_name(one),
            cells.badge(one.status),
            carrier_word(one.version.carrier_status),
            cells.time(one.changed_us),
            cells.button("Review", link, "visibility"),
        ],
        link,
    )


def _found(request: HttpRequest, template: int) -> TemplateRow:
    async def work(connection: Any) -> TemplateRow | None:
        owner = await queries.owner(connection, template)
        return None if owner is None else await queries.find(connection, owner, template)

    row = look(request, work) if template < 2**63 else None
    if row is None:
        raise Http404("There is no such template.")
    return row


def review(
    request: HttpRequest, template: int, form: RejectForm | None = None,
    carrier_form: CarrierForm | None = None,
) -> HttpResponse:  # fmt: skip
    """One template: content, handset, media, history, and the two verdicts."""
    row = _found(request, template)
    events = look(request, lambda c: queries.history(c, row.account_id, row.id))
    version = row.version
    page = {
        "title": "Templates", "row": row, "version": version, "type_name": type_name(row),
        "channel": CHANNEL_NAMES[row.channel], "form": form or RejectForm(),
        "carrier": carrier_word(version.carrier_status),
        "bubbles": preview.shown(version.content, version.content.examples),
        "warnings": check.warnings(edit.replaced(row)),
        "media": media.addresses(version.content), "looked": version.media,
        "history": [
            {"at": e.at_us, "what": STEPS.get(e.kind, e.kind), "version": e.number,
             "by": e.actor, "text": e.text}
            for e in events
        ],
        "may_approve": row.status == "PENDING",
        "may_reject": row.status in ("PENDING", "APPROVED"),
        "carrier_form": carrier_form or CarrierForm(),
        "carrier_reviews": version.carrier_status != "not_needed",
        "not_handed_over": version.carrier_status == "pending" and not version.carrier_id
        and row.status == "APPROVED",
    }  # fmt: skip
    return render(request, "admin_console/template.html", page)


@require_POST
def approve(request: HttpRequest, template: int) -> HttpResponse:
    """*Approve*: green."""
    row = _found(request, template)
    actor = acting(request).actor
    try:
        after = change(request, lambda c: decide.approve(c, row.account_id, row.id, actor=actor))
    except InputError as error:
        messages.error(request, f"Not approved. {error.what[:1].upper()}{error.what[1:]}.")
    else:
        then = (
            f"{row.account} can use it now."
            if after.version.carrier_status == "not_needed"
            else "It goes to the carrier, which has to agree, too."
        )
        messages.success(request, f"Template {row.name} approved. {then}")
    return redirect("templates:review", template=template)


@require_POST
def reject(request: HttpRequest, template: int) -> HttpResponse:
    """*Reject*: red, with a reason that the user sees."""
    row = _found(request, template)
    actor, form = acting(request).actor, RejectForm(request.POST)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        try:
            change(request, lambda c: decide.reject(c, row.account_id, row.id, reason, actor=actor))
        except InputError as error:
            add_fault(form, error)
        else:
            messages.success(request, f"Template {row.name} rejected. {row.account} reads why.")
            return redirect("templates:review", template=template)
    return review(request, template, form)


@require_POST
def hand_over(request: HttpRequest, template: int) -> HttpResponse:
    """*Hand over now*: does not wait for the next try."""
    row = _found(request, template)
    if change(request, lambda c: review_queries.hurry(c, row.channel, row.id)):
        messages.success(request, f"Template {row.name} is handed over to its carrier now.")
    else:
        messages.error(request, f"Template {row.name} does not wait for its carrier.")
    return redirect("templates:review", template=template)


@require_POST
def carrier(request: HttpRequest, template: int) -> HttpResponse:
    """*Enter*: the verdict that the operator read in the carrier's portal."""
    row = _found(request, template)
    actor, form = acting(request).actor, CarrierForm(request.POST)
    if not form.is_valid():
        return review(request, template, carrier_form=form)
    given = form.cleaned_data
    said = CarrierWord(
        given["status"], given["carrier_id"].strip(), given["carrier_reason"].strip()
    )  # fmt: skip
    try:
        change(request, lambda c: decide.told(c, row.account_id, row.id, said, actor=actor))
    except InputError as error:
        add_fault(form, error)
        return review(request, template, carrier_form=form)
    messages.success(request, f"Template {row.name} is {said.status} with its carrier.")
    return redirect("templates:review", template=template)


@require_POST
def look_at_media(request: HttpRequest, template: int) -> HttpResponse:
    """Fetches each media URL once and keeps what was found."""
    row = _found(request, template)
    guard = Guard(runtime().settings.allow_networks)
    # No connection to the database is held meanwhile.
    found = asyncio.run(media.check(guard, row.channel, row.version.content))
    change(request, lambda c: queries.set_media(c, row.account_id, row.version.id, found))
    return redirect("templates:review", template=template)


def _waiting(request: HttpRequest) -> tuple[str, str] | None:
    found = look(request, lambda c: queries.templates(c, status="PENDING", most=100))
    return (str(len(found)) if len(found) < 100 else "99+", "warning") if found else None


SCREEN = Screen(
    title="Templates",
    icon="draft",
    slug="templates",
    group="Customers",
    badge=_waiting,
    pages=[
        Page("", templates, "home"),
        Page("<int:template>/", review, "review"),
        Page("<int:template>/approve/", approve, "approve"),
        Page("<int:template>/reject/", reject, "reject"),
        Page("<int:template>/hand-over/", hand_over, "hand_over"),
        Page("<int:template>/carrier/", carrier, "carrier"),
        Page("<int:template>/media/", look_at_media, "media"),
    ],
)
