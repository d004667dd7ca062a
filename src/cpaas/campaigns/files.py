"""Opens a campaign's file, CSV or XLSX, as rows of texts, in constant memory.

Whatever somebody uploads ends in rows or in one FileError with a stable code and what to do.
"""

import codecs
import contextlib
import csv
import io
import itertools
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import IO, Any, Final

from cpaas.kit.textfile import encoding_of

COLUMNS_MAX: Final = 100
LINE_CHARS_MAX: Final = 65_536
CELL_CHARS_MAX: Final = 10_000
#: what an XLSX may unpack to: a million rows of ten columns are about half a gigabyte.
UNPACKED_BYTES_MAX: Final = 1_536 * 2**20
#: what lies in memory while a sheet is read.
STRINGS_BYTES_MAX: Final = 160 * 2**20
PARTS_MAX: Final = 1_000
#: a sheet may say that its next row is the billionth; the rows between would be read as empty ones.
SHEET_ROWS_MAX: Final = 2 * 2**20
_LOOK_BYTES: Final = 65_536
_ZIP: Final = b"PK\x03\x04"
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0"


class FileError(Exception):
    """A file that cannot be read as a whole: a stable code, what is wrong, what to do."""

    def __init__(self, code: str, what: str, todo: str) -> None:
        super().__init__(f"{what}; {todo}")
        self.code = code
        self.what = what
        self.todo = todo


def rows_of(file: IO[bytes]) -> Iterator[list[str]]:
    """The rows of a file, by what it is and not by its name; empty rows are empty lists."""
    start = file.read(_LOOK_BYTES)
    file.seek(0)
    if not start:
        raise FileError("file_empty", "the file is empty", "upload one with a row per recipient")
    if start.startswith(_ZIP):
        return _xlsx(file)
    if start.startswith(_OLD_EXCEL):
        raise FileError(
            "file_format", "this is an old Excel file (.xls)", "save it as .xlsx or as CSV"
        )
    return _csv(file, start)


def _csv(file: IO[bytes], start: bytes) -> Iterator[list[str]]:
    encoding = _encoding(start)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    lines = _lines(text, encoding)
    first = next(lines, "")
    reader = csv.reader(itertools.chain([first], lines), delimiter=_delimiter(first), strict=True)
    try:
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise _no_csv(reader.line_num, str(error)) from None
            yield _checked(row, reader.line_num)
    finally:
        # The file is its owner's, who may have closed it before this ends.
        with contextlib.suppress(ValueError):
            text.detach()


def _encoding(start: bytes) -> str:
    known = encoding_of(start)
    if known != "utf-8" or b"\0" not in start:
        return known
    # UTF-16 without a mark: every second byte of plain text is zero.
    even, odd = start[0::2].count(0), start[1::2].count(0)
    half = len(start) // 2
    if odd > half * 0.7 and even < half * 0.1:
        return "utf-16-le"
    if even > half * 0.7 and odd < half * 0.1:
        return "utf-16-be"
    raise _binary()


def _binary() -> FileError:
    return FileError(
        "file_format", "this is neither CSV nor XLSX: it contains NUL characters",
        "save the table as CSV in UTF-8 or as .xlsx",
    )  # fmt: skip


def _lines(text: io.TextIOWrapper, encoding: str) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        try:
            line = text.readline(LINE_CHARS_MAX + 1)
        except UnicodeDecodeError as error:
            raise FileError(
                "file_encoding",
                f"line {number} or one soon after it is not {_shown(encoding)}: {error.reason}",
                "save the file as CSV in UTF-8",
            ) from None
        if not line:
            return
        if len(line) > LINE_CHARS_MAX:
            raise FileError(
                "file_line_too_long",
                f"line {number} is longer than {LINE_CHARS_MAX} characters",
                "check that each recipient has a line of its own",
            )
        if "\0" in line:
            raise _binary()
        yield line


def _shown(encoding: str) -> str:
    return codecs.lookup(encoding).name.upper().replace("-SIG", "")


def _delimiter(first: str) -> str:
    """The most frequent of the usual ones outside quotes; the comma when there is none."""
    bare = "".join(first.split('"')[::2])
    return max(",;\t|", key=bare.count)


def _no_csv(line: int, why: str) -> FileError:
    if "field limit" in why or "unexpected end" in why:
        return FileError(
            "file_quote_open", f"a quotation mark before line {line} is never closed",
            "close it, or take it out",
        )  # fmt: skip
    return FileError(
        "file_not_csv", f"line {line} is no CSV: {why}",
        "put cells that hold quotation marks in quotation marks, and double those within",
    )  # fmt: skip


def _checked(row: list[str], line: int) -> list[str]:
    while row and not row[-1].strip():
        row.pop()
    if len(row) > COLUMNS_MAX:
        raise FileError(
            "file_too_many_columns", f"line {line} has {len(row)} columns",
            f"keep the number and the columns that the text names: at most {COLUMNS_MAX}",
        )  # fmt: skip
    return row


def _xlsx(file: IO[bytes]) -> Iterator[list[str]]:
    # Only who uploads XLSX pays for loading it.
    from openpyxl import load_workbook

    _unpacked_size(file)
    try:
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except Exception as error:  # noqa: BLE001 - a library of many parts, fed by strangers
        raise _damaged(error) from None
    try:
        sheet = book.worksheets[0] if book.worksheets else None
        if sheet is None:
            raise FileError("file_empty", "the workbook has no sheet", "put the rows in a sheet")
        # What a file says of its size need not be true.
        sheet.reset_dimensions()
        rows = sheet.iter_rows(values_only=True)
        number = 0
        while True:
            number += 1
            if number > SHEET_ROWS_MAX:
                raise FileError(
                    "file_too_many_rows", f"the sheet goes on behind row {SHEET_ROWS_MAX}",
                    "delete what stands far below the table",
                )  # fmt: skip
            try:
                row = next(rows)
            except StopIteration:
                return
            except Exception as error:  # noqa: BLE001 - as above
                raise _damaged(error) from None
            yield _cells(row, number)
    finally:
        book.close()


def _unpacked_size(file: IO[bytes]) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _damaged(error) from None
    finally:
        file.seek(0)
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        raise FileError(
            "file_format", "this is a ZIP archive, but no XLSX workbook",
            "upload the CSV or the .xlsx itself",
        )  # fmt: skip
    strings = sum(part.file_size for part in parts if "sharedStrings" in part.filename)
    total = sum(part.file_size for part in parts)
    if total > UNPACKED_BYTES_MAX or strings > STRINGS_BYTES_MAX or len(parts) > PARTS_MAX:
        raise FileError(
            "file_too_large", f"the workbook unpacks to {total // 2**20} MB",
            "take out what the campaign does not need, or save it as CSV",
        )  # fmt: skip


def too_large_to_read() -> FileError:
    """Reading it would take more memory than it may."""
    return FileError(
        "file_too_large", "a row or cell of the file is too large to be read",
        "check that each recipient has a row of its own",
    )  # fmt: skip


def _damaged(error: Exception) -> FileError:
    if isinstance(error, MemoryError) or "out of memory" in str(error):
        return too_large_to_read()
    words = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return FileError(
        "file_damaged", f"the workbook cannot be read: {words}",
        "open it, save it again as .xlsx, and upload that",
    )  # fmt: skip


def _cells(row: tuple[Any, ...], number: int) -> list[str]:
    last = len(row)
    while last and row[last - 1] is None:
        last -= 1
    if last > COLUMNS_MAX:
        raise FileError(
            "file_too_many_columns", f"row {number} has {last} columns",
            f"keep the number and the columns that the text names: at most {COLUMNS_MAX}",
        )  # fmt: skip
    return [_text(value) for value in row[:last]]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        midnight = value.time() == time(0)
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
