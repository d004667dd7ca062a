"""What a message of Quick Message says, how it looks on the handset, and what it costs; live."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from django.http import HttpRequest
from django.utils.html import format_html

from cpaas.billing.check import WHATSAPP_CATEGORIES
from cpaas.channels.voice.content import MINUTE, VoiceContent, limit_seconds
from cpaas.channels.voice.content import TEXT_CHARS_MAX as VOICE_CHARS_MAX
from cpaas.consoles.portal.message_form import OWN, number, plain
from cpaas.consoles.portal.offers import Offer, Offers, content_of
from cpaas.consoles.portal.sms_text import Counted, counted
from cpaas.consoles.portal.template_form import button_lines
from cpaas.consoles.shared import formats
from cpaas.consoles.shared.filters import zone
from cpaas.consoles.shared.runtime import look, runtime
from cpaas.inbound import queries as inbound
from cpaas.kit import phone
from cpaas.kit.errors import InputError
from cpaas.pipeline.units import CHANNEL_CHARS, SEGMENTS_MAX
from cpaas.snapshot.types import Template
from cpaas.templates.preview import Bubble, shown

#: whose price is shown while there is no whole number yet.
PREVIEW_NUMBER: Final = ("919876543210", "IN")
CAPTION_CHARS_MAX: Final = 1024
_CATEGORY_WORDS: Final = {
    "UIC": "Utility template (UIC)", "MIC": "Marketing template (MIC)",
    "SIC": "Free text in the window (SIC)", "AUTH": "Authentication template (Auth)",
    "AUTH_INT": "Authentication, international (Auth INT)",
}  # fmt: skip


class Cost(msgspec.Struct, frozen=True):
    """Micro-units of a message and how they come about; `price` None = no price is set."""

    units: int
    unit: int | None
    price: int | None
    words: str = ""


def facts(
    request: HttpRequest, found: Offers, offer: Offer, values: Mapping[str, str]
) -> dict[str, Any]:
    """What `quick_counter.html` and `quick_preview.html` show of what is chosen so far."""
    template = offer.template(values.get("template", ""))
    bubbles = _bubbles(offer, template, values)
    text = bubbles[0].text if bubbles else ""
    place = whereto(values.get("recipient", ""))
    whom = place or PREVIEW_NUMBER
    cost = _cost(found, offer.channel, template, text, whom, values)
    currency = runtime().settings.currency

    def money(micro: int | None) -> str | None:
        return None if micro is None else formats.amount(micro, currency)

    context: dict[str, Any] = {
        "offer": offer, "template": template, "text": text, "bubbles": bubbles, "cost": cost,
        "price": money(cost.price), "unit_price": money(cost.unit),
        "after": None if cost.price is None else money(found.balance_micro - cost.price),
        "missing": money(cost.price - found.balance_micro)
        if cost.price is not None and cost.price > found.balance_micro else None,
        "handset_sender": _sender_words(offer, values.get("sender", "")),
        "handset_time": datetime.now(UTC).astimezone(zone()).strftime("%H:%M"),
        "recipient_said": f"+{place[0]}" if place else "", "scheduled": values.get("when", ""),
        "second": _second(found, values, text, whom, money),
        "too_long": _too_long(offer.channel, text, values, template),
    }  # fmt: skip
    if offer.channel == "sms":
        context |= _sms(counted(text), cost.unit, money, free=template is None)
    if offer.channel == "voice":
        context["repeat"] = values.get("repeat") or "1"
        context["audio"] = "" if template else values.get("audio_url", "")
        context["by_the_minute"] = found.by_the_minute(whom)
    if offer.channel == "whatsapp" and place:
        context |= _window(request, offer, values, f"+{place[0]}")
    return context


def whereto(recipient: str) -> tuple[str, str] | None:
    """Digits and country of a whole number; None as long as it is none."""
    try:
        found = phone.read(number(recipient), test_allowed=True)
    except InputError:
        return None
    return found.digits, found.country


def _filled(template: Template, values: Mapping[str, str], prefix: str) -> list[Bubble]:
    """The template with what is filled in; where nothing is, its example or name stands."""
    content = content_of(template)
    given = {name: values.get(f"{prefix}{name}", "") for name in template.variables}
    return shown(content, {**content.examples, **{k: v for k, v in given.items() if v}})


def _bubbles(
    offer: Offer, template: Template | None, values: Mapping[str, str]
) -> list[Bubble]:  # fmt: skip
    if template is not None:
        return _filled(template, values, "var_")
    text, kind = plain(values.get("text", "")), values.get("media_kind", "")
    labels: tuple[str, ...] = ()
    if offer.channel == "rcs":
        labels = tuple(one["text"] for one in button_lines(values.get("buttons", "")))
    heading = values.get("heading", "") if values.get("look") == "card" else ""
    if not (text or kind or heading or labels or values.get("audio_url")):
        return []
    return [Bubble(heading, text, "", kind, values.get("media_url", ""), labels)]


def _sender_words(offer: Offer, chosen: str) -> str:
    """Who the handset says it is from: a brand's name where the channel shows one."""
    value = chosen or (offer.senders[0][0] if offer.senders else "")
    words = dict(offer.senders).get(value, value)
    return words.split(" · ")[0] if offer.channel in ("whatsapp", "rcs") else value


def _cost(
    found: Offers,
    channel: str,
    template: Template | None,
    text: str,
    whom: tuple[str, str],
    values: Mapping[str, str],
) -> Cost:
    if channel == "sms":
        units = counted(text).plan.segments
        return _priced(found, channel, "", whom, units, "")
    if channel == "whatsapp":
        category = WHATSAPP_CATEGORIES[template.category if template else "SERVICE"]
        return _priced(found, channel, category, whom, 1, _CATEGORY_WORDS[category])
    if channel == "rcs":
        kind = (template.type == "rich_card") if template else values.get("look") == "card"
        return _priced(found, channel, "", whom, 1, "Rich card" if kind else "Text message")
    minutes = -(-limit_seconds(text, _spoken(template, values)) // MINUTE)
    if not found.by_the_minute(whom):
        minutes = 1
    return _priced(found, channel, "", whom, minutes, "")


def _priced(
    found: Offers, channel: str, category: str, whom: tuple[str, str], units: int, words: str
) -> Cost:
    unit = found.price(channel, category, whom, 1)
    return Cost(units, unit, found.price(channel, category, whom, units), words)


def _spoken(template: Template | None, values: Mapping[str, str]) -> VoiceContent:
    """How a call is made; what is not chosen well yet counts as left out."""
    spoken: dict[str, Any] = dict(content_of(template).voice) if template else {
        "repeat": int(values.get("repeat") or 1), "audio_url": values.get("audio_url", ""),
    }  # fmt: skip
    if not template and (values.get("keys") or "").isdecimal():
        spoken["dtmf"] = {"digits": int(values["keys"])}
    try:
        return msgspec.convert(spoken, VoiceContent)
    except msgspec.ValidationError:
        return VoiceContent()


def _second(
    found: Offers,
    values: Mapping[str, str],
    text: str,
    whom: tuple[str, str],
    money: Any,
) -> dict[str, Any] | None:
    """The fallback's channel, text and price; None where there is none."""
    offer = found.by_channel.get(values.get("fallback", ""))
    if offer is None or offer.why_not:
        return None
    chosen = values.get("fallback_template", "")
    template = offer.template(chosen)
    if template is not None:
        bubbles = _filled(template, values, "fvar_")
        text = bubbles[0].text if bubbles else ""
    elif chosen == OWN:
        text = plain(values.get("fallback_text", ""))
    cost = _cost(found, offer.channel, template, text, whom, {})
    return {"offer": offer, "text": text, "price": money(cost.price), "units": cost.units}


def _too_long(
    channel: str, text: str, values: Mapping[str, str], template: Template | None
) -> str:  # fmt: skip
    """Why a text cannot be sent as it is; "" = it can."""
    if channel == "sms":
        if counted(text).plan.segments <= SEGMENTS_MAX:
            return ""
        return f"A message has at most {SEGMENTS_MAX} segments. Shorten it, or send two."
    most = VOICE_CHARS_MAX if channel == "voice" else CHANNEL_CHARS[channel]
    if channel == "whatsapp" and (template or values.get("media_url")):
        most = CAPTION_CHARS_MAX
    if len(text) <= most:
        return ""
    return f"The text has {len(text):,} characters; at most {most:,} go. Shorten it, or send two."


def _sms(found: Counted, unit: int | None, money: Any, *, free: bool) -> dict[str, Any]:
    saved = None
    if found.better is not None and unit is not None:
        saved = money(unit * found.better.segments)
    fills = [(n, used, size, 100 * used // size) for n, (used, size) in enumerate(found.fills(), 1)]
    return {
        "counted": found, "marked": _marked(found), "segments": found.plan.segments,
        "saved": saved, "fills": fills[:SEGMENTS_MAX], "replaceable": free,
    }  # fmt: skip


def _marked(found: Counted) -> str:
    """The text with the first character that forces Unicode marked."""
    if not found.position:
        return format_html("{}", found.text)
    at = found.position - 1
    return format_html("{}<mark>{}</mark>{}", found.text[:at], found.text[at], found.text[at + 1 :])


def _window(
    request: HttpRequest, offer: Offer, values: Mapping[str, str], recipient: str
) -> dict[str, Any]:
    """Whether WhatsApp takes free text to this number now, and until when."""
    sender = values.get("sender") or offer.senders[0][0]
    until = look(request, lambda c: inbound.conversation_open(c, "whatsapp", sender, recipient))
    if until is None:
        return {"window": "closed"}
    local = datetime.fromtimestamp(until / 1_000_000, UTC).astimezone(zone())
    return {"window": "open", "window_until": f"{local:%d %b %H:%M}"}
