"""Inbox: what recipients replied, each conversation as both sides saw it, and the answer to it."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from cpaas.consoles.portal.core_api import call
from cpaas.consoles.portal.dashboard import enabled
from cpaas.consoles.portal.quick import MAY_SEND, approved_senders
from cpaas.consoles.shared import cells, overview
from cpaas.consoles.shared.filters import Choice, Filters, Text, zone
from cpaas.consoles.shared.live import render_live
from cpaas.consoles.shared.runtime import account_id, answer, look
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.inbound import queries
from cpaas.reports import log
from cpaas.reports.statement import as_moment, micros
from cpaas.reports.types import LogFilter

PAGE_ROWS: Final = 50
CONVERSATION_DAYS: Final = 30
CONVERSATION_ROWS: Final = 50
#: after a reply WhatsApp lets a business write freely for so long.
WINDOW: Final = timedelta(hours=24)
_COLUMNS: Final = (
    Column("From"), Column("Channel"), Column("Reply", wide=True), Column("To", extra=True),
    Column("Received", right=True),
)  # fmt: skip
_ACTIONS: Final = {"stop": "STOP: blocked on this channel", "start": "START: unblocked"}


def inbox(request: HttpRequest) -> HttpResponse:
    """One page of replies, newest first."""
    channels = [("", "All channels")]
    channels += [(one, overview.CHANNEL_NAMES[one]) for one in enabled(request)]
    filters = Filters(
        request, "inbox",
        [Text("from", "From number", "+9198…"), Choice("channel", "Channel", channels)],
    )  # fmt: skip
    first, last = as_moment(filters.days.from_us), as_moment(filters.days.to_us)
    asked = {"limit": str(PAGE_ROWS)}
    if first and last:
        asked |= {"since": first.isoformat(), "until": last.isoformat()}
    if filters["from"]:
        asked["from"] = _digits(filters["from"])
    if cursor(request):
        asked["cursor"] = cursor(request)
    told = call(request, "GET", f"/v1/inbound?{urlencode(asked)}")
    context = {
        "title": "Inbox", "filters": filters, "fault": "" if told.ok else told.detail,
        "table": _table(told.body, filters, first_page=not cursor(request)),
    }  # fmt: skip
    return render_live(request, "portal/inbox.html", "portal/inbox_live.html", context)


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit()) or text


def _table(body: dict[str, Any], filters: Filters, *, first_page: bool) -> Table:
    wanted = filters["channel"]
    rows = [one for one in body.get("data", []) if wanted in ("", one["channel"])]
    return Table(
        columns=_COLUMNS,
        rows=[_row(one) for one in rows],
        next_cursor=str(body.get("next_cursor") or ""),
        first_page=first_page,
        query=filters.query,
        empty_title="No reply yet today",
        empty_text="What recipients answer to your numbers and senders stands here,"
        " and goes to your webhook as message.received.",
    )


def _row(one: dict[str, Any]) -> Row:
    number = _digits(one["from"])
    link = reverse("inbox:conversation", args=[one["channel"], number])
    text = one["text"] if len(one["text"]) <= 80 else f"{one['text'][:79]}…"
    action = _ACTIONS.get(one["action"], "")
    shown = cells.beside(cells.grey(text), cells.dot(action, "is-wait")) if action else text
    return Row(
        [
            cells.name(f"+{number}", link=link),
            overview.CHANNEL_NAMES.get(one["channel"], one["channel"]),
            shown, one["to"],
            cells.time(_us(one["received_at"])),
        ],
        link,
    )  # fmt: skip


def _us(iso: str) -> int:
    return micros(datetime.fromisoformat(iso))


def conversation(request: HttpRequest, channel: str, number: str) -> HttpResponse:
    """What was written both ways in the last 30 days, and a field to answer."""
    if channel not in overview.CHANNEL_NAMES or not number.isdigit():
        raise Http404("There is no such conversation.")
    said = _said(request, channel, number)
    replies = [one for one in said if one["theirs"]]
    if not replies:
        raise Http404("There is no such conversation.")
    senders = approved_senders(request, channel)
    window = _window(request, channel, replies[-1]["to"], number, int(replies[-1]["at"]))
    context = {
        "title": f"+{number}", "channel": channel, "number": number, "said": said,
        "channel_name": overview.CHANNEL_NAMES[channel], "senders": senders,
        "last_sender": replies[-1]["to"] if channel != "sms" else "",
        "window": f"{window[0].astimezone(zone()):%d %b %H:%M}" if window else "",
        "window_open": window is None or window[1],
        "by_template": f"{reverse('quick:home')}?"
        + urlencode({"channel": channel, "recipient": f"+{number}"}),
        "may_send": getattr(request.user, "member_role", "") in MAY_SEND,
        "stopped": replies[-1]["action"] == "stop", "once": secrets.token_hex(16),
        "search": f"{reverse('reports:home')}?{urlencode({'find': '+' + number, 'days': '30d'})}",
    }  # fmt: skip
    return render_live(
        request, "portal/conversation.html", "portal/conversation_live.html", context
    )


def _window(
    request: HttpRequest, channel: str, ours: str, number: str, last_us: int
) -> tuple[datetime, bool] | None:
    """WhatsApp: until when free text goes or went, and whether it still does; None elsewhere."""
    if channel != "whatsapp":
        return None
    until = look(request, lambda c: queries.conversation_open(c, channel, ours, f"+{number}"))
    if until is not None:
        return datetime.fromtimestamp(until / 1_000_000, UTC), True
    return datetime.fromtimestamp(last_us / 1_000_000, UTC) + WINDOW, False


def _said(request: HttpRequest, channel: str, number: str) -> list[dict[str, Any]]:
    """Both sides' messages, the oldest first."""
    now = datetime.now(UTC)
    since = now - timedelta(days=CONVERSATION_DAYS)
    asked = {"from": number, "since": since.isoformat(), "limit": str(CONVERSATION_ROWS)}
    told = call(request, "GET", f"/v1/inbound?{urlencode(asked)}")
    wanted = LogFilter(
        since=since, until=now + timedelta(minutes=1), recipient=f"+{number}",
                       channel=channel)  # fmt: skip
    (page,) = answer(request, log.messages(account_id(request), wanted, limit=CONVERSATION_ROWS))
    said = [
        {"theirs": True, "text": one["text"], "at": _us(one["received_at"]), "to": one["to"],
         "action": one["action"], "note": _ACTIONS.get(one["action"], "")}
        for one in told.body.get("data", []) if one["channel"] == channel
    ]  # fmt: skip
    said += [
        {"theirs": False, "text": one.body, "at": micros(one.created_at), "status": one.status,
         "sender": one.sender, "link": reverse("reports:message", args=[one.id])}
        for one in page.rows
    ]  # fmt: skip
    return sorted(said, key=lambda one: int(one["at"]))


@require_POST
def reply(request: HttpRequest, channel: str, number: str) -> HttpResponse:
    """Answers in the conversation's channel; charged like any message."""
    wanted = {"channel": channel, "to": f"+{number}",
              "text": request.POST.get("text", "").replace("\r\n", "\n")}  # fmt: skip
    if request.POST.get("sender"):
        wanted["from"] = request.POST["sender"]
    told = call(request, "POST", "/v1/messages", wanted, once=request.POST.get("once", "")[:64])
    back = redirect(reverse("inbox:conversation", args=[channel, number]))
    if not told.ok:
        faults = [str(one.get("detail", "")) for one in told.body.get("errors") or []]
        messages.error(request, f"Not sent: {' '.join(faults) or told.detail}")
    return back


SCREEN = Screen(
    title="Inbox",
    icon="inbox",
    slug="inbox",
    group="Account",
    pages=[
        Page("", inbox, "home"),
        Page("<str:channel>/<str:number>/", conversation, "conversation"),
        Page("<str:channel>/<str:number>/reply/", reply, "reply", MAY_SEND),
    ],
)
