"""What both consoles' blacklists share: the form, the upload, the rows."""

from django import forms
from django.core.files.uploadedfile import UploadedFile
from unfold.widgets import INPUT_CLASSES

from cpaas.blacklist.types import Entry, Imported
from cpaas.consoles.shared import cells
from cpaas.consoles.shared.fields import choice_field, text_field
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.table import Cell
from cpaas.kit.errors import InputError
from cpaas.kit.textfile import decoded

UPLOAD_BYTES_MAX = 10 * 1024 * 1024
PAGE = 50


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
        first = "; ".join(f"row {bad.row}: {bad.reason}" for bad in done.bad[:3])
        said += f" {done.rejected:,} rows are no numbers and were left out ({first})."
    return said
