"""Whatever is uploaded ends in rows or in one error with a stable code, in bounded memory."""

import io
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from cpaas.campaigns.files import COLUMNS_MAX, FileError, rows_of
from cpaas.campaigns.parse import Parser
from cpaas.campaigns.types import Fault, Mapping, Row

TABLE = "phone,name\r\n+919876543210,Ann\r\n"
ROWS = [["phone", "name"], ["+919876543210", "Ann"]]


def read(content: bytes) -> list[list[str]]:
    return list(rows_of(io.BytesIO(content)))


def refused(content: bytes) -> str:
    with pytest.raises(FileError) as caught:
        read(content)
    assert caught.value.what
    assert caught.value.todo
    return caught.value.code


def workbook(rows: list[list[Any]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        TABLE.encode("utf-8-sig"),
        TABLE.encode("utf-16"),
        b"\xfe\xff" + TABLE.encode("utf-16-be"),
        TABLE.encode("utf-16-le"),
        TABLE.encode("utf-16-be"),
        TABLE.replace(",", ";").encode(),
        TABLE.replace(",", "\t").encode(),
        TABLE.replace("\r\n", "\r").encode(),
        TABLE.replace("\r\n", "\n").rstrip().encode(),
        b'"phone","name"\n"+919876543210","Ann"\n',
        workbook(ROWS),
    ],
)
def test_every_usual_form_reads_the_same(content: bytes) -> None:
    assert read(content) == ROWS


def test_a_cell_may_hold_separator_quotes_and_lines() -> None:
    assert read(b'phone,text\n+911,"a, ""b""\nc"\n')[1] == ["+911", 'a, "b"\nc']


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"phone,name\n+91,caf\xe9\n", "file_encoding"),
        (b"\xff\xfep\0h\0\x00\xd8x\0", "file_encoding"),
        (b"\x00\x01\x02\x03" * 100, "file_format"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file_format"),
        (b"phone\n" + b"9" * 100 + b"\0\n", "file_format"),
        (b'phone,name\n+91,"never closed\n' + b"x\n" * 200_000, "file_quote_open"),
        (b'phone,name\n+91,"never closed\n', "file_quote_open"),
        (b'phone,name\n+91,"closed"x\n', "file_not_csv"),
        (b"a" * 70_000, "file_line_too_long"),
        (b"," * 1_000_000 + b"x", "file_line_too_long"),
        (b"a," * (COLUMNS_MAX + 1) + b"x\n", "file_too_many_columns"),
        (b"PK\x03\x04 is no archive", "file_damaged"),
        (workbook([["x"] * (COLUMNS_MAX + 1)]), "file_too_many_columns"),
    ],
)
def test_what_cannot_be_read_says_so(content: bytes, code: str) -> None:
    assert refused(content) == code


class Endless(io.RawIOBase):
    """A gigabyte without a line's end, made as it is read."""

    def __init__(self) -> None:
        self.left = 2**30

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, at: int, whence: int = 0) -> int:
        self.left = 2**30 - at
        return at

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self.left)
        buffer[:size] = b"9" * size
        self.left -= size
        return size


def test_a_line_of_a_gigabyte_is_not_read_whole() -> None:
    endless = Endless()
    tracemalloc.start()
    try:
        with pytest.raises(FileError) as caught:
            list(rows_of(io.BufferedReader(endless)))
        assert caught.value.code == "file_line_too_long"
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()
    assert endless.left > 2**29


@pytest.mark.slow
def test_other_archives_and_bombs_are_refused_unread() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x.txt", "x")
    assert refused(out.getvalue()) == "file_format"
    bomb = io.BytesIO(workbook(ROWS))
    with (
        zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/media/big", "w", force_zip64=True) as part,
    ):
        for _ in range(1_600):
            part.write(bytes(2**20))
    assert len(bomb.getvalue()) < 3 * 2**20
    assert refused(bomb.getvalue()) == "file_too_large"


def sheet_with(rows: Iterator[bytes]) -> bytes:
    """A workbook whose sheet holds these rows of XML."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(ROWS))) as good,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in good.namelist():
            if not name.startswith("xl/worksheets/"):
                archive.writestr(name, good.read(name))
                continue
            with archive.open(name, "w") as part:
                part.write(b'<worksheet xmlns="http://schemas.openxmlformats.org/'
                           b'spreadsheetml/2006/main"><sheetData>')  # fmt: skip
                for row in rows:
                    part.write(row)
                part.write(b"</sheetData></worksheet>")
    return out.getvalue()


@pytest.mark.slow
def test_a_row_at_the_end_of_the_world_is_not_walked_to() -> None:
    far = sheet_with(iter([b'<row r="1"><c><v>1</v></c></row>', b'<row r="999999999"/>']))
    assert refused(far) == "file_too_many_rows"


READ = """
import resource, sys
from cpaas.campaigns.files import FileError, rows_of
import openpyxl
used = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_DATA, (used + 2**25, used + 2**25))
try:
    print(len(list(rows_of(sys.stdin.buffer))))
except FileError as error:
    print(error.code)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process maps")
@pytest.mark.parametrize("cell", [b"x" * 2**20, b"<c><v>1</v></c>" * 2**16])
def test_a_row_that_does_not_fit_is_refused(cell: bytes, tmp_path: Path) -> None:
    text = cell.startswith(b"x")
    start = b'<row r="1">' + (b'<c t="inlineStr"><is><t>' if text else b"")
    end = (b"</t></is></c>" if text else b"") + b"</row>"
    path = tmp_path / "rows.xlsx"
    path.write_bytes(sheet_with(chain([start], repeat(cell, 50 if text else 6), [end])))
    with path.open("rb") as file:
        done = subprocess.run([sys.executable, "-c", READ], stdin=file, capture_output=True,
                              text=True, check=False)  # fmt: skip
    assert done.stdout == "file_too_large\n", done.stderr


def test_numbers_dates_and_formulas_of_a_sheet_become_texts() -> None:
    rows = read(workbook([["phone", "sum"], [919876543210, 1.5], [919876543211.0, "=1+1"]]))
    # A formula that no spreadsheet has worked out yet has no value.
    assert rows == [["phone", "sum"], ["919876543210", "1.5"], ["919876543211"]]


def files() -> Iterator[st.SearchStrategy[bytes]]:
    cell = st.text(max_size=12)
    table = st.lists(st.lists(cell, max_size=5), max_size=8).map(
        lambda rows: "\n".join(",".join(row) for row in rows)
    )
    yield st.binary(max_size=400)
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"):
        yield table.map(lambda text, e=encoding: text.encode(e, "surrogatepass"))  # type: ignore[misc]
    whole = workbook(ROWS)
    yield st.tuples(st.integers(0, len(whole) - 1), st.binary(min_size=1, max_size=20)).map(
        lambda cut: whole[: cut[0]] + cut[1] + whole[cut[0] + len(cut[1]) :]
    )


CODES = {
    "file_empty", "file_encoding", "file_format", "file_quote_open", "file_not_csv",
    "file_line_too_long", "file_too_many_columns", "file_damaged", "file_too_large",
    "number_column_missing",
}  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(content=st.one_of(*files()))
def test_no_file_does_anything_else(content: bytes) -> None:
    code = ""
    found: list[Row | Fault] = []
    try:
        found = list(Parser(rows_of(io.BytesIO(content)), Mapping()))
    except FileError as error:
        code = error.code
    assert not code or code in CODES
    assert not any("\0" in cell for one in found if isinstance(one, Row) for cell in one.cells)
