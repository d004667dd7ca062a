"""The hub's template directory: a template as it wants it, submitted, and asked about.

Its client is the provider's account and no bot. No webhook tells of a decision, so it is polled.
"""

import base64
import re
from typing import Any, Final
from urllib.parse import quote

import msgspec

from cpaas.channels.base import NotEncodableError
from cpaas.channels.rcs.api import Bot, HubAnswer, HubApi

NAME_CHARS_MAX: Final = 20
_VARIABLE: Final = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_TYPES: Final = {"text": "text_message", "rich_card": "rich_card", "carousel": "carousel"}
_SUGGESTIONS: Final = {"quick_reply": "reply", "url": "url_action", "phone": "dialer_action"}
_STATUSES: Final = {
    "approved": "approved", "rejected": "rejected", "pending": "pending", "submitted": "pending",
    "paused": "paused", "disabled": "disabled",
}  # fmt: skip


class Word(msgspec.Struct, frozen=True):
    """What the hub says of a template; status "" = nothing that can be used."""

    status: str
    reason: str = ""


def template_data(name: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """`rich_template_data` of a template. Errors: NotEncodableError."""
    if kind not in _TYPES:
        raise NotEncodableError(f"RCS has no templates of type {kind!r}")
    if len(name) > NAME_CHARS_MAX:
        raise NotEncodableError(f"the hub takes names of at most {NAME_CHARS_MAX} characters")
    data: dict[str, Any] = {"name": name, "type": _TYPES[kind]}
    layout = content.get("layout", {})
    if kind == "text":
        data["textMessageContent"] = _bracketed(content.get("body", ""))
        data["suggestions"] = [_suggestion(one) for one in content.get("buttons", ())]
        return data
    cards = [_card(one) for one in content.get("cards", ())]
    if kind == "carousel":
        data["height"] = layout.get("height", "MEDIUM_HEIGHT")
        data["width"] = layout.get("width", "MEDIUM_WIDTH")
        data["carouselList"] = cards
        return data
    if len(cards) != 1:
        raise NotEncodableError("a rich card has one card")
    data["orientation"] = layout.get("orientation", "VERTICAL")
    if data["orientation"] == "VERTICAL":
        data["height"] = layout.get("height", "MEDIUM_HEIGHT")
    else:
        data["alignment"] = layout.get("alignment", "LEFT")
    # The hub knows no suggestions beside a card but its own.
    data["standAlone"] = cards[0]
    extra = [_suggestion(one) for one in content.get("buttons", ())]
    if extra:
        cards[0]["suggestions"] = [*cards[0]["suggestions"], *extra]
    return data


async def submit(api: HubApi, client: Bot, data: dict[str, Any], *, again: bool) -> Word:
    """Hands a template in; again: it is a new version of one that the directory has.

    Errors: TokenError, and what aiohttp raises.
    """
    path = f"/bots/{quote(client.bot_id, safe='')}/templates"
    if again:
        path, data = f"{path}/{_encoded(data['name'])}", data | {"templateState": "Submit"}
    answer = await api.call_directory(client, "PUT" if again else "POST", path, data)
    return read_submitted(answer)


async def ask(api: HubApi, client: Bot, name: str) -> Word:
    """Where a template's review stands. Errors: TokenError, and what aiohttp raises."""
    path = f"/bots/{quote(client.bot_id, safe='')}/templates/{_encoded(name)}/templateStatus"
    return read_status(await api.call_directory(client, "GET", path))


def read_submitted(answer: HubAnswer) -> Word:
    """What the answer to a submission says; one that cannot be understood asks again later."""
    if 200 <= answer.status < 300:
        return Word("pending")
    text = _text(answer.body) or f"HTTP {answer.status}"
    if answer.status == 403 and "exist" in text.lower():
        return Word("exists", text)
    return Word("rejected", text) if answer.status == 400 else Word("", text)


def read_status(answer: HubAnswer) -> Word:
    """What the answer to a question says."""
    if answer.status != 200:
        return Word("", _text(answer.body) or f"HTTP {answer.status}")
    try:
        body: Any = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return Word("", "the answer is not JSON")
    if isinstance(body, dict) and isinstance(body.get("templateModel"), dict):
        body = body["templateModel"]
    if not isinstance(body, dict):
        return Word("", "the answer is no object")
    said = str(body.get("templateStatus") or body.get("status") or "").lower()
    reason = body.get("reason") or body.get("rejectionReason") or ""
    return Word(_STATUSES.get(said, ""), str(reason)[:500])


def _card(card: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "cardTitle": _bracketed(card.get("title", "")),
        "cardDescription": _bracketed(card.get("description", "")),
        "suggestions": [_suggestion(one) for one in card.get("buttons", ())],
    }
    if card.get("url"):
        made["mediaUrl"] = card["url"]
    if card.get("thumbnail_url"):
        made["thumbnailUrl"] = card["thumbnail_url"]
    return made


def _suggestion(button: dict[str, Any]) -> dict[str, Any]:
    kind = _SUGGESTIONS.get(button.get("type", ""))
    if kind is None:
        raise NotEncodableError(f"RCS has no buttons of type {button.get('type')!r}")
    text = button.get("text", "")
    made = {"suggestionType": kind, "displayText": text, "postback": button.get("postback") or text}
    if kind == "url_action":
        made["url"] = _bracketed(button.get("url", ""))
    if kind == "dialer_action":
        made["phoneNumber"] = button.get("phone", "")
    return made


def _bracketed(text: str) -> str:
    """Variables as the hub writes them: in square brackets."""
    return _VARIABLE.sub(r"[\1]", text)


def _encoded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _text(raw: bytes) -> str:
    try:
        body: Any = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return ""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        error = error.get("message")
    return str(error)[:500] if error else ""
