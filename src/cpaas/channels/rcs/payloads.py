"""An RCS message as the hub's JSON, its path and query. Pure, and made before it is claimed."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID

import msgspec

from cpaas.channels.base import NotEncodableError
from cpaas.channels.rcs import content
from cpaas.channels.rcs.config import RcsSettings
from cpaas.kit.errors import InputError
from cpaas.messages.envelopes import Outgoing

BODY_BYTES_MAX: Final = 250_000
SECOND_US: Final = 1_000_000
_HEIGHT: Final = {"short": "SHORT", "medium": "MEDIUM", "tall": "TALL"}


class Request(msgspec.Struct, frozen=True):
    """One call of the hub: path and query behind the API's address, and the JSON body."""

    path: str
    body: bytes
    message_id: str


def send_request(
    settings: RcsSettings, message: Outgoing, bot_id: str, now_us: int
) -> Request:  # fmt: skip
    """The `agentMessages/async` of a message. Errors: NotEncodableError."""
    body: dict[str, Any] = {"contentMessage": content_message(message)}
    ttl = _ttl(settings, message, now_us)
    if ttl:
        body["ttl"] = ttl
    raw = msgspec.json.encode(body)
    if len(raw) > BODY_BYTES_MAX:
        raise NotEncodableError(f"the message has {len(raw)} bytes, RCS takes {BODY_BYTES_MAX}")
    name = message_id(message)
    query = {"botId": bot_id, "messageId": name, **settings.query}
    if settings.capability == "send":
        query["doCapCheck"] = "true"
    path = f"/v1/phones/{msisdn(message.to)}/agentMessages/async?{urlencode(query)}"
    return Request(path, raw, name)


def message_id(message: Outgoing) -> str:
    """Our id at the hub: the same in every attempt, so that none can arrive twice."""
    return str(UUID(bytes=message.id))


def msisdn(number: str) -> str:
    """E.164 with its plus, as a path segment: the hub's samples leave the plus as it is."""
    return f"+{quote(number.removeprefix('+'), safe='')}"


def revoke_path(bot_id: str, number: str, name: str) -> str:
    """The path of a DELETE that takes a message back."""
    return (
        f"/v1/phones/{msisdn(number)}/agentMessages/{quote(name, safe='')}"
        f"?{urlencode({'botId': bot_id})}"
    )


def capability_path(bot_id: str, number: str) -> str:
    """The path of the question whether a handset has RCS."""
    return f"/v1/phones/{msisdn(number)}/capabilities?{urlencode({'botId': bot_id})}"


def content_message(message: Outgoing) -> dict[str, Any]:
    """The member `contentMessage`. Errors: NotEncodableError."""
    try:
        rich = content.read(message.text, message.content or {})
    except InputError as error:
        raise NotEncodableError(str(error)) from None
    made = _kind(message.text, rich)
    chips = _suggestions(rich.rcs.suggestions)
    if chips:
        made["suggestions"] = chips
    return made


def _kind(text: str, rich: content.Message) -> dict[str, Any]:
    if rich.template is not None:
        template: dict[str, Any] = {"templateCode": rich.template.code}
        if rich.template.params:
            # A JSON text within JSON: the hub refuses an object here.
            template["customParams"] = msgspec.json.encode(rich.template.params).decode()
        return {"templateMessage": template}
    if rich.media is not None:
        info: dict[str, Any] = {"fileUrl": rich.media.url}
        if rich.media.thumbnail_url:
            info["thumbnailUrl"] = rich.media.thumbnail_url
        return {"contentInfo": info}
    if rich.rcs.card is not None:
        return {"richCard": {"standaloneCard": _standalone(rich.rcs.card)}}
    if rich.rcs.carousel is not None:
        carousel = rich.rcs.carousel
        return {
            "richCard": {
                "carouselCard": {
                    "cardWidth": carousel.width.upper(),
                    "cardContents": [_card(card) for card in carousel.cards],
                }
            }
        }
    return {"text": text}


def _standalone(card: content.Card) -> dict[str, Any]:
    made: dict[str, Any] = {"cardOrientation": card.orientation.upper()}
    if card.orientation == "horizontal":
        made["thumbnailImageAlignment"] = card.alignment.upper()
    made["cardContent"] = _card(card)
    return made


def _card(card: content.Card) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if card.title:
        made["title"] = card.title
    if card.description:
        made["description"] = card.description
    if card.media is not None:
        info: dict[str, Any] = {"fileUrl": card.media.url}
        if card.media.thumbnail_url:
            info["thumbnailUrl"] = card.media.thumbnail_url
        made["media"] = {"height": _HEIGHT[card.media.height], "contentInfo": info}
    chips = _suggestions(card.suggestions)
    if chips:
        made["suggestions"] = chips
    return made


def _suggestions(chips: tuple[content.Suggestion, ...]) -> list[dict[str, Any]]:
    return [_suggestion(chip) for chip in chips]


def _suggestion(chip: content.Suggestion) -> dict[str, Any]:
    inner: dict[str, Any] = {"text": chip.text, "postbackData": chip.postback or chip.text}
    if isinstance(chip, content.Reply):
        return {"reply": inner}
    return {"action": inner | _action(chip)}


def _action(chip: content.Suggestion) -> dict[str, Any]:
    if isinstance(chip, content.OpenUrl):
        return {"openUrlAction": {"url": chip.url}}
    if isinstance(chip, content.Dial):
        return {"dialAction": {"phoneNumber": chip.phone}}
    if isinstance(chip, content.ViewLocation):
        place: dict[str, Any] = {
            "latLong": {"latitude": chip.latitude, "longitude": chip.longitude}
        }
        if chip.label:
            place["label"] = chip.label
        return {"viewLocationAction": place}
    if isinstance(chip, content.Calendar):
        event = {
            "startTime": _time(chip.start), "endTime": _time(chip.end), "title": chip.title,
            "description": chip.description,
        }  # fmt: skip
        return {"createCalendarEventAction": event}
    return {"shareLocationAction": {}}


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ttl(settings: RcsSettings, message: Outgoing, now_us: int) -> str:
    """What is left of its validity, as the hub writes it: a bare number is refused."""
    if not settings.send_ttl:
        return ""
    seconds = max(1, (message.valid_until_us - now_us) // SECOND_US)
    return f"{min(seconds, settings.ttl_seconds_max)}s"
