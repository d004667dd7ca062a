"""Reads a CSV of DLT templates, such as an operator's portal exports, and stores it whole."""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from cpaas.dlt import enter, queries
from cpaas.dlt.types import BadRow, Imported, NewTemplate
from cpaas.kit.errors import InputError

ROWS_MAX: Final = 50_000
BAD_SHOWN: Final = 100
_SHOWN_CHARS: Final = 40
_QUOTED: Final = re.compile(r'"[^"]*"')
#: what portals call the columns, spaces and case left out.
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "template_id": ("templateid", "dlttemplateid", "tempid", "dltid", "id"),
    "text": ("text", "templatecontent", "content", "templatemessage", "message", "template",
             "templatetext", "body"),
    "name": ("name", "templatename"),
    "category": ("category", "type", "templatetype", "communicationtype", "templatecategory"),
    "senders": ("senders", "sender", "header", "headers", "headerid", "headerids", "senderid",
                "headername"),
    "pe_id": ("peid", "entityid", "principalentityid"),
}  # fmt: skip
_NEEDED: Final = ("template_id", "text")


async def import_csv(connection: Any, account_id: int, text: str) -> Imported:
    """Stores the templates of a CSV, in the caller's transaction; a known id is replaced.

    The first row names the columns: a template id and a text are needed. Rows that cannot be used
    are left out and told. Errors: InputError for a file that is no such CSV.
    """
    done = Imported()
    found: dict[str, NewTemplate] = {}
    for row in _rows(text):
        done.rows += 1
        if done.rows > ROWS_MAX:
            raise InputError(f"the file has more than {ROWS_MAX} rows", "split it", "file")
        if isinstance(row, NewTemplate):
            found[row.template_id] = row
            continue
        done.rejected += 1
        if len(done.bad) < BAD_SHOWN:
            done.bad.append(row)
    if found:
        done.added = await queries.put(connection, account_id, list(found.values()))
        done.changed = len(found) - done.added
    return done


def _rows(text: str) -> Iterator[NewTemplate | BadRow]:
    first = text.lstrip("\ufeff").split("\n", 1)[0]
    delimiter = max(",;\t|", key=_QUOTED.sub("", first).count)
    reader = csv.reader(text.lstrip("\ufeff").splitlines(keepends=True), delimiter=delimiter)
    try:
        columns = _columns(next(reader, []))
        for at, row in enumerate(reader, 2):
            if any(cell.strip() for cell in row):
                yield _template(at, row, columns)
    except csv.Error as error:
        raise InputError(
            f"line {reader.line_num} of the file is no CSV: {error}", "mend or remove it", "file"
        ) from None


def _columns(heading: Sequence[str]) -> dict[str, int]:
    names = [re.sub(r"[^a-z]", "", cell.lower()) for cell in heading]
    columns = {
        field: names.index(known)
        for field, all_known in _NAMES.items()
        for known in reversed(all_known)
        if known in names
    }
    for field in _NEEDED:
        if field not in columns:
            raise InputError(
                f"no column of the file is the {field.replace('_', ' ')}",
                "name it in the first row, such as template_id,text,name,category,senders",
                "file",
            )
    return columns


def _template(at: int, row: Sequence[str], columns: dict[str, int]) -> NewTemplate | BadRow:
    cells = {field: row[n].strip() for field, n in columns.items() if n < len(row)}
    senders = tuple(re.split(r"[,;|\s]+", cells.pop("senders", "")))
    cells = {field: value for field, value in cells.items() if value}
    try:
        new = msgspec.convert({"template_id": "", "text": "", **cells}, NewTemplate)
        return enter.template(msgspec.structs.replace(new, senders=senders))
    except InputError as error:
        value = cells.get("template_id", "")[:_SHOWN_CHARS]
        return BadRow(at, value, f"{error.what}; {error.todo}")
