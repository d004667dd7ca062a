"""Finds out which column holds the number and whether the first row names the columns. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from cpaas.campaigns.files import FileError
from cpaas.campaigns.numbers import is_number, looks_like_number
from cpaas.campaigns.types import Mapping

SAMPLE_ROWS: Final = 200
NAME_CHARS_MAX: Final = 64
#: share of a column's cells that must look like numbers.
LIKELY: Final = 0.5
_NUMBER_NAMES: Final = re.compile(
    r"(phone|mobile|msisdn|cell|tel|telephone|whatsapp|recipient|number|contact|to)"
    r"( ?(no|nr|number|num|phone))?"
)
_SPACES: Final = re.compile(r"[\s_\-.]+")


class Layout(msgspec.Struct, frozen=True):
    """Names of the columns in order, the number's place among them, rows of heading (0 or 1)."""

    names: list[str]
    number: int
    heading: int


def layout_of(rows: Sequence[Sequence[str]], mapping: Mapping) -> Layout:
    """The layout by a file's first rows. Errors: FileError."""
    filled = [row for row in rows if row]
    if not filled:
        raise FileError("file_empty", "the file has no rows", "upload one row per recipient")
    first = filled[0]
    # One row with a stray separator makes no column of its own.
    width = max(len(first), Counter(map(len, filled[1:] or filled)).most_common(1)[0][0])
    has_heading = mapping.header
    if has_heading is None:
        has_heading = not any(looks_like_number(cell) for cell in first)
    body = filled[1:] if has_heading else filled
    names = _names(first if has_heading else (), width)
    if has_heading and not body:
        raise FileError(
            "file_empty", "the file has a heading and no rows", "upload one row per recipient"
        )
    number = _told(mapping.number_column, names) if mapping.number_column else None
    if number is None:
        number = _found(names, body, named=has_heading)
    return Layout(names, number, int(has_heading))


def key_of(name: str) -> str:
    """A column's or a variable's name as they are compared: "First Name" is "first_name"."""
    return _SPACES.sub("_", name.strip().casefold())


def _names(first: Sequence[str], width: int) -> list[str]:
    names: list[str] = []
    seen: set[str] = set()
    for at in range(width):
        given = first[at].replace("\0", "").strip() if at < len(first) else ""
        name = " ".join(given.split())[:NAME_CHARS_MAX] or f"column {at + 1}"
        number = 2
        while key_of(name) in seen:
            name, number = f"{name[: NAME_CHARS_MAX - 4]} {number}", number + 1
        seen.add(key_of(name))
        names.append(name)
    return names


def _told(wanted: str, names: Sequence[str]) -> int:
    keys = [key_of(name) for name in names]
    if key_of(wanted) in keys:
        return keys.index(key_of(wanted))
    if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise FileError(
        "number_column_unknown", f"the file has no column {wanted[:40]!r}",
        f"its columns are {', '.join(names[:20])}",
    )  # fmt: skip


def _found(names: Sequence[str], body: Sequence[Sequence[str]], *, named: bool) -> int:
    """The likeliest column: by its cells, and by its name where there is one."""
    best, best_score = -1, 0.0
    for at, name in enumerate(names):
        cells = [row[at] for row in body if at < len(row) and row[at].strip()]
        share = sum(map(looks_like_number, cells)) / len(cells) if cells else 0.0
        is_named = named and _NUMBER_NAMES.fullmatch(key_of(name).replace("_", " ")) is not None
        if share < LIKELY and not (is_named and share > 0):
            continue
        valid = sum(map(is_number, cells)) / len(cells)
        score = share + valid / 2 + (1.0 if is_named else 0.0)
        if score > best_score:
            best, best_score = at, score
    if best < 0:
        raise FileError(
            "number_column_missing",
            f"none of the columns ({', '.join(names[:20])}) holds phone numbers",
            "name the number's column (mapping.number_column), and the country (mapping.country) if"
            " the numbers have no country code",
        )
    return best
