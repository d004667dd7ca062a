"""What both consoles' blacklists share: the form, the upload, the rows."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import StreamingHttpResponse
from unfold.widgets import INPUT_CLASSES

from cpaas.blacklist.types import BadRow, Entry, Imported
from cpaas.consoles.shared import cells
from cpaas.consoles.shared.fields import choice_field, text_field
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.table import Cell, Column, Row, Table
from cpaas.kit.errors import InputError
from cpaas.kit.textfile import decoded

UPLOAD_BYTES_MAX = 10 * 1024 * 1024
PAGE = 50
#: entries that a download reads at once.
FILE_PAGE = 2_000


class BlockForm(forms.Form):
    """A number, or a file of them."""

    number = text_field(
        "Phone number", required=False, placeholder="+919876543210", inputmode="tel",
        help_text="The full international format.",
    )  # fmt: skip
    file = forms.FileField(
        label="or a CSV", required=False,
        widget=forms.ClearableFileInput({"class": " ".join(INPUT_CLASSES), "accept": ".csv"}),
        help_text="Up to 10 MB; columns number, reason, channel.",
    )  # fmt: skip
    channel = choice_field(
        "Channel", [("", "Every channel"), *CHANNEL_NAMES.items()], required=False
    )
    reason = text_field("Reason", required=False, max_length=500)

    def lines(self) -> list[str] | None:
        """The lines of the file; None without one. Errors: InputError."""
        file: UploadedFile[bytes] | None = self.cleaned_data["file"]
        if file is None:
            return None
        if (file.size or 0) > UPLOAD_BYTES_MAX:
            raise InputError("the file is larger than 10 MB", "split it", "file")
        text = decoded(file.read())
        if "\0" in text:
            raise InputError("the file contains a NUL character", "save it as CSV", "file")
        return text.splitlines(keepends=True)


def row_cells(one: Entry) -> list[Cell]:
    """Number, channel, reason, source and time of an entry."""
    return [
        cells.mono(one.number),
        CHANNEL_NAMES.get(one.channel, "Every channel"),
        one.reason or cells.NOTHING,
        {"opt_out": "the recipient said STOP", "api": "API"}.get(one.source, one.source),
        cells.time(one.created_us),
    ]


def imported(done: Imported) -> str:
    """What an upload did, in a sentence."""
    said = f"{done.added:,} numbers blocked, {done.known:,} were blocked before."
    if done.rejected:
        said += f" {done.rejected:,} rows are no numbers and were left out: they are named below."
    return said


def bad_rows(done: Imported) -> Table | None:
    """The rows that were left out, the first hundred, each with its reason; None without any."""
    if not done.bad:
        return None
    return Table(
        columns=[Column("Row", right=True), Column("Value"), Column("Why", wide=True)],
        rows=[_bad(one) for one in done.bad],
    )


def _bad(one: BadRow) -> Row:
    return Row([str(one.row), cells.mono(one.value[:60]), one.reason])


def csv_answer(page: Callable[[int], list[Entry]]) -> StreamingHttpResponse:
    """A CSV of all entries, newest first, that can be uploaded again; `page` reads below an id."""
    return StreamingHttpResponse(
        _lines(page), content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="blacklist.csv"'},
    )  # fmt: skip


def _lines(page: Callable[[int], list[Entry]]) -> Iterator[str]:
    yield _csv("number", "reason", "channel", "source", "since")
    below = 2**63 - 1
    while True:
        found = page(below)
        for one in found:
            yield _csv(
                one.number, one.reason, one.channel, one.source,
                f"{datetime.fromtimestamp(one.created_us // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}",
            )  # fmt: skip
        if len(found) < FILE_PAGE:
            return
        below = found[-1].id


def _csv(number: str, *values: str) -> str:
    written = io.StringIO()
    # A leading = + - @ would be a formula to a spreadsheet; a number's plus is none.
    safe = [f"'{one}" if one[:1] in "=+-@\t" and one else one for one in values]
    csv.writer(written).writerow([number, *safe])
    return written.getvalue()
