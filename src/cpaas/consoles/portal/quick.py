"""Quick Message: one SMS now or later, what it will look like and cost, and then how it fares."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from cpaas.billing.price import quote
from cpaas.consoles.portal.core_api import Answer, call
from cpaas.consoles.portal.sms_text import Counted, counted
from cpaas.consoles.shared import fields, formats, queries
from cpaas.consoles.shared.filters import zone
from cpaas.consoles.shared.runtime import account_id, answer, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.kit import phone
from cpaas.kit.errors import InputError
from cpaas.messages.statuses import FINAL
from cpaas.reports import log
from cpaas.reports.statement import micros
from cpaas.reports.types import MessageRow
from cpaas.senders import queries as senders
from cpaas.snapshot.load import EMPTY, load

MAY_SEND: Final = frozenset({"owner", "developer", "marketer"})
TEXT_CHARS_MAX: Final = 1_530
PREVIEW_NUMBER: Final = "919876543210"
_FIELDS: Final = {"to": "recipient", "from": "sender", "text": "text", "send_at": "when"}


class QuickForm(forms.Form):
    """One message."""

    recipient = fields.text_field(
        "Recipient", placeholder="+91 98765 43210", inputmode="tel", max_length=40,
        autocomplete="off",
    )  # fmt: skip
    sender = fields.choice_field("Sender", [])
    text = fields.long_text_field("Message", rows=4)
    when = fields.text_field(
        "Send later", required=False, type="datetime-local",
        help_text="Leave it empty to send now.",
    )  # fmt: skip
    once = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: Any, offered: Sequence[tuple[str, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        chosen: Any = self.fields["sender"]
        chosen.choices = offered


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
    offered = approved_senders(request, "sms")
    sent = _sent(request)
    fault = ""
    if request.method == "POST":
        form = QuickForm(request.POST, offered=offered)
        if form.is_valid():
            told = call(
                request, "POST", "/v1/messages", _wanted(form), once=form.cleaned_data["once"]
            )
            if told.ok:
                return redirect(f"{reverse('quick:home')}?sent={told.body['id']}")
            fault = _refused(form, told)
    else:
        form = QuickForm(initial=_initial(sent), offered=offered)
    values = form.data if form.is_bound else form.initial
    context = {
        "title": "Quick Message", "form": form, "fault": fault, "no_sender": not offered,
        "strip": _strip(sent) if sent else None, "sent": sent, "ended": _ended(sent),
        **_counter(request, str(values.get("text") or ""), str(values.get("recipient") or ""),
                   str(values.get("sender") or (offered[0][0] if offered else ""))),
    }  # fmt: skip
    return render(request, "portal/quick.html", context)


def _initial(sent: MessageRow | None) -> dict[str, str]:
    kept = {"once": secrets.token_hex(16)}
    if sent is not None:
        kept |= {"recipient": sent.recipient, "sender": sent.sender, "text": sent.body}
    return kept


def _wanted(form: QuickForm) -> dict[str, Any]:
    given = form.cleaned_data
    wanted = {
        "channel": "sms", "to": _number(given["recipient"]), "from": given["sender"],
        "text": given["text"].replace("\r\n", "\n"),
    }  # fmt: skip
    if given["when"]:
        try:
            at = datetime.fromisoformat(given["when"]).replace(tzinfo=zone())
        except ValueError:
            return wanted | {"send_at": given["when"]}
        wanted["send_at"] = at.astimezone(UTC).isoformat()
    return wanted


def _number(text: str) -> str:
    bare = "".join(char for char in text if char not in " -().\N{NO-BREAK SPACE}")
    return bare if bare.startswith("+") else f"+{bare}"


def _refused(form: QuickForm, told: Answer) -> str:
    """Each fault at its field; what belongs to none is returned."""
    faults = told.body.get("errors") or []
    if not faults and told.body.get("code") == "invalid_number":
        faults = [{"field": "to", "detail": told.detail}]
    rest = [] if faults else [told.detail]
    for one in faults:
        name = _FIELDS.get(str(one.get("field", "")).split(".")[0])
        detail = str(one.get("detail", told.detail))
        if name:
            form.add_error(name, detail[:1].upper() + detail[1:])
        else:
            rest.append(detail)
    said = " ".join(rest)
    return said and f"Not sent: {said[0].lower()}{said[1:]} Nothing was charged."


@require_POST
def counter(request: HttpRequest) -> HttpResponse:
    """What the text costs, while it is written; with `replace` also the text made plain."""
    text, recipient = request.POST.get("text", "")[:20_000], request.POST.get("recipient", "")[:40]
    context: dict[str, Any] = {"live": True}
    if request.POST.get("replace"):
        text = counted(text).plain
        changed = request.POST.copy()
        changed["text"] = text
        context["form"] = QuickForm(initial=changed.dict(), offered=[])
    context |= _counter(request, text, recipient, request.POST.get("sender", "")[:40])
    return render(request, "portal/quick_counter.html", context)


def _counter(request: HttpRequest, text: str, recipient: str, sender: str) -> dict[str, Any]:
    found = counted(text)
    digits, country = _place(recipient)
    account = account_id(request)

    async def work(connection: Any) -> tuple[int | None, int]:
        snapshot = await load(connection, EMPTY, {"price"}, {})
        unit = quote(snapshot, account, "sms", digits, 1, country=country)
        return unit, await queries.balance(connection, account)

    unit, balance = look(request, work)
    currency = runtime().settings.currency
    segments = found.plan.segments
    total = None if unit is None else unit * segments
    saved = None
    if found.better is not None and unit is not None:
        saved = formats.amount(unit * found.better.segments, currency)
    return {
        "counted": found, "preview": _marked(found), "segments": segments, "saved": saved,
        "fills": [(n, *fill, 100 * fill[0] // fill[1]) for n, fill in enumerate(found.fills(), 1)],
        "unit": unit, "price": None if total is None else formats.amount(total, currency),
        "unit_price": None if unit is None else formats.amount(unit, currency),
        "after": None if total is None else formats.amount(balance - total, currency),
        "too_long": len(text) > TEXT_CHARS_MAX, "handset_sender": sender,
        "handset_time": datetime.now(UTC).astimezone(zone()).strftime("%H:%M"),
    }  # fmt: skip


def _place(recipient: str) -> tuple[str, str]:
    try:
        number = phone.read(_number(recipient), test_allowed=True)
    except InputError:
        return PREVIEW_NUMBER, "IN"
    return number.digits, number.country


def _marked(found: Counted) -> str:
    """The text with the first character that forces Unicode marked."""
    if not found.position:
        return format_html("{}", found.text)
    at = found.position - 1
    return format_html("{}<mark>{}</mark>{}", found.text[:at], found.text[at], found.text[at + 1 :])


def _sent(request: HttpRequest, text: str = "") -> MessageRow | None:
    try:
        message_id = UUID(text or request.GET.get("sent", ""))
    except ValueError:
        return None
    (found,) = answer(request, log.message(account_id(request), message_id))
    return found if isinstance(found, MessageRow) else None


def _ended(sent: MessageRow | None) -> bool:
    return sent is not None and (sent.status in FINAL or sent.status == "SCHEDULED")


def strip(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """How the message fares."""
    sent = _sent(request, str(message_id))
    if sent is None:
        return HttpResponse(status=404)
    context = {"sent": sent, "strip": _strip(sent), "ended": _ended(sent)}
    return render(request, "portal/quick_strip.html", context)


def _strip(sent: MessageRow) -> list[dict[str, Any]]:
    """Queued, Sending, Submitted, Delivered; a bad end takes the last step's place."""
    local = zone()
    order = ["QUEUED", "SENDING", "SUBMITTED", "DELIVERED"]
    status = "DELIVERED" if sent.status == "READ" else sent.status
    if status == "SCHEDULED":
        order[0] = status
    place = order.index(status) if status in order else 3
    bad = sent.status in FINAL and sent.status not in {"DELIVERED", "READ"}
    begun = micros(sent.created_at)
    said = {
        0: sent.created_at.astimezone(local).strftime("%H:%M:%S"),
        2: f"+{formats.span(micros(sent.submitted_at) - begun)}" if sent.submitted_at else "",
        3: f"+{formats.span(micros(sent.final_at) - begun)}" if sent.final_at else "",
    }  # fmt: skip
    waiting = ("waiting for its turn", "", "waiting for the carrier", "waiting for the receipt")
    steps = []
    for number, name in enumerate(order):
        reached = number <= place and not (bad and number == 2 and not sent.submitted_at)
        tone = "is-ok" if reached else "is-idle"
        title, text = name.capitalize(), said.get(number, "")
        if bad and number == 3:
            tone, title, text = "is-bad", sent.status.capitalize(), sent.error or sent.error_code
        elif number == place and sent.status not in FINAL:
            tone = "is-wait"
        elif not reached:
            text = waiting[number] if number == place + 1 else ""
        steps.append(
            {"title": title, "text": text, "tone": tone,
             "now": number == place and sent.status not in FINAL}
        )  # fmt: skip
    return steps


SCREEN = Screen(
    title="Quick Message",
    icon="send",
    slug="quick",
    roles=MAY_SEND,
    pages=[
        Page("", quick, "home"),
        Page("counter/", counter, "counter"),
        Page("sent/<uuid:message_id>/", strip, "strip"),
    ],
)
