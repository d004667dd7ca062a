"""Reads numbers to block out of a CSV: which column is what, and what is wrong with which row."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from cpaas.blacklist import check
from cpaas.blacklist.types import BadRow, NewEntry
from cpaas.kit.errors import InputError

_NUMBER_NAMES: Final = ("number", "phone", "phone_number", "mobile", "msisdn", "recipient", "to")
_REASON_NAMES: Final = ("reason", "note", "comment")
_CHANNEL_NAMES: Final = ("channel",)
_QUOTED: Final = re.compile(r'"[^"]*"')
_SHOWN_CHARS: Final = 40


class _Columns(msgspec.Struct, frozen=True):
    number: int = 0
    reason: int | None = 1
    channel: int | None = None


def read_rows(lines: Iterable[str], channel: str = "") -> Iterator[NewEntry | BadRow | None]:
    """Each row as an entry, as a bad row, or None for an empty one and the heading.

    The first row is a heading when one of its cells names the number's column; without one, the
    number comes first and a reason may follow. channel: of rows that name none.
    Errors: InputError for a file that is no CSV.
    """
    rows = _rows(lines)
    columns = _Columns()
    for at, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        if at == 1:
            named = _named(cells)
            if named is not None:
                columns = named
                yield None
                continue
        yield _entry(at, cells, columns, channel) if any(cells) else None


def _rows(lines: Iterable[str]) -> Iterator[Sequence[str]]:
    source = iter(lines)
    first = next(source, "")
    delimiter = max(",;\t", key=_QUOTED.sub("", first).count)

    def all_lines() -> Iterator[str]:
        yield first
        yield from source

    reader = csv.reader(all_lines(), delimiter=delimiter)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(
                f"line {reader.line_num} of the file is no CSV: {error}", "mend or remove it",
                "file",
            ) from None  # fmt: skip


def _named(cells: Sequence[str]) -> _Columns | None:
    names = [cell.lower().replace(" ", "_") for cell in cells]

    def column(known: Sequence[str]) -> int | None:
        return next((names.index(name) for name in known if name in names), None)

    number = column(_NUMBER_NAMES)
    if number is None:
        return None
    return _Columns(number, column(_REASON_NAMES), column(_CHANNEL_NAMES))


def _entry(at: int, cells: Sequence[str], columns: _Columns, channel: str) -> NewEntry | BadRow:
    def cell(index: int | None) -> str:
        return cells[index] if index is not None and index < len(cells) else ""

    value = cell(columns.number)
    try:
        own = check.channel(cell(columns.channel).lower() or channel)
        return NewEntry(check.number(value), own, check.reason(cell(columns.reason)))
    except InputError as error:
        return BadRow(at, value[:_SHOWN_CHARS], f"{error.what}; {error.todo}")
