"""The template directory: submit, decide later, list, ask, update, delete."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from cpaas.simulators.rcs.settings import RcsSettings
from cpaas.simulators.smsc.agenda import Agenda

NAME_CHARS_MAX: Final = 20
TEMPLATES_KEPT_MAX: Final = 10_000
TYPES: Final = ("text_message", "text_message_with_pdf", "rich_card", "carousel")
USE_CASES: Final = ("Transactional", "Promotional", "OTP")
HEIGHTS: Final = ("SHORT_HEIGHT", "MEDIUM_HEIGHT")
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


class DirectoryError(Exception):
    """A call is refused: HTTP status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Template(msgspec.Struct):
    """One template of a bot; `number` grows with each submission."""

    name: str
    data: dict[str, Any]
    status: str = "pending"
    number: int = 1
    reason: str = ""


class Directory:
    """The templates of all bots."""

    def __init__(self, settings: Callable[[], RcsSettings], agenda: Agenda) -> None:
        self._settings = settings
        self._agenda = agenda
        self._templates: dict[tuple[str, str], Template] = {}

    def submit(self, bot: str, raw: bytes, *, update: str | None = None) -> dict[str, Any]:
        """Takes `rich_template_data`, new or for the name that it updates."""
        data = _read(raw)
        name = data["name"]
        known = self._templates.get((bot, name))
        if update is None and known is not None:
            raise DirectoryError(403, f"template name {name} exists")
        if update is not None and (known is None or name != update):
            raise DirectoryError(404, f"there is no template {update}")
        if len(self._templates) >= TEMPLATES_KEPT_MAX:
            raise DirectoryError(400, "too many templates")
        template = Template(name, data, number=1 if known is None else known.number + 1)
        self._templates[bot, name] = template
        self._agenda.after(self._settings().approve_seconds, lambda: self._review(template))
        return {"templateModel": {"name": name, "status": template.status, "type": data["type"]}}

    def decide(self, bot: str, name: str, status: str, reason: str = "") -> None:
        """What a reviewer says now."""
        template = self.one(bot, name)
        template.status, template.reason = status, reason

    def one(self, bot: str, name: str) -> Template:
        """A template. Errors: DirectoryError."""
        found = self._templates.get((bot, name))
        if found is None:
            raise DirectoryError(404, f"there is no template {name}")
        return found

    def of(self, bot: str) -> list[Template]:
        """All templates of a bot."""
        return [one for (owner, _), one in self._templates.items() if owner == bot]

    def delete(self, bot: str, name: str) -> None:
        """Removes one."""
        self.one(bot, name)
        del self._templates[bot, name]

    def variables(self, bot: str, code: str) -> tuple[str, ...] | None:
        """The variables of an approved template; None when none may be sent by this code."""
        settings = self._settings()
        if code in settings.templates:
            return settings.templates[code]
        found = self._templates.get((bot, code))
        if found is not None:
            return _variables(found.data) if found.status == "approved" else None
        return () if settings.any_template else None

    def _review(self, template: Template) -> None:
        if template.status != "pending":
            return
        rejected = "reject" in template.name.lower()
        template.status = "rejected" if rejected else "approved"
        template.reason = "The content breaks the policy." if rejected else ""


def _read(raw: bytes) -> dict[str, Any]:
    try:
        data = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise DirectoryError(400, f"rich_template_data is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise DirectoryError(400, "rich_template_data must be an object")
    name = data.get("name")
    if not isinstance(name, str) or not name or not set(name) <= _LETTERS:
        raise DirectoryError(400, "name may hold letters, digits and _ only")
    if len(name) > NAME_CHARS_MAX:
        raise DirectoryError(400, f"name is longer than {NAME_CHARS_MAX} characters")
    _need(data.get("type") in TYPES, f"type must be one of {', '.join(TYPES)}")
    use_case = data.get("templateUseCase")
    _need(use_case in (None, *USE_CASES), f"templateUseCase must be one of {', '.join(USE_CASES)}")
    _need(len(data.get("fallbackText") or "") <= 160, "fallbackText is longer than 160")
    _CHECKS[data["type"]](data)
    return data


def _need(condition: bool, text: str) -> None:
    if not condition:
        raise DirectoryError(400, text)


def _text(data: dict[str, Any]) -> None:
    text = data.get("textMessageContent")
    _need(isinstance(text, str) and 0 < len(text) <= 2500, "textMessageContent has 1 to 2500")
    _suggestions(data, 11)


def _pdf(data: dict[str, Any]) -> None:
    _text(data)
    _need(isinstance(data.get("documentFileName"), str), "documentFileName is missing")
    order = data.get("messageOrder")
    _need(order in ("text_message_at_top", "pdf_at_top"), "messageOrder is missing")


def _card(data: dict[str, Any]) -> None:
    orientation = data.get("orientation")
    _need(orientation in ("VERTICAL", "HORIZONTAL"), "orientation is VERTICAL or HORIZONTAL")
    if orientation == "VERTICAL":
        _need(data.get("height") in HEIGHTS, f"height must be one of {', '.join(HEIGHTS)}")
    else:
        _need(data.get("alignment") in ("LEFT", "RIGHT"), "alignment is LEFT or RIGHT")
    _one_card(data.get("standAlone"))


def _carousel(data: dict[str, Any]) -> None:
    _need(data.get("height") in HEIGHTS, f"height must be one of {', '.join(HEIGHTS)}")
    widths = ("SMALL_WIDTH", "MEDIUM_WIDTH")
    _need(data.get("width") in widths, f"width must be one of {', '.join(widths)}")
    cards = data.get("carouselList")
    if not isinstance(cards, list) or not 2 <= len(cards) <= 10:
        raise DirectoryError(400, "carouselList has 2 to 10 cards")
    for card in cards:
        _one_card(card)


def _one_card(card: object) -> None:
    if not isinstance(card, dict):
        raise DirectoryError(400, "a card must be an object")
    _need(0 < len(card.get("cardTitle") or "") <= 200, "cardTitle has 1 to 200")
    _need(len(card.get("cardDescription") or "") <= 2000, "cardDescription has up to 2000")
    _need(bool(card.get("mediaUrl") or card.get("fileName")), "a card needs mediaUrl or fileName")
    _suggestions(card, 4)


def _suggestions(data: dict[str, Any], most: int) -> None:
    chips = data.get("suggestions", [])
    if not isinstance(chips, list) or len(chips) > most:
        raise DirectoryError(400, f"suggestions has up to {most}")
    extra = {"reply": "displayText", "url_action": "url", "dialer_action": "phoneNumber"}
    for chip in chips:
        kind = str(chip.get("suggestionType")) if isinstance(chip, dict) else ""
        _need(kind in extra, f"suggestionType must be one of {', '.join(extra)}")
        _need(bool(chip.get(extra[kind])), f"a {kind} needs {extra[kind]}")
        _need(0 < len(chip.get("displayText") or "") <= 25, "displayText has 1 to 25")
        _need(len(chip.get("postback") or "") <= 120, "postback has up to 120")


def _variables(data: dict[str, Any]) -> tuple[str, ...]:
    """Names in square brackets, in the order in which they first stand there."""
    text = msgspec.json.encode(data).decode()
    names: dict[str, None] = {}
    for piece in text.split("[")[1:]:
        name, closed, _ = piece.partition("]")
        if closed and name and set(name) <= _LETTERS:
            names[name] = None
    return tuple(names)


_CHECKS: Final = {
    "text_message": _text, "text_message_with_pdf": _pdf, "rich_card": _card, "carousel": _carousel
}  # fmt: skip
