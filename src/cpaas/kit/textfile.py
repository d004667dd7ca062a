"""Reads text files of people: their encoding is told by the mark that spreadsheets write."""

import codecs
from typing import Final

from cpaas.kit.errors import InputError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(start: bytes) -> str:
    """The encoding of a file that begins so."""
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")


def decoded(content: bytes) -> str:
    """The text of a file. Errors: InputError."""
    try:
        return content.decode(encoding_of(content))
    except UnicodeDecodeError as error:
        raise InputError(
            f"the file is not UTF-8: byte {error.start} cannot be read", "save it as CSV in UTF-8",
            "file",
        ) from None  # fmt: skip
