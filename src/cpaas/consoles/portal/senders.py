"""Sender IDs: the names that the account's messages come from; request one, choose the default."""

from typing import Final
from urllib.parse import quote, urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.consoles.portal.core_api import call
from cpaas.consoles.shared.fields import choice_field, text_field
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import account_id, look
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.senders import check, queries

MAY_ASK: Final = frozenset({"owner", "developer", "marketer"})


class RequestForm(forms.Form):
    """A sender to ask for."""

    sender = text_field(
        "Sender ID", max_length=16, autocomplete="off",
        help_text="3 to 11 letters or digits, such as MYBRAND, or a number with its plus.",
    )  # fmt: skip
    channel = choice_field("Channel", [(one, CHANNEL_NAMES[one]) for one in check.CHANNELS])
    pe_id = text_field(
        "PE ID", required=False, max_length=19, inputmode="numeric",
        help_text="India: 19 digits of your registration. Left empty: the account's.",
    )  # fmt: skip


def senders(request: HttpRequest, form: RequestForm | None = None) -> HttpResponse:
    """The account's senders with what was decided and why."""
    rows = look(request, lambda c: queries.senders(c, account_id=account_id(request), most=1000))
    page = {
        "title": "Sender IDs", "form": form or RequestForm(),
        "may_ask": getattr(request.user, "member_role", "") in MAY_ASK,
        "senders": [
            {"row": one, "channel": CHANNEL_NAMES.get(one.channel, one.channel),
             "warnings": check.warnings(one.value) if one.channel == "sms" else []}
            for one in rows
        ],
    }  # fmt: skip
    return render(request, "portal/senders.html", page)


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """*Request*: it can be used once it is approved."""
    form = RequestForm(request.POST)
    if not form.is_valid():
        return senders(request, form)
    told = call(request, "POST", "/v1/senders", dict(form.cleaned_data))
    if told.ok:
        messages.success(
            request, f"{told.body['sender']} requested. You see here when it is decided."
        )
        return redirect("senders:home")
    for fault in told.body.get("errors") or [{}]:
        field = str(fault.get("field", ""))
        detail = str(fault.get("detail") or told.detail)
        form.add_error(field if field in form.fields else None, detail[:1].upper() + detail[1:])
    return senders(request, form)


@require_POST
def deed(request: HttpRequest) -> HttpResponse:
    """*Make default* or *Delete*."""
    sender, channel = request.POST.get("sender", ""), request.POST.get("channel", "")
    path = f"/v1/senders/{quote(sender, safe='')}"
    query = urlencode({"channel": channel})
    if request.POST.get("deed") == "default":
        told = call(request, "PUT", f"{path}/default?{query}")
        said = f"{sender} is taken where a message names no sender."
    else:
        told = call(request, "DELETE", f"{path}?{query}")
        said = f"{sender} deleted. Messages accepted with it still go."
    if told.ok:
        messages.success(request, said)
    else:
        messages.error(request, f"Not done. {told.detail}")
    return redirect("senders:home")


SCREEN = Screen(
    title="Sender IDs",
    icon="alternate_email",
    slug="senders",
    pages=[
        Page("", senders, "home"),
        Page("request/", ask, "ask", MAY_ASK),
        Page("deed/", deed, "deed", MAY_ASK),
    ],
)
