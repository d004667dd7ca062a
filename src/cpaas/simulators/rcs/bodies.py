"""What the hub refuses in a message's body, by the rules that its documents state.

Written over plain JSON, from the protocol and from no driver.
"""

import re
from typing import Any, Final

import msgspec

KINDS: Final = ("templateMessage", "text", "contentInfo", "fileName", "richCard")
TEXT_CHARS_MAX: Final = 3072
CHIPS_MAX: Final = 11
CARD_CHIPS_MAX: Final = 4
LABEL_CHARS_MAX: Final = 25
POSTBACK_CHARS_MAX: Final = 2048
TITLE_CHARS_MAX: Final = 200
DESCRIPTION_CHARS_MAX: Final = 2000
TTL_SECONDS_MAX: Final = 15 * 86_400
_ACTIONS: Final = {
    "openUrlAction": "url", "dialAction": "phoneNumber", "viewLocationAction": "",
    "shareLocationAction": "", "createCalendarEventAction": "startTime", "composeAction": "",
}  # fmt: skip
_URL: Final = re.compile(r"https?://[^\s]+")


class BodyError(Exception):
    """The body is refused; says why."""


def read_body(body: object) -> tuple[str, dict[str, Any], float | None]:
    """Content kind, content and ttl in seconds. Errors: BodyError."""
    if not isinstance(body, dict):
        raise BodyError("the body is no JSON object")
    content = body.get("contentMessage")
    if not isinstance(content, dict):
        raise BodyError("contentMessage is missing")
    kinds = [kind for kind in KINDS if kind in content]
    if len(kinds) != 1:
        raise BodyError(f"contentMessage needs exactly one of {', '.join(KINDS)}")
    unknown = set(content) - {*KINDS, "suggestions"}
    if unknown:
        raise BodyError(f"contentMessage has unknown fields: {', '.join(sorted(unknown))}")
    _CHECKS[kinds[0]](content[kinds[0]])
    _suggestions(content.get("suggestions", []), CHIPS_MAX)
    return kinds[0], content, _ttl(body)


def template_of(content: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Code and parameters of a template message that was read."""
    template = content["templateMessage"]
    return template["templateCode"], msgspec.json.decode(template.get("customParams", "{}"))


def _ttl(body: dict[str, Any]) -> float | None:
    ttl = body.get("ttl")
    if ttl is None:
        return None
    if not isinstance(ttl, str) or not re.fullmatch(r"[0-9]+(\.[0-9]+)?s", ttl):
        raise BodyError('ttl must be a string such as "120s"')
    if float(ttl[:-1]) > TTL_SECONDS_MAX:
        raise BodyError("ttl is longer than 15 days")
    return float(ttl[:-1])


def _text(value: object, name: str, most: int, *, needed: bool = True) -> None:
    if value is None and not needed:
        return
    if not isinstance(value, str) or (needed and not value):
        raise BodyError(f"{name} must be a text")
    if len(value) > most:
        raise BodyError(f"{name} is longer than {most} characters")


def _url(value: object, name: str) -> None:
    if not isinstance(value, str) or not _URL.fullmatch(value):
        raise BodyError(f"{name} must be a URL")


def _template(value: object) -> None:
    if not isinstance(value, dict):
        raise BodyError("templateMessage must be an object")
    _text(value.get("templateCode"), "templateCode", 200)
    params = value.get("customParams")
    if params is None:
        return
    if not isinstance(params, str):
        raise BodyError("customParams must be a JSON encoded string")
    try:
        decoded = msgspec.json.decode(params)
    except msgspec.DecodeError:
        raise BodyError("customParams is not JSON") from None
    if not isinstance(decoded, dict):
        raise BodyError("customParams must hold an object")


def _content_info(value: object) -> None:
    if not isinstance(value, dict):
        raise BodyError("contentInfo must be an object")
    _url(value.get("fileUrl"), "fileUrl")
    if "thumbnailUrl" in value:
        _url(value["thumbnailUrl"], "thumbnailUrl")
    if not isinstance(value.get("forceRefresh", False), bool):
        raise BodyError("forceRefresh must be true or false")


def _rich_card(value: object) -> None:
    if not isinstance(value, dict) or len(value) != 1:
        raise BodyError("richCard needs exactly one of standaloneCard, carouselCard")
    if "standaloneCard" in value:
        _standalone(value["standaloneCard"])
    elif "carouselCard" in value:
        _carousel(value["carouselCard"])
    else:
        raise BodyError("richCard needs exactly one of standaloneCard, carouselCard")


def _standalone(card: object) -> None:
    if not isinstance(card, dict):
        raise BodyError("standaloneCard must be an object")
    orientation = card.get("cardOrientation")
    if orientation not in ("VERTICAL", "HORIZONTAL"):
        raise BodyError("cardOrientation must be VERTICAL or HORIZONTAL")
    alignment = card.get("thumbnailImageAlignment")
    if alignment not in (None, "LEFT", "RIGHT"):
        raise BodyError("thumbnailImageAlignment must be LEFT or RIGHT")
    if orientation == "HORIZONTAL" and alignment is None:
        raise BodyError("a HORIZONTAL card needs thumbnailImageAlignment")
    _card_content(card.get("cardContent"))


def _carousel(carousel: object) -> None:
    if not isinstance(carousel, dict):
        raise BodyError("carouselCard must be an object")
    if carousel.get("cardWidth") not in ("SMALL", "MEDIUM"):
        raise BodyError("cardWidth must be SMALL or MEDIUM")
    cards = carousel.get("cardContents")
    if not isinstance(cards, list) or not 2 <= len(cards) <= 10:
        raise BodyError("a carousel has 2 to 10 cards")
    for card in cards:
        _card_content(card)


def _card_content(card: object) -> None:
    if not isinstance(card, dict):
        raise BodyError("a card's content must be an object")
    if not (card.get("title") or card.get("description") or card.get("media")):
        raise BodyError("a card needs a title, a description or media")
    _text(card.get("title"), "title", TITLE_CHARS_MAX, needed=False)
    _text(card.get("description"), "description", DESCRIPTION_CHARS_MAX, needed=False)
    media = card.get("media")
    if media is not None:
        if not isinstance(media, dict) or media.get("height") not in ("SHORT", "MEDIUM", "TALL"):
            raise BodyError("media.height must be SHORT, MEDIUM or TALL")
        _content_info(media.get("contentInfo"))
    _suggestions(card.get("suggestions", []), CARD_CHIPS_MAX)


def _suggestions(value: object, most: int) -> None:
    if not isinstance(value, list) or len(value) > most:
        raise BodyError(f"suggestions must be a list of at most {most}")
    for one in value:
        if not isinstance(one, dict) or len(one) != 1 or not set(one) <= {"reply", "action"}:
            raise BodyError("a suggestion is one reply or one action")
        kind, inner = next(iter(one.items()))
        if not isinstance(inner, dict):
            raise BodyError(f"a {kind} must be an object")
        _text(inner.get("text"), "a suggestion's text", LABEL_CHARS_MAX)
        _text(inner.get("postbackData"), "postbackData", POSTBACK_CHARS_MAX)
        if kind == "action":
            _action(inner)


def _action(action: dict[str, Any]) -> None:
    kinds = [name for name in _ACTIONS if name in action]
    if len(kinds) != 1:
        raise BodyError(f"an action needs exactly one of {', '.join(_ACTIONS)}")
    value, field = action[kinds[0]], _ACTIONS[kinds[0]]
    if not isinstance(value, dict) or (field and not isinstance(value.get(field), str)):
        raise BodyError(f"{kinds[0]} needs {field}" if field else f"{kinds[0]} must be an object")
    if kinds[0] == "openUrlAction":
        _url(value["url"], "openUrlAction.url")
    if kinds[0] == "dialAction" and not re.fullmatch(r"\+[0-9]{5,15}", value["phoneNumber"]):
        raise BodyError("dialAction.phoneNumber must begin with a plus")


_CHECKS: Final = {
    "templateMessage": _template,
    "text": lambda value: _text(value, "text", TEXT_CHARS_MAX),
    "contentInfo": _content_info,
    "fileName": lambda value: _text(value, "fileName", 200),
    "richCard": _rich_card,
}
