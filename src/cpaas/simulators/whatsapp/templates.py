"""Templates of a business: created, reviewed, counted, and compared with what a message gives."""

import re
from typing import Any, Final

import msgspec

from cpaas.simulators.whatsapp.bodies import MEDIA, BodyError, media

CATEGORIES: Final = ("UTILITY", "MARKETING", "AUTHENTICATION")
_NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
_VARIABLE: Final = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_ADJACENT: Final = re.compile(r"\}\}\s*\{\{")


class Template(msgspec.Struct):
    """A template in one language."""

    id: str
    waba_id: str
    name: str
    language: str
    category: str
    status: str
    components: list[dict[str, Any]]
    named: bool = False
    reason: str = "NONE"

    def part(self, kind: str) -> dict[str, Any] | None:
        """Its component of a kind, in capitals."""
        return next((one for one in self.components if one.get("type") == kind), None)


def new(number: int, waba_id: str, body: Any) -> Template:
    """A template as it was submitted, PENDING. Errors: BodyError."""
    if not isinstance(body, dict):
        raise BodyError(100, "the body is no object")
    name, language = body.get("name"), body.get("language")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BodyError(100, "name has only small letters, digits and underscores")
    if not isinstance(language, str) or not language:
        raise BodyError(100, "language is missing")
    category = body.get("category")
    if category not in CATEGORIES:
        raise BodyError(100, f"category must be one of {', '.join(CATEGORIES)}")
    components = body.get("components")
    if not isinstance(components, list):
        raise BodyError(100, "components are missing")
    made = Template(
        str(900_000 + number), waba_id, name, language, category, "PENDING",
        [one for one in components if isinstance(one, dict)],
        named=body.get("parameter_format") == "NAMED",
    )  # fmt: skip
    _components(made)
    return made


def _components(made: Template) -> None:
    body = made.part("BODY")
    if body is None:
        raise BodyError(100, "a template needs a BODY")
    text = str(body.get("text", ""))
    if made.category != "AUTHENTICATION" and not text:
        raise BodyError(100, "the BODY has no text")
    if len(text) > 1024:
        raise BodyError(132005, "the BODY is longer than 1024 characters")
    if _ADJACENT.search(text):
        raise BodyError(100, "variables must not stand beside each other")
    if text.strip().startswith("{{") or text.strip().endswith("}}"):
        raise BodyError(2388299, "variables must not stand at the beginning or the end")
    if _VARIABLE.search(text) and not body.get("example"):
        raise BodyError(100, "the BODY has variables and no example")
    header = made.part("HEADER")
    if header is not None and header.get("format") in ("IMAGE", "VIDEO", "DOCUMENT"):
        handles = (header.get("example") or {}).get("header_handle")
        if not handles or not str(handles[0]).startswith("4::"):
            raise BodyError(100, "a media HEADER needs an example with a header_handle")


def compare(made: Template, given: dict[str, Any]) -> None:
    """That a message's components fit the template. Errors: BodyError."""
    found = [one for one in given.get("components") or [] if isinstance(one, dict)]
    body = made.part("BODY") or {}
    wanted = list(dict.fromkeys(_VARIABLE.findall(str(body.get("text", "")))))
    values = _parameters(found, "body")
    if made.category == "AUTHENTICATION" and not wanted:
        wanted = ["1"]
    if len(values) != len(wanted):
        raise BodyError(
            132000, f"body: {len(values)} values were given, {len(wanted)} are expected"
        )
    if made.named and {one.get("parameter_name") for one in values} != set(wanted):
        raise BodyError(132012, "parameter_name does not fit the template's names")
    for one in values:
        if one.get("type") != "text" or not str(one.get("text", "")):
            raise BodyError(132012, "a body parameter needs a text")
    _header(made, found)
    _buttons(made, found)


def _header(made: Template, found: list[dict[str, Any]]) -> None:
    header = made.part("HEADER")
    values = _parameters(found, "header")
    if header is None:
        if values:
            raise BodyError(132012, "the template has no header")
        return
    kind = str(header.get("format", "TEXT")).lower()
    if kind == "text":
        wanted = _VARIABLE.findall(str(header.get("text", "")))
        if len(values) != len(wanted):
            raise BodyError(132000, f"header: {len(values)} values, {len(wanted)} are expected")
    elif kind in MEDIA:
        if len(values) != 1 or values[0].get("type") != kind:
            raise BodyError(132012, f"header: a {kind} is expected")
        media(kind, values[0].get(kind))


def _buttons(made: Template, found: list[dict[str, Any]]) -> None:
    buttons = (made.part("BUTTONS") or {}).get("buttons") or []
    given = {
        str(one.get("index")): one for one in found if str(one.get("type")).lower() == "button"
    }
    for number, button in enumerate(buttons):
        kind = button.get("type")
        needs = kind in ("OTP", "COPY_CODE") or "{{" in str(button.get("url", ""))
        one = given.pop(str(number), None)
        if needs and (one is None or not one.get("parameters")):
            raise BodyError(132000, f"button {number} needs a value")
        if one is not None and kind in ("URL", "OTP") and str(one.get("sub_type")).lower() != "url":
            raise BodyError(132012, f"button {number}: sub_type must be url")
    if given:
        raise BodyError(132012, f"the template has no button {min(given)}")


def _parameters(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    for one in found:
        # In capitals or not: clients write both.
        if str(one.get("type")).lower() == kind:
            return [value for value in one.get("parameters") or [] if isinstance(value, dict)]
    return []


def shown(made: Template, fields: str = "") -> dict[str, Any]:
    """As lists show it; fields: what was asked for, "" = the usual ones."""
    found = {
        "id": made.id, "name": made.name, "language": made.language, "status": made.status,
        "category": made.category, "components": made.components,
        "parameter_format": "NAMED" if made.named else "POSITIONAL",
    }  # fmt: skip
    if not fields:
        return found
    more = found | {"rejected_reason": made.reason}
    wanted = ["id", *fields.split(",")]
    return {name: more[name] for name in wanted if name in more}
