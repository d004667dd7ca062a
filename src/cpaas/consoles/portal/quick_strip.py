"""How a message fares that was just sent: its four steps, and what its fallback did."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest

from cpaas.consoles.portal.core_api import call
from cpaas.consoles.shared import formats
from cpaas.consoles.shared.filters import zone
from cpaas.consoles.shared.overview import CHANNEL_NAMES, error_words
from cpaas.consoles.shared.runtime import account_id, answer
from cpaas.messages.statuses import FINAL
from cpaas.reports import log
from cpaas.reports.statement import micros
from cpaas.reports.types import MessageRow

#: channels whose recipients are seen to read.
READS: Final = frozenset({"whatsapp", "rcs"})
#: for so long the page waits for READ after DELIVERED, and for a fallback's next step.
WAITED: Final = timedelta(minutes=10)
_ARRIVED: Final = frozenset({"DELIVERED", "READ"})
#: after these a fallback has nothing more to do.
_NO_MORE: Final = frozenset({"DELIVERED", "READ", "CANCELLED", "BLOCKED"})


def sent_message(request: HttpRequest, text: str) -> MessageRow | None:
    """The account's message of this id; None where there is none."""
    try:
        message_id = UUID(text)
    except ValueError:
        return None
    (found,) = answer(request, log.message(account_id(request), message_id))
    return found if isinstance(found, MessageRow) else None


def fate(request: HttpRequest, sent: MessageRow) -> dict[str, Any]:
    """What `quick_strip.html` shows."""
    tried = _tried(request, sent)
    rescuer = next((one for one in tried if one["status"] in _ARRIVED), None)
    waits = sent.status in {"FAILED", "REJECTED", "EXPIRED"} and any(
        not one["status"] and not one["skipped"] for one in tried
    )
    recent = datetime.now(UTC) - sent.created_at < WAITED
    reading = sent.channel in READS and sent.status == "DELIVERED" and recent
    open_steps = any(one["status"] and one["status"] not in FINAL for one in tried)
    ended = sent.status == "SCHEDULED" or (
        sent.status in FINAL and not reading and not open_steps and not (waits and recent)
    )
    return {
        "sent": sent, "strip": steps(sent, rescued=rescuer is not None), "ended": ended,
        "tried": tried, "channel_name": CHANNEL_NAMES.get(sent.channel, sent.channel),
        "rescuer": rescuer, "reason": error_words(sent.error_code) if sent.error_code else "",
    }  # fmt: skip


def _tried(request: HttpRequest, sent: MessageRow) -> list[dict[str, Any]]:
    """The fallback's steps, each with the message it was made as, or why it was not tried."""
    told = call(request, "GET", f"/v1/messages/{sent.id}")
    found = []
    for one in told.body.get("fallback") or []:
        message = sent_message(request, one["message_id"] or "")
        after = one["after_seconds"]
        found.append(
            {
                "channel": CHANNEL_NAMES.get(one["channel"], one["channel"]),
                "sender": one["from"], "skipped": one["skipped"] or "",
                "status": message.status if message else "", "message": message,
                "reason": error_words(message.error_code)
                if message and message.error_code else "",
                "when": f"if it is not delivered within {formats.span(after * 1_000_000)}"
                if after else "if it fails",
                "over": sent.status in _NO_MORE,
            }
        )  # fmt: skip
    return found


def steps(sent: MessageRow, *, rescued: bool = False) -> list[dict[str, Any]]:
    """The way of a message; a bad end takes the last step's place.

    rescued: another message of the fallback arrived, so that the end is not bad for the person.
    """
    local = zone()
    order = ["QUEUED", "SENDING", "SUBMITTED", "DELIVERED"]
    if sent.channel in READS:
        order = ["QUEUED", "SUBMITTED", "DELIVERED", "READ"]
    status = sent.status
    if status == "READ" and "READ" not in order:
        status = "DELIVERED"
    if status == "SENDING" and "SENDING" not in order:
        status = "QUEUED"
    if status == "SCHEDULED":
        order[0] = status
    place = order.index(status) if status in order else 3
    bad = sent.status in FINAL and sent.status not in _ARRIVED
    ended = sent.status in FINAL and not (status == "DELIVERED" and place < 3)
    begun = micros(sent.created_at)

    def since(moment: datetime | None) -> str:
        return f"+{formats.span(micros(moment) - begun)}" if moment else ""

    said = {
        "QUEUED": sent.created_at.astimezone(local).strftime("%H:%M:%S"),
        "SCHEDULED": sent.created_at.astimezone(local).strftime("%H:%M:%S"),
        "SUBMITTED": since(sent.submitted_at), "DELIVERED": since(sent.delivered_at),
        "READ": since(sent.read_at),
    }  # fmt: skip
    waiting = {
        "SENDING": "waiting for its turn", "SUBMITTED": "waiting for the carrier",
        "DELIVERED": "waiting for the receipt", "READ": "waiting for the person",
    }  # fmt: skip
    found = []
    for at, name in enumerate(order):
        reached = at <= place and not (bad and name == "SUBMITTED" and not sent.submitted_at)
        if bad and name == "DELIVERED" and at < 3 and not sent.delivered_at:
            reached = False
        tone = "is-ok" if reached else "is-idle"
        title, text = name.capitalize(), said.get(name, "")
        if bad and at == 3:
            tone = "is-wait" if rescued else "is-bad"
            title = "Not delivered" if rescued else sent.status.capitalize()
            text = since(sent.final_at)
        elif at == place and not ended:
            tone = "is-ok" if name == "DELIVERED" else "is-wait"
        elif not reached:
            text = waiting.get(name, "") if at == place + 1 else ""
        found.append({"title": title, "text": text, "tone": tone, "now": at == place and not ended})
    return found
