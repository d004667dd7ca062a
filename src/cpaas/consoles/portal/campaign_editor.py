"""Makes and changes a campaign: its form on any channel, its handset, and its file."""

from typing import Any

from django.core.files.base import ContentFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from cpaas.campaigns import queries
from cpaas.campaigns.types import Campaign
from cpaas.consoles.portal.campaign_form import (
    FIELDS,
    PASTED_NAME,
    CampaignForm,
    fallback_initial,
    file_of,
    initial,
    wanted,
)
from cpaas.consoles.portal.core_api import Answer, call, upload
from cpaas.consoles.portal.message_form import plain, show_refusal
from cpaas.consoles.portal.offers import Offer, Offers, content_of, offers
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import account_id, look
from cpaas.templates.preview import Bubble, shown


def editor(request: HttpRequest, known: Campaign | None) -> HttpResponse:
    """The form of a new campaign, or of one that has not started."""
    found = offers(request)
    values = _values(request, found, known)
    form, fault = None, ""
    offer = found[values["channel"]]
    if request.method == "POST" and not offer.why_not:
        form = CampaignForm(request.POST, request.FILES, **_parts(found, values, known))
        if form.is_valid():
            told = _save(request, form, known)
            if told.ok:
                return redirect("campaigns:one", campaign_id=told.body["id"])
            fault = show_refusal(form, told, FIELDS)
    context = _page(found, values, known, form)
    return render(request, "portal/campaign_edit.html", context | {"fault": fault})


def _values(request: HttpRequest, found: Offers, known: Campaign | None) -> dict[str, Any]:
    """What is chosen so far; its channel is always one that there is."""
    if request.method == "POST":
        values: dict[str, Any] = {name: str(one) for name, one in request.POST.items()}
    elif known is not None:
        steps = known.content.fallback
        second = found.by_channel.get(steps[0].channel) if steps else None
        values = initial(known, found[known.channel]) | fallback_initial(known, second)
    else:
        values = {"channel": request.GET.get("channel", "")}
    if known is not None:
        values["channel"] = known.channel
    elif values.get("channel") not in CHANNEL_NAMES:
        usable = found.usable()
        values["channel"] = usable[0].channel if usable else "sms"
    return values


def _parts(found: Offers, values: dict[str, Any], known: Campaign | None) -> dict[str, Any]:
    return {
        "offer": found[values["channel"]], "all_offers": found, "values": values, "known": known,
        "compose": reverse("campaigns:compose"),
    }  # fmt: skip


def _page(
    found: Offers, values: dict[str, Any], known: Campaign | None, form: CampaignForm | None
) -> dict[str, Any]:
    """What the form's page shows."""
    offer = found[values["channel"]]
    page: dict[str, Any] = {
        "title": "Campaigns", "offer": offer, "tabs": list(found.by_channel.values()),
        "known": known,
    }  # fmt: skip
    if offer.why_not:
        return page
    form = form or CampaignForm(initial=values, **_parts(found, values, known))
    return page | {
        "form": form, "variables": form.variables("var_"),
        "fallback_variables": form.variables("fvar_"), **_handset(offer, values),
    }  # fmt: skip


def _handset(offer: Offer, values: dict[str, Any]) -> dict[str, Any]:
    """What a row's message looks like; columns stand as they are named."""
    template = offer.template(str(values.get("template") or ""))
    text = plain(str(values.get("text") or ""))[:10_000]
    bubbles = [Bubble(text=text)] if text else []
    if template is not None:
        given = {name: str(values.get(f"var_{name}") or "") for name in template.variables}
        bubbles = shown(content_of(template), {k: v for k, v in given.items() if v})
    sender = str(values.get("sender") or (offer.senders[0][0] if offer.senders else ""))
    return {"bubbles": bubbles, "handset_sender": sender, "handset_channel": offer.name}


def _save(request: HttpRequest, form: CampaignForm, known: Campaign | None) -> Answer:
    """Makes or changes it, and gives it its file; what is only half made is cancelled."""
    if known is None:
        told = call(request, "POST", "/v1/campaigns", wanted(form))
    else:
        told = call(request, "PATCH", f"/v1/campaigns/{known.id}", wanted(form))
    file, pasted = form.cleaned_data["file"], form.cleaned_data["numbers"]
    if not told.ok or not (file or pasted):
        return told
    if not file:
        file = ContentFile(file_of(pasted), PASTED_NAME)
    path = f"/v1/campaigns/{told.body['id']}/file?name={_plain(file.name)}"
    given = upload(request, path, file)
    if not given.ok and known is None:
        call(request, "POST", f"/v1/campaigns/{told.body['id']}/cancel")
    return given


@require_POST
def compose(request: HttpRequest) -> HttpResponse:
    """The form's content anew: another channel, template or fallback has other fields."""
    found = offers(request)
    values = _values(request, found, None)
    if request.GET.get("to") in CHANNEL_NAMES:
        kept = ("name", "text", "when", "kind", "rate", "hours", "zone")
        values = {name: values[name] for name in kept if name in values}
        values["channel"] = request.GET["to"]
    known = None
    if str(request.POST.get("known", "")).isdecimal():
        known = _known(request, int(request.POST["known"][:18]))
        values["channel"] = known.channel
    context = _page(found, values, known, None) | {"composing": True}
    return render(request, "portal/campaign_content.html", context)


def _known(request: HttpRequest, campaign_id: int) -> Campaign:
    found = look(request, lambda c: queries.find(c, account_id(request), campaign_id))
    if found is None:
        raise Http404("There is no such campaign.")
    return found


@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """The handset, while the text is written."""
    found = offers(request)
    values = _values(request, found, None)
    context = _handset(found[values["channel"]], values)
    return render(request, "portal/campaign_preview.html", context)


def _plain(name: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in ".-_") else "_"
                   for char in name)[:100]  # fmt: skip
