"""What a text costs as SMS while it is being written: encoding, segments, and what forces Unicode.

Pure: the page shows it, the API charges by the same plan.
"""

import unicodedata
from typing import Final

import msgspec

from cpaas.smpp.gsm import CHARACTERS
from cpaas.smpp.text import Encoding, TextPlan, plan

#: what typing programs put in, and what people would have typed on a phone.
PLAIN: Final[dict[str, str]] = {
    "\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{HYPHEN}": "-", "\N{NON-BREAKING HYPHEN}": "-",
    "\N{MINUS SIGN}": "-", "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"', "\N{SINGLE LOW-9 QUOTATION MARK}": "'",
    "\N{DOUBLE LOW-9 QUOTATION MARK}": '"', "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ", "\N{THIN SPACE}": " ",
    "\N{ZERO WIDTH SPACE}": "", "\N{ZERO WIDTH NO-BREAK SPACE}": "", "\N{BULLET}": "*",
    "\N{CHARACTER TABULATION}": " ", "\N{GRAVE ACCENT}": "'", "\N{ACUTE ACCENT}": "'",
    "\N{LATIN SMALL LETTER C WITH CEDILLA}": "c", "\N{MULTIPLICATION SIGN}": "x",
    "\N{INDIAN RUPEE SIGN}": "Rs.",
}  # fmt: skip


class Counted(msgspec.Struct, frozen=True):
    """A text as SMS. `foreign` are its characters outside the GSM alphabet, each once.

    position: of the first of them, counted from 1. better: the plan of `plain`, the text with
    every replaceable character replaced; None when that gains nothing.
    """

    text: str
    plan: TextPlan
    foreign: tuple[str, ...]
    position: int
    plain: str
    better: TextPlan | None

    @property
    def is_unicode(self) -> bool:
        """Whether it goes as UCS-2."""
        return self.plan.encoding is Encoding.UCS2

    @property
    def forcing(self) -> str:
        """The first character that forces Unicode, with its name and code point."""
        if not self.foreign:
            return ""
        char = self.foreign[0]
        name = unicodedata.name(char, "a character without a name").lower()
        return f"{name}, U+{ord(char):04X}"

    def fills(self) -> list[tuple[int, int]]:
        """(units used, units there are) of each segment; the last may have room."""
        size, left, found = self.plan.units_per_segment, self.plan.units, []
        for _ in range(self.plan.segments):
            used = min(size, max(0, left))
            found.append((used, size))
            left -= used
        return found


def counted(text: str) -> Counted:
    """Count a text."""
    text = text.replace("\r\n", "\n")
    foreign = tuple(dict.fromkeys(char for char in text if char not in CHARACTERS))
    position = text.index(foreign[0]) + 1 if foreign else 0
    plain = "".join(PLAIN.get(c, c) if c in foreign else c for c in text)
    better = plan(plain) if foreign and plain != text else None
    if better is not None and better.encoding is Encoding.UCS2:
        better = None
    return Counted(text, plan(text), foreign, position, plain, better)
