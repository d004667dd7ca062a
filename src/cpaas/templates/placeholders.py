"""Variables in a template's text: {{name}} or {{1}}, the same on every channel.

Carriers' own forms (RCS: [name], DLT: {#var#}) are made of it where a template is handed to them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from cpaas.kit.errors import InputError

NAME_CHARS_MAX: Final = 64
VARIABLES_MAX: Final = 100
_VARIABLE: Final = re.compile(r"\{\{([^{}]*)\}\}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*|[1-9][0-9]?")
_STRAY: Final = re.compile(r"\{\{|\}\}")


def pieces(text: str, field: str = "body") -> tuple[str, ...]:
    """Fixed text and names in turn, fixed text first and last. Errors: InputError."""
    found = _VARIABLE.split(text)
    for name in found[1::2]:
        if not _NAME.fullmatch(name) or len(name) > NAME_CHARS_MAX:
            raise InputError(
                f"{{{{{name[:40]}}}}} is no variable",
                "write {{name}} with small letters, digits and _, or {{1}}, {{2}} and so on", field,
            )  # fmt: skip
    for number, fixed in enumerate(found[::2]):
        # A third brace beside a variable is as likely a slip as meant.
        beside = ("}" * bool(number)) + fixed + ("{" * (number < len(found) // 2))
        if stray := _STRAY.search(beside):
            raise InputError(
                f"a {stray[0]} in the text belongs to no variable",
                "write a variable as {{name}}", field,
            )  # fmt: skip
    return tuple(found)


def names(texts: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The variables of (field, text) pairs, each once, in order. Errors: InputError."""
    found = dict.fromkeys(name for field, text in texts for name in pieces(text, field)[1::2])
    if len(found) > VARIABLES_MAX:
        raise InputError(
            f"there are {len(found)} variables", f"use at most {VARIABLES_MAX}", "body"
        )
    numbered = [name for name in found if name[0].isdigit()]
    if numbered and len(numbered) != len(found):
        raise InputError(
            f"{{{{{numbered[0]}}}}} is a number, and other variables have names",
            "number all of them, or name all of them", "body",
        )  # fmt: skip
    if numbered and sorted(map(int, numbered)) != list(range(1, len(numbered) + 1)):
        raise InputError(
            f"the variables are numbered {', '.join(numbered)}",
            "number them 1, 2, 3 without a gap", "body",
        )  # fmt: skip
    return tuple(found)


def fill(parts: tuple[str, ...], values: Mapping[str, str]) -> str:
    """A text's pieces with the values in place; a name without a value stays as it is."""
    return "".join(
        values.get(part, f"{{{{{part}}}}}") if index % 2 else part
        for index, part in enumerate(parts)
    )


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with the variables' values in place."""
    return fill(tuple(_VARIABLE.split(text)), values)


def bracketed(text: str) -> str:
    """The text with its variables as RCS hubs write them: [name]."""
    return _VARIABLE.sub(r"[\1]", text)
