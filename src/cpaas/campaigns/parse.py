"""Turns a file's rows into rows to send to, or into faults with the row's number. Pure."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final

from cpaas.campaigns.columns import SAMPLE_ROWS, Layout, layout_of
from cpaas.campaigns.files import CELL_CHARS_MAX, FileError
from cpaas.campaigns.numbers import home_of, read_number
from cpaas.campaigns.types import Fault, Mapping, Row
from cpaas.kit.errors import InputError
from cpaas.kit.zones import zone_of

VALUE_CHARS: Final = 40
#: what is kept of each cell of a row that is not sent to.
FAULT_CELL_CHARS: Final = 1_000
ROWS_MAX: Final = 2_000_000


class Parser:
    """Reads rows one after the other; knows the numbers it has seen (32 MB for a million)."""

    def __init__(
        self, rows: Iterable[list[str]], mapping: Mapping, *, rows_max: int = ROWS_MAX
    ) -> None:
        """Looks at the first rows. Errors: FileError, InputError."""
        self._home = home_of(mapping.country)
        self._rows_max = rows_max
        source = iter(rows)
        first = list(islice(source, SAMPLE_ROWS))
        self.layout: Layout = layout_of(first, mapping)
        self._rows = enumerate(chain(first, source), 1)
        self._seen: set[int] = set()
        #: rows that were met, without heading and empty ones.
        self.total = 0

    def __iter__(self) -> Iterator[Row | Fault]:
        """Errors: FileError."""
        skip = self.layout.heading
        for number, cells in self._rows:
            if not cells:
                continue
            if skip:
                skip -= 1
                continue
            self.total += 1
            if self.total > self._rows_max:
                raise FileError(
                    "file_too_many_rows", f"the file has more than {self._rows_max} rows",
                    "split it into several campaigns",
                )  # fmt: skip
            yield self._read(number, cells)

    def _read(self, number: int, cells: list[str]) -> Row | Fault:
        layout = self.layout
        at, width = layout.number, len(layout.names)
        given = cells[at] if at < len(cells) else ""
        rest = [cell.strip() for cell in cells]
        del rest[at : at + 1]
        if len(cells) > width:
            return _fault(
                number, rest, "row_too_long", given,
                f"the row has {len(cells)} cells, there are {width} columns; put a cell that"
                " holds the separator in quotation marks",
            )  # fmt: skip
        if not given.strip():
            return _fault(
                number, rest, "invalid_number", given,
                "the number is empty; fill it in, and save formulas with their values",
            )  # fmt: skip
        try:
            found = read_number(given.strip(), self._home)
        except InputError as error:
            return _fault(number, rest, "invalid_number", given, f"{error.what}; {error.todo}")
        digits = int(found.digits)
        if digits in self._seen:
            return _fault(
                number, rest, "duplicate", f"+{found.digits}", "an earlier row has the same number"
            )
        if any(len(cell) > CELL_CHARS_MAX for cell in rest):
            return _fault(
                number, rest, "cell_too_long", given,
                f"a cell has more than {CELL_CHARS_MAX} characters; shorten it",
            )  # fmt: skip
        self._seen.add(digits)
        return Row(number, f"+{found.digits}", rest, zone_of(found.digits))


def _fault(number: int, rest: list[str], code: str, value: str, detail: str) -> Fault:
    shown = "".join(char for char in value[:VALUE_CHARS] if char.isprintable())
    kept = [cell[:FAULT_CELL_CHARS] for cell in rest]
    return Fault(number, code, shown, detail, cells=kept)
