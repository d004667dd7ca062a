"""Reads a DLT template: fixed text and variables, each with its kind and how much it may hold.

Operators write variables in several ways; all of them are read, and what looks like one and is
none is an error when the template is stored instead of a refusal at the operator.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from cpaas.kit.errors import InputError

TEXT_CHARS_MAX: Final = 2_000
VARIABLES_MAX: Final = 60
#: operators count a variable's value to this length.
VAR_CHARS_MAX: Final = 30
#: {#name#} and {#name1#} in any case, spaces allowed; or #name# without braces.
_MARKED: Final = re.compile(r"\{\s*#\s*([A-Za-z_]+?)\s*\d*\s*#\s*\}|#([A-Za-z]+?)\d*#")
_BROKEN: Final = re.compile(r"\{\s*#[^{}]{0,40}\}?|#\s*\}")


class Kind(msgspec.Struct, frozen=True):
    """A kind of variable. allowed None = every character. words: what it may hold, for people."""

    name: str
    least: int
    most: int
    allowed: Callable[[str], bool] | None
    words: str


class Literal(msgspec.Struct, frozen=True):
    """Fixed text."""

    text: str


class Variable(msgspec.Struct, frozen=True):
    """A place for a value; `number` counts from 1, `shown` is how the template writes it."""

    number: int
    shown: str
    kind: Kind


class Pattern(msgspec.Struct, frozen=True):
    """A template ready to be matched. longest: its longest fixed text; fixed: how much in all."""

    text: str
    elements: tuple[Literal | Variable, ...]
    start: str
    end: str
    longest: str
    fixed: int


def _digit(char: str) -> bool:
    return char in "0123456789"


def _alphanumeric(char: str) -> bool:
    return char.isalnum()


def _of(extra: str) -> Callable[[str], bool]:
    return lambda char: char.isascii() and (char.isalnum() or char in extra)


_URL: Final = _of("-._~:/?#[]@!$&'()*+,;=%")
_KINDS: Final = (
    Kind("var", 0, VAR_CHARS_MAX, None, "any characters"),
    Kind("numeric", 1, VAR_CHARS_MAX, _digit, "digits only"),
    Kind("alphanumeric", 1, 40, _alphanumeric, "letters and digits only"),
    Kind("url", 1, 250, _URL, "a link without spaces"),
    Kind("urlott", 1, 250, _URL, "a link without spaces"),
    Kind("cbn", 3, 16, _of("+-"), "a call-back number: digits, plus and dashes"),
    Kind("email", 3, 100, _of(".@_%+-"), "an e-mail address"),
)
_BY_NAME: Final = {kind.name: kind for kind in _KINDS} | {
    alias: kind
    for kind in _KINDS
    for alias in {
        "var": ("variable",), "numeric": ("number", "num"), "alphanumeric": ("alphanum",),
        "cbn": ("callback",), "email": ("mail",), "urlott": ("url_ott",),
    }.get(kind.name, ())
}  # fmt: skip


def normal(text: str) -> str:
    """The text as operators compare it: one kind of line break, no space around."""
    return text.replace("\r\n", "\n").strip()


@lru_cache(maxsize=20_000)
def read(text: str) -> Pattern:
    """The template's pattern. Errors: InputError."""
    bare = normal(text)
    if not bare or len(bare) > TEXT_CHARS_MAX or "\0" in bare:
        raise InputError(
            "the template's text is empty, too long or contains a NUL character",
            f"use 1 to {TEXT_CHARS_MAX} characters",
            "text",
        )
    elements: list[Literal | Variable] = []
    at = 0
    for found in _MARKED.finditer(bare):
        kind = _kind(found)
        if kind is None:
            continue
        if found.start() > at:
            elements.append(_literal(bare[at : found.start()]))
        number = sum(isinstance(one, Variable) for one in elements) + 1
        elements.append(Variable(number, found[0], kind))
        at = found.end()
    if at < len(bare):
        elements.append(_literal(bare[at:]))
    return _pattern(bare, elements)


def _kind(found: re.Match[str]) -> Kind | None:
    """The kind that a mark names; None for a bare #word# that is plain text."""
    name = (found[1] or found[2]).lower()
    kind = _BY_NAME.get(name)
    if kind is None and found[1]:
        raise InputError(
            f"{found[0]} is no kind of variable",
            "use {#var#}, {#numeric#}, {#alphanumeric#}, {#url#}, {#urlott#}, {#cbn#} or {#email#}",
            "text",
        )
    return kind


def _literal(text: str) -> Literal:
    broken = _BROKEN.search(text)
    if broken:
        raise InputError(
            f"{broken[0]!r} looks like a broken variable",
            "write it as {#var#}, without spaces inside",
            "text",
        )
    return Literal(text)


def _pattern(text: str, elements: list[Literal | Variable]) -> Pattern:
    fixed = [one.text for one in elements if isinstance(one, Literal)]
    if len(elements) - len(fixed) > VARIABLES_MAX:
        raise InputError(
            f"the template has more than {VARIABLES_MAX} variables", "use fewer", "text"
        )
    first, last = elements[0], elements[-1]
    return Pattern(
        text,
        tuple(elements),
        first.text if isinstance(first, Literal) else "",
        last.text if isinstance(last, Literal) else "",
        max(fixed, key=len, default=""),
        sum(map(len, fixed)),
    )
