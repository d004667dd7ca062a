"""The bodies of POST /{phone_number_id}/messages, checked as the real service checks them."""

import re
from typing import Any, Final

KINDS: Final = (
    "text", "image", "video", "audio", "document", "sticker", "template", "interactive",
    "location", "contacts", "reaction",
)  # fmt: skip
MEDIA: Final = ("image", "video", "audio", "document", "sticker")
TEXT_MAX: Final = 4096
BODY_MAX: Final = 1024
CALLBACK_DATA_MAX: Final = 512
_NUMBER: Final = re.compile(r"\+?[1-9]\d{6,14}")


class BodyError(Exception):
    """The body is refused; `code` is Meta's."""

    def __init__(self, code: int, details: str) -> None:
        super().__init__(details)
        self.code = code


def check(body: Any) -> tuple[str, str]:
    """The recipient's digits and the kind of message. Errors: BodyError."""
    if not isinstance(body, dict) or body.get("messaging_product") != "whatsapp":
        raise BodyError(100, "messaging_product must be whatsapp")
    to = body.get("to")
    if not isinstance(to, str) or not _NUMBER.fullmatch(to):
        raise BodyError(131009, "to is no phone number")
    kind = body.get("type", "text")
    if kind not in KINDS:
        raise BodyError(131051, f"unsupported message type {kind}")
    if len(str(body.get("biz_opaque_callback_data", ""))) > CALLBACK_DATA_MAX:
        raise BodyError(131009, "biz_opaque_callback_data is too long")
    held = body.get(kind)
    if not isinstance(held, dict | list):
        raise BodyError(131008, f"{kind} is missing")
    if kind == "text":
        _text(held.get("body") if isinstance(held, dict) else None, TEXT_MAX, "text.body")
    elif kind in MEDIA:
        media(kind, held)
    elif kind == "interactive":
        _interactive(held)
    return to.removeprefix("+"), str(kind)


def _text(value: Any, most: int, where: str) -> None:
    if not isinstance(value, str) or not value:
        raise BodyError(131008, f"{where} is missing")
    if len(value) > most:
        raise BodyError(131009, f"{where} is longer than {most} characters")


def media(kind: str, held: Any) -> None:
    """One file by id or by link. Errors: BodyError."""
    if not isinstance(held, dict) or ("id" in held) == ("link" in held):
        raise BodyError(131009, f"{kind} needs either id or link")
    if "caption" in held and kind in ("audio", "sticker"):
        raise BodyError(131009, f"{kind} has no caption")
    if "filename" in held and kind != "document":
        raise BodyError(131009, f"{kind} has no filename")
    if "link" in held and not str(held["link"]).startswith(("https://", "http://")):
        raise BodyError(131052, "the link cannot be downloaded")


def _interactive(held: Any) -> None:
    kind, action = held.get("type"), held.get("action")
    text = held.get("body")
    _text(text.get("text") if isinstance(text, dict) else None, BODY_MAX, "interactive.body.text")
    if not isinstance(action, dict):
        raise BodyError(131008, "interactive.action is missing")
    if kind == "button":
        buttons = action.get("buttons")
        if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
            raise BodyError(131009, "an interactive message has 1 to 3 buttons")
        for one in buttons:
            reply = one.get("reply") if isinstance(one, dict) else None
            if not isinstance(reply, dict) or not reply.get("id"):
                raise BodyError(131008, "a button's reply needs an id")
            _text(reply.get("title"), 20, "button title")
    elif kind == "list":
        sections = action.get("sections")
        rows = [row for s in sections for row in s.get("rows", [])] if sections else []
        if not 1 <= len(rows) <= 10:
            raise BodyError(131009, "a list has 1 to 10 rows")
        _text(action.get("button"), 20, "list button")
        for row in rows:
            _text(row.get("title"), 24, "row title")
    elif kind == "cta_url":
        parameters = action.get("parameters")
        if not isinstance(parameters, dict) or not parameters.get("url"):
            raise BodyError(131008, "cta_url needs a url")
    else:
        raise BodyError(131009, f"unknown interactive type {kind}")
