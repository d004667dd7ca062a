"""Writes rows as XLSX so that no cell can act as a formula when a person opens the file."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

#: Excel's own limits.
SHEET_ROWS_MAX: Final = 1_048_576
_CELL_CHARS_MAX: Final = 32_767
_MONEY: Final = "0.0000"
_TIME: Final = "yyyy-mm-dd hh:mm:ss"


class Sheets:
    """A workbook written row by row to a file; a full sheet is followed by the next."""

    def __init__(self, title: str, heading: Sequence[str]) -> None:
        self._book = Workbook(write_only=True)
        self._title = title
        self._heading = list(heading)
        self._rows = 0
        self._sheet: Any = None
        self._number = 0
        self._next_sheet()

    def _next_sheet(self) -> None:
        self._number += 1
        name = self._title if self._number == 1 else f"{self._title} {self._number}"
        self._sheet = self._book.create_sheet(name)
        self._sheet.freeze_panes = "A2"
        self._sheet.append(self._heading)
        self._rows = 1

    def append(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows."""
        for row in rows:
            if self._rows >= SHEET_ROWS_MAX:
                self._next_sheet()
            self._sheet.append([self._cell(cell) for cell in row])
            self._rows += 1

    def _cell(self, cell: Any) -> Any:
        if isinstance(cell, str):
            text = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", cell)[:_CELL_CHARS_MAX]
            if not text.startswith("="):
                return text
            made = WriteOnlyCell(self._sheet, "")
            # Set as text: the library would make a formula of it.
            made.value = text
            made.data_type = "s"
            return made
        if isinstance(cell, datetime):
            # A sheet knows no zones: it shows the platform's clock, as the heading says.
            made = WriteOnlyCell(self._sheet, cell.replace(tzinfo=None))
            made.number_format = _TIME
            return made
        if isinstance(cell, Decimal):
            made = WriteOnlyCell(self._sheet, "")
            made.value = cell
            made.number_format = _MONEY
            return made
        return cell

    def save(self, path: Path) -> None:
        """Write the file."""
        self._book.save(path)
