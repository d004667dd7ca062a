"""Rows as CSV in which no cell can act as a formula when a person opens the file.

Apart from `export_sheets.py`, whose library takes long to load and is wanted by few.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

#: what a spreadsheet takes for the beginning of a formula.
_ACTIVE: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def harmless(text: str) -> str:
    """The text as a CSV cell: what could be a formula gets an apostrophe before it.

    A phone number or an amount with its sign is none.
    """
    if text.startswith(_ACTIVE) and not _PLAIN_NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def csv_bytes(rows: Iterable[Sequence[Any]]) -> bytes:
    """Lines of CSV in UTF-8, ended by CR LF; times are ISO 8601 with their zone's offset."""
    out = io.StringIO()
    csv.writer(out).writerows([_as_text(cell) for cell in row] for row in rows)
    return out.getvalue().encode(errors="replace")


def _as_text(cell: Any) -> str:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="milliseconds")
    if cell is None:
        return ""
    return harmless(cell) if isinstance(cell, str) else str(cell)
