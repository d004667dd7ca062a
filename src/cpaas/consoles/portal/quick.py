"""Quick Message: one message on any channel, what it will look like and cost, and how it fares."""

import secrets
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from cpaas.consoles.portal.core_api import call
from cpaas.consoles.portal.message_form import show_refusal
from cpaas.consoles.portal.offers import Offers, offers
from cpaas.consoles.portal.quick_form import FIELDS, QuickForm, wanted
from cpaas.consoles.portal.quick_price import facts
from cpaas.consoles.portal.quick_strip import fate, sent_message
from cpaas.consoles.portal.sms_text import counted
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import account_id, look
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.reports.types import MessageRow
from cpaas.senders import queries as senders

MAY_SEND: Final = frozenset({"owner", "developer", "marketer"})
TEXT_CHARS_READ: Final = 20_000
VALUE_CHARS_READ: Final = 3_000
#: last two digits of the numbers that simulated carriers know, and what becomes of a message.
_USUAL: Final = {
    "01": "delivered", "02": "failed", "03": "rejected", "04": "expired", "05": "slow receipt",
    "06": "no receipt", "07": "throttled first",
}  # fmt: skip
_PARTS: Final = {
    "sms": _USUAL,
    "whatsapp": {**_USUAL, "04": "undeliverable", "11": "not on WhatsApp", "12": "read"},
    "rcs": {**_USUAL, "11": "has no RCS"},
    "voice": {**_USUAL, "01": "answered", "02": "busy", "04": "no answer"},
}


def sandbox_numbers(channel: str) -> list[tuple[str, str]]:
    """Numbers that play a part in the sandbox, each with what happens."""
    return [(f"+999 00 0000 00{tail}", what) for tail, what in _PARTS[channel].items()]


def approved_senders(request: HttpRequest, channel: str) -> list[tuple[str, str]]:
    """The channel's senders that the operator has approved, the default first."""
    account = account_id(request)
    rows = look(request, lambda c: senders.senders(c, account_id=account, status="APPROVED"))
    ours = sorted(
        (one for one in rows if one.channel == channel), key=lambda one: not one.is_default
    )
    return [(one.value, f"{one.value} · approved") for one in ours]


def quick(request: HttpRequest) -> HttpResponse:
    """The form; sending leads back to it with the message's strip above."""
    found = offers(request)
    if request.method == "POST":
        return _send(request, found)
    sent = sent_message(request, request.GET.get("sent", ""))
    values = _kept(sent)
    for name in ("recipient", "channel", "template"):
        values |= {name: request.GET[name][:100]} if request.GET.get(name) else {}
    context = _page(request, found, values, sent=sent)
    return render(request, "portal/quick.html", context)


def _kept(sent: MessageRow | None) -> dict[str, str]:
    """After sending the form keeps what can be told from the message itself."""
    if sent is None:
        return {}
    return {
        "channel": sent.channel, "recipient": sent.recipient, "sender": sent.sender,
        "text": sent.body, "kind": sent.lane,
    }  # fmt: skip


def _values(request: HttpRequest) -> dict[str, str]:
    """What the form holds, short enough to be looked at while it is written."""
    long = ("text", "fallback_text")
    return {
        name: str(value)[: TEXT_CHARS_READ if name in long else VALUE_CHARS_READ]
        for name, value in request.POST.items()
    }


def _channel(found: Offers, values: Mapping[str, str]) -> str:
    """The channel that is asked for, else the first that can be used."""
    wanted_channel = values.get("channel", "")
    if wanted_channel in CHANNEL_NAMES:
        return wanted_channel
    usable = found.usable()
    return usable[0].channel if usable else "sms"


def _page(
    request: HttpRequest,
    found: Offers,
    values: dict[str, str],
    *,
    form: QuickForm | None = None,
    fault: str = "",
    sent: MessageRow | None = None,
) -> dict[str, Any]:
    """What the form's page shows; without `form` a fresh one with these values."""
    offer = found[_channel(found, values)]
    page: dict[str, Any] = {
        "title": "Quick Message", "offer": offer, "tabs": list(found.by_channel.values()),
        "fault": fault, "numbers": sandbox_numbers(offer.channel) if found.is_sandbox else (),
    }  # fmt: skip
    if sent is not None:
        page |= fate(request, sent)
    if offer.why_not:
        return page
    if form is None:
        start = {"once": secrets.token_hex(16), **values}
        form = QuickForm(
            initial=start, offer=offer, all_offers=found, values=values,
            compose=reverse("quick:compose"),
        )  # fmt: skip
    return page | {
        "form": form, "variables": form.variables("var_"),
        "fallback_variables": form.variables("fvar_"), **facts(request, found, offer, values),
    }  # fmt: skip


def _send(request: HttpRequest, found: Offers) -> HttpResponse:
    values = _values(request)
    offer = found[_channel(found, values)]
    fault = ""
    form = None
    if not offer.why_not:
        form = QuickForm(
            request.POST, offer=offer, all_offers=found, values=values,
            compose=reverse("quick:compose"),
        )  # fmt: skip
        if form.is_valid() and _may_be_free(request, found, form, values):
            once = form.cleaned_data["once"]
            told = call(request, "POST", "/v1/messages", wanted(form), once=once)
            if told.ok:
                return _sent(request, values, str(told.body["id"]))
            said = show_refusal(form, told, FIELDS)
            fault = said and f"Not sent: {said[0].lower()}{said[1:]} Nothing was charged."
    context = _page(request, found, values, form=form, fault=fault)
    return render(request, "portal/quick.html", context)


def _sent(request: HttpRequest, values: dict[str, str], message_id: str) -> HttpResponse:
    """The same form again with the message's strip; its address leads back to the strip.

    No redirect, since only this request knows all that was written. Sent again by a reload it is
    the same message: its Idempotency-Key says so.
    """
    values |= {"once": secrets.token_hex(16), "sent": message_id}
    sent = sent_message(request, message_id)
    context = _page(request, offers(request), values, sent=sent)
    context["address"] = f"{reverse('quick:home')}?sent={message_id}"
    return render(request, "portal/quick.html", context)


def _may_be_free(
    request: HttpRequest, found: Offers, form: QuickForm, values: dict[str, str]
) -> bool:
    """WhatsApp refuses free text outside its window: said before anything is charged."""
    if form.offer.channel != "whatsapp" or form.template is not None or values.get("when"):
        return True
    if facts(request, found, form.offer, values).get("window") == "open":
        return True
    form.add_error(
        "template" if "template" in form.fields else "text",
        "This person has not written to you within 24 hours, so WhatsApp takes only an approved"
        " template. Nothing was sent.",
    )
    return False


@require_POST
def compose(request: HttpRequest) -> HttpResponse:
    """The form anew: another channel, template or fallback has other fields."""
    values = _values(request)
    if request.GET.get("to") in CHANNEL_NAMES:
        # What belongs to the other channel's senders and templates stays there.
        kept = ("recipient", "text", "when", "kind", "once", "sent")
        values = {name: values[name] for name in kept if name in values}
        values["channel"] = request.GET["to"]
    sent = sent_message(request, values.get("sent", ""))
    context = _page(request, offers(request), values, sent=sent)
    return render(request, "portal/quick_form.html", context)


@require_POST
def counter(request: HttpRequest) -> HttpResponse:
    """What the text costs, while it is written; with `replace` also the text made plain."""
    values = _values(request)
    found = offers(request)
    offer = found[_channel(found, values)]
    if offer.why_not:
        return HttpResponse(status=204)
    context: dict[str, Any] = {"live": True}
    if values.get("replace"):
        values["text"] = counted(values.get("text", "")).plain
        context["form"] = QuickForm(
            initial=values, offer=offer, all_offers=found, values=values,
            compose=reverse("quick:compose"),
        )  # fmt: skip
    context |= facts(request, found, offer, values)
    return render(request, "portal/quick_counter.html", context)


def strip(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """How the message fares."""
    sent = sent_message(request, str(message_id))
    if sent is None:
        return HttpResponse(status=404)
    return render(request, "portal/quick_strip.html", fate(request, sent))


SCREEN = Screen(
    title="Quick Message",
    icon="send",
    slug="quick",
    roles=MAY_SEND,
    pages=[
        Page("", quick, "home"),
        Page("form/", compose, "compose"),
        Page("counter/", counter, "counter"),
        Page("sent/<uuid:message_id>/", strip, "strip"),
    ],
)
