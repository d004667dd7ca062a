"""Pure checks of a template: what each channel lets it say, and what is only unusual.

Limits are those of the carriers' reviews; a warning prevents nothing.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from cpaas.channels.voice.content import VoiceContent
from cpaas.kit.errors import InputError
from cpaas.kit.guard import GuardError, parse_url
from cpaas.templates import placeholders
from cpaas.templates.types import CATEGORIES, TYPES, Button, Card, Content, NewTemplate

REASON_MAX: Final = 500
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
#: channel -> the longest name its carriers take.
NAME_CHARS: Final = {"sms": 64, "whatsapp": 512, "rcs": 20, "voice": 64}
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
BODY_CHARS: Final = {"sms": 1530, "whatsapp": 1024, "rcs": 2500, "voice": 2000}
HEADER_CHARS: Final = 60
FOOTER_CHARS: Final = 60
BUTTON_CHARS: Final = 25
URL_CHARS: Final = 2000
POSTBACK_CHARS: Final = 120
BUTTONS: Final = {"sms": 0, "whatsapp": 10, "rcs": 11, "voice": 0}
BUTTON_TYPES: Final = {
    "whatsapp": ("quick_reply", "url", "phone", "copy_code", "otp"),
    "rcs": ("quick_reply", "url", "phone"),
}
CARD_BUTTONS: Final = 4
TITLE_CHARS: Final = 200
DESCRIPTION_CHARS: Final = 2000
CARDS: Final = {"rich_card": (1, 1), "carousel": (2, 10)}
LAYOUT: Final = {
    "orientation": ("VERTICAL", "HORIZONTAL"), "alignment": ("LEFT", "RIGHT"),
    "height": ("SHORT_HEIGHT", "MEDIUM_HEIGHT"), "width": ("SMALL_WIDTH", "MEDIUM_WIDTH"),
}  # fmt: skip
_ADJACENT: Final = re.compile(r"\}\}\s*\{\{")
_BRACKETS: Final = re.compile(r"\[[^\[\]]*\]")
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_DLT_ID: Final = re.compile(r"[0-9]{1,30}")


def template(new: NewTemplate) -> tuple[NewTemplate, tuple[str, ...]]:
    """The template as it is stored, and its variables in order. Errors: InputError."""
    if new.channel not in TYPES:
        raise InputError(
            f"{new.channel[:40]!r} is no channel", f"use one of {', '.join(TYPES)}", "channel"
        )
    _name(new)
    if new.type not in TYPES[new.channel]:
        raise InputError(
            f"{new.channel} has no templates of type {new.type[:40]!r}",
            f"use one of {', '.join(TYPES[new.channel])}", "type",
        )  # fmt: skip
    _printable(new.content)
    _category(new)
    variables = placeholders.names(texts(new.content))
    if new.channel == "whatsapp":
        _whatsapp(new)
    elif new.channel == "rcs":
        _rcs(new)
    else:
        _plain(new)
    unknown = sorted(set(new.content.examples) - set(variables))
    if unknown:
        raise InputError(
            f"there is an example for {unknown[0][:40]!r}, which is no variable of the text",
            "leave it out", "content.examples",
        )  # fmt: skip
    return new, variables


def texts(content: Content) -> list[tuple[str, str]]:
    """(field, text) of everything that may hold variables, in the order in which it is read."""
    found = []
    if content.header is not None:
        found.append(("content.header.text", content.header.text))
    found.append(("content.body", content.body))
    found += [(f"content.buttons[{n}].url", one.url) for n, one in enumerate(content.buttons)]
    for n, card in enumerate(content.cards):
        found += [
            (f"content.cards[{n}].title", card.title),
            (f"content.cards[{n}].description", card.description),
        ]
        found += [
            (f"content.cards[{n}].buttons[{m}].url", one.url) for m, one in enumerate(card.buttons)
        ]
    return found


def warnings(new: NewTemplate) -> list[str]:
    """What a review may frown at; empty when nothing."""
    body, found = new.content.body.strip(), []
    names = placeholders.names(texts(new.content))
    if new.channel == "whatsapp" and new.category != "AUTHENTICATION":
        if body.startswith("{{") or body.endswith("}}"):
            found.append("WhatsApp refuses bodies that begin or end with a variable.")
        words = len(re.sub(r"\{\{[^{}]*\}\}", " ", body).split())
        if names and words < 3 * len(names):
            found.append("WhatsApp refuses bodies with few words for their variables.")
        missing = [name for name in names if not new.content.examples.get(name)]
        if missing:
            found.append(f"WhatsApp wants an example for each variable: {', '.join(missing)}.")
    if new.channel == "sms" and not new.dlt_template_id:
        found.append("No DLT template is linked; messages to India need one that fits.")
    return found


def reason(text: str) -> str:
    """Why a template is refused, for its owner. Errors: InputError."""
    trimmed = text.strip()
    if not 1 <= len(trimmed) <= REASON_MAX or "\0" in trimmed:
        raise InputError(
            "a rejection needs a reason", f"say why in at most {REASON_MAX} characters", "reason"
        )
    return trimmed


def _name(new: NewTemplate) -> None:
    most = NAME_CHARS[new.channel]
    if not _NAME.fullmatch(new.name) or len(new.name) > most:
        raise InputError(
            f"{new.name[:60]!r} cannot name a {new.channel} template",
            f"use small letters, digits and _, a letter first, at most {most} characters", "name",
        )  # fmt: skip
    if not _LANGUAGE.fullmatch(new.language):
        raise InputError(
            f"{new.language[:20]!r} is no language", "write it like en or en_US", "language"
        )


def _category(new: NewTemplate) -> None:
    if new.channel == "whatsapp":
        if new.category not in CATEGORIES:
            raise InputError(
                f"{new.category[:40]!r} is no category of WhatsApp templates",
                f"use one of {', '.join(CATEGORIES)}", "category",
            )  # fmt: skip
    elif new.category:
        raise InputError(f"{new.channel} templates have no category", "leave it out", "category")
    if new.dlt_template_id and (new.channel != "sms" or not _DLT_ID.fullmatch(new.dlt_template_id)):
        raise InputError(
            "this cannot be linked to a DLT template",
            "give the id of one of the account's DLT templates, for SMS only", "dlt_template_id",
        )  # fmt: skip


def _printable(content: Content) -> None:
    def every() -> Iterator[tuple[str, str]]:
        yield from texts(content)
        yield "content.footer", content.footer
        for button in [*content.buttons, *(b for card in content.cards for b in card.buttons)]:
            yield "content.buttons", button.text + button.postback + button.example
        for name, value in content.examples.items():
            yield "content.examples", name + value
        if content.header is not None:
            yield "content.header", content.header.url + content.header.filename

    for field, text in every():
        if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
            raise InputError("the text holds a character that cannot be sent", "take it out", field)


def _long(text: str, most: int, field: str, *, needed: bool = False) -> None:
    if len(text) > most:
        raise InputError(f"{field} has {len(text)} characters", f"use at most {most}", field)
    if needed and not text.strip():
        raise InputError(f"{field} is empty", "write what it shall say", field)


def _only(content: Content, allowed: set[str], what: str) -> None:
    for name in ("header", "footer", "buttons", "cards", "layout", "voice"):
        if name not in allowed and getattr(content, name):
            raise InputError(f"{what} has no {name}", "leave it out", f"content.{name}")


def _plain(new: NewTemplate) -> None:
    _only(new.content, {"voice"} if new.channel == "voice" else set(), f"a {new.channel} template")
    _long(new.content.body, BODY_CHARS[new.channel], "content.body", needed=True)
    try:
        msgspec.convert(new.content.voice, VoiceContent)
    except msgspec.ValidationError as error:
        raise InputError(
            f"content.voice: {error}",
            "it has language (en-IN), voice and repeat (1 to 5)", "content.voice",
        ) from None  # fmt: skip


def _whatsapp(new: NewTemplate) -> None:
    content, header = new.content, new.content.header
    _only(content, {"header", "footer", "buttons"}, "a WhatsApp template")
    is_media = header is not None and header.type != "text"
    if is_media != (new.type == "media"):
        raise InputError(
            f"the type is {new.type}, and the header is {header.type if header else 'missing'}",
            "a media template has an image, a video or a document as header, a text one has none",
            "content.header",
        )  # fmt: skip
    if header is not None and header.type == "text":
        _long(header.text, HEADER_CHARS, "content.header.text", needed=True)
        if len(placeholders.pieces(header.text, "content.header.text")) > 3:
            raise InputError(
                "the header has several variables", "use one at most", "content.header.text"
            )
    elif header is not None:
        _address(header.url, "content.header.url")
    _long(content.body, BODY_CHARS["whatsapp"], "content.body", needed=True)
    if _ADJACENT.search(content.body):
        raise InputError(
            "two variables stand side by side", "put words between them", "content.body"
        )
    _long(content.footer, FOOTER_CHARS, "content.footer")
    if new.category == "AUTHENTICATION" and (
        header is not None or not any(one.type == "otp" for one in content.buttons)
    ):
        raise InputError(
            "an AUTHENTICATION template has no header, and a button of type otp",
            "add the button, or choose UTILITY", "content.buttons",
        )  # fmt: skip
    _buttons(content.buttons, "whatsapp", BUTTONS["whatsapp"], "content.buttons")


def _rcs(new: NewTemplate) -> None:
    content = new.content
    _only(content, {"buttons", "cards", "layout"}, "an RCS template")
    for field, text in texts(content):
        if not field.endswith(".url") and (found := _BRACKETS.search(text)):
            raise InputError(
                f"{found[0][:40]} would be taken for a variable by the hub",
                "write variables as {{name}}, and other brackets as ( )", field,
            )  # fmt: skip
    _buttons(content.buttons, "rcs", BUTTONS["rcs"], "content.buttons")
    for name, value in content.layout.items():
        if value not in LAYOUT.get(name, ()):
            raise InputError(
                f"layout.{name[:20]} cannot be {value[:20]!r}",
                "; ".join(f"{key}: {' or '.join(some)}" for key, some in LAYOUT.items()),
                "content.layout",
            )  # fmt: skip
    if new.type == "text":
        _long(content.body, BODY_CHARS["rcs"], "content.body", needed=True)
        least, most = 0, 0
    else:
        _long(content.body, 0, "content.body")
        least, most = CARDS[new.type]
    if not least <= len(content.cards) <= most:
        raise InputError(
            f"there are {len(content.cards)} cards",
            f"a {new.type} has {least}" + (f" to {most}" if most > least else ""), "content.cards",
        )  # fmt: skip
    for number, card in enumerate(content.cards):
        _card(card, f"content.cards[{number}]")


def _card(card: Card, field: str) -> None:
    _long(card.title, TITLE_CHARS, f"{field}.title")
    _long(card.description, DESCRIPTION_CHARS, f"{field}.description")
    if not (card.title.strip() or card.url):
        raise InputError(f"{field} says nothing", "give it a title or media", field)
    if bool(card.url) != bool(card.media):
        raise InputError(
            f"{field} needs both media and url, or neither", "media is image or video", field
        )
    if card.url:
        _address(card.url, f"{field}.url")
    if card.thumbnail_url:
        _address(card.thumbnail_url, f"{field}.thumbnail_url")
    _buttons(card.buttons, "rcs", CARD_BUTTONS, f"{field}.buttons")


def _buttons(buttons: tuple[Button, ...], channel: str, most: int, field: str) -> None:
    if len(buttons) > most:
        raise InputError(f"there are {len(buttons)} buttons", f"use at most {most}", field)
    for number, one in enumerate(buttons):
        _button(one, channel, f"{field}[{number}]")


def _button(one: Button, channel: str, field: str) -> None:
    if one.type not in BUTTON_TYPES[channel]:
        raise InputError(
            f"{channel} has no buttons of type {one.type}",
            f"use one of {', '.join(BUTTON_TYPES[channel])}", f"{field}.type",
        )  # fmt: skip
    _long(one.text, BUTTON_CHARS, f"{field}.text", needed=one.type not in ("copy_code", "otp"))
    _long(one.postback, POSTBACK_CHARS, f"{field}.postback")
    if "{{" in one.text:
        raise InputError("a button's text has no variables", "write it out", f"{field}.text")
    if one.type == "url":
        parts = placeholders.pieces(one.url, f"{field}.url")
        if channel == "whatsapp" and (len(parts) > 3 or (len(parts) == 3 and parts[2])):
            raise InputError(
                "the address may have one variable, at its end", "write it so", f"{field}.url"
            )
        _long(one.url, URL_CHARS, f"{field}.url", needed=True)
        _address(placeholders.filled(one.url, dict.fromkeys(parts[1::2], "1")), f"{field}.url")
    if one.type == "phone" and not _PHONE.fullmatch(one.phone):
        raise InputError(
            f"{one.phone[:30]!r} is no number", "write it like +919876543210", f"{field}.phone"
        )


def _address(url: str, field: str) -> None:
    try:
        target = parse_url(url)
    except GuardError as error:
        raise InputError("this address cannot be used", str(error), field) from None
    if target.scheme != "https":
        raise InputError("carriers fetch by https only", "use an https address", field)
