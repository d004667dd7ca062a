"""Makes what a message says of a template and its variables, and names exactly what is wrong.

Pure, from the snapshot: a template is taken apart when its first message comes, not per message.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from cpaas.snapshot.types import Template
from cpaas.templates import placeholders
from cpaas.templates.types import Button, Content

VALUE_CHARS_MAX: Final = 1024
#: what the whole body may come to.
FILLED_CHARS: Final = {"sms": 10_000, "whatsapp": 1024, "rcs": 2500, "voice": 3000}
_ONE_LINE: Final = frozenset({"whatsapp"})
_SPACES: Final = "     "


class FillError(Exception):
    """The variables do not fit the template. code: of the refusals; field: which one."""

    def __init__(self, code: str, detail: str, field: str = "variables") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field


class Made(msgspec.Struct, frozen=True):
    """What a template takes apart into, once."""

    body: tuple[str, ...]
    variables: frozenset[str]
    #: what every message carries for its carrier, but the values.
    carried: dict[str, Any]


def made(template: Template) -> Made:
    """The template taken apart."""
    if not isinstance(template.made, Made):
        template.made = _made(template)
    return template.made


def _made(template: Template) -> Made:
    content = msgspec.convert(template.content, Content)
    carried: dict[str, Any] = {
        "id": template.id, "version": template.version, "name": template.name,
    }  # fmt: skip
    if template.channel in ("whatsapp", "rcs"):
        carried |= {
            "language": template.language, "type": template.type,
            "category": template.category, "code": template.carrier_id or template.name,
            **_structure(content, template),
        }  # fmt: skip
    return Made(_shown(content), frozenset(template.variables), carried)


def _shown(content: Content) -> tuple[str, ...]:
    """What a person reads of it, for the message's own record."""
    text = content.body or "\n\n".join(
        "\n".join(part for part in (card.title, card.description) if part) for card in content.cards
    )
    return placeholders.pieces(text)


def _structure(content: Content, template: Template) -> dict[str, Any]:
    """Which variable goes where, in the order in which carriers number them."""
    numbered = any(name[0].isdigit() for name in template.variables)
    found: dict[str, Any] = {
        "format": "POSITIONAL" if numbered else "NAMED", "body": _names(content.body),
    }  # fmt: skip
    if content.header is not None:
        found["header"] = {
            "type": content.header.type, "url": content.header.url,
            "filename": content.header.filename, "variables": _names(content.header.text),
        }  # fmt: skip
    buttons = [_button(n, one, content) for n, one in enumerate(content.buttons)]
    found["buttons"] = [one for one in buttons if one["variables"]]
    return found


def _button(number: int, one: Button, content: Content) -> dict[str, Any]:
    # The code of an authentication template stands in its body and goes with its button again.
    own = _names(content.body)[:1] if one.type in ("otp", "copy_code") else _names(one.url)
    return {"index": number, "type": one.type, "variables": own}


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(placeholders.pieces(text)[1::2]))


def fill(template: Template, given: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The text, and the message's content for its carrier. Errors: FillError."""
    parts = made(template)
    if given.keys() != parts.variables:
        _fault(template, parts, given)
    for name, value in given.items():
        _value(template, name, value)
    text = placeholders.fill(parts.body, given)
    most = FILLED_CHARS[template.channel]
    if len(text) > most:
        raise FillError(
            "variable_invalid",
            f"With these variables the text has {len(text)} characters; {template.channel} takes"
            f" {most}.",
        )
    carried = parts.carried
    if template.channel == "whatsapp":
        carried = {**carried, "variables": dict(given)}
    elif template.channel == "rcs":
        carried = {**carried, "params": dict(given)}
    return text, {"template": carried}


def _fault(template: Template, parts: Made, given: Mapping[str, str]) -> None:
    missing = [name for name in template.variables if name not in given]
    if missing:
        raise FillError(
            "variable_missing",
            f"The template {template.name} needs {', '.join(missing)} in variables.",
            f"variables.{missing[0]}",
        )
    unknown = min(given.keys() - parts.variables)
    has = ", ".join(template.variables) or "none"
    raise FillError(
        "variable_unknown",
        f"The template {template.name} has no variable {unknown[:60]!r}; it has {has}.",
        f"variables.{unknown[:60]}",
    )


def _value(template: Template, name: str, value: str) -> None:
    wrong = ""
    if not value.strip():
        wrong = "is empty"
    elif len(value) > VALUE_CHARS_MAX:
        wrong = f"has {len(value)} characters; at most {VALUE_CHARS_MAX} are filled in"
    elif "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        wrong = "holds a character that cannot be sent"
    elif template.channel in _ONE_LINE and not _ONE_LINE_SIGNS.isdisjoint(value):
        wrong = f"holds a new line or a tab, which {template.channel} refuses in variables"
    elif template.channel in _ONE_LINE and _SPACES in value:
        wrong = f"holds more than four spaces in a row, which {template.channel} refuses"
    if wrong:
        raise FillError("variable_invalid", f"The variable {name} {wrong}.", f"variables.{name}")


_ONE_LINE_SIGNS: Final = frozenset("\n\r\t")
