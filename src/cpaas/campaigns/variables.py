"""Texts with {{variables}} that name columns. Pure."""

import difflib
import re
from collections.abc import Sequence
from typing import Final

from cpaas.campaigns.columns import key_of
from cpaas.kit.errors import InputError

_PLACE: Final = re.compile(r"\{\{([^{}]*)\}\}")
NAMES_MAX: Final = 50


class Form:
    """A text ready to be filled in from rows' cells."""

    def __init__(self, text: str, columns: Sequence[str]) -> None:
        """Columns in the order of the cells. Errors: InputError for an unknown variable."""
        self.text = text
        keys = {key_of(name): at for at, name in enumerate(columns)}
        pieces = _PLACE.split(text)
        self._fixed = pieces[0::2]
        wanted = pieces[1::2]
        unknown = next((name for name in wanted if key_of(name) not in keys), None)
        if unknown is not None:
            raise _unknown(unknown, columns)
        self.names = list(dict.fromkeys(columns[keys[key_of(name)]] for name in wanted))
        self._places = [keys[key_of(name)] for name in wanted]
        self._following = list(zip(self._places, self._fixed[1:], strict=True))

    @property
    def is_fixed(self) -> bool:
        """Whether every row gets the same."""
        return not self._places

    def fill(self, cells: Sequence[str]) -> str:
        """The text of a row. Errors: InputError naming the columns that are empty."""
        if not self._places:
            return self.text
        made = [self._fixed[0]]
        for place, fixed in self._following:
            value = cells[place] if place < len(cells) else ""
            if not value:
                raise self._empty(cells)
            made.append(value)
            made.append(fixed)
        return "".join(made)

    def _empty(self, cells: Sequence[str]) -> InputError:
        names = dict(zip(self._places, _PLACE.findall(self.text), strict=True))
        empty = [name.strip() for at, name in names.items() if not (at < len(cells) and cells[at])]
        return InputError(
            f"{', '.join(empty)} is empty in this row", "fill it in, or take it out of the text",
            "text",
        )  # fmt: skip


def names_in(text: str) -> list[str]:
    """The variables that a text names, each once, in order."""
    return list(dict.fromkeys(name.strip() for name in _PLACE.findall(text)))


def _unknown(name: str, columns: Sequence[str]) -> InputError:
    shown = f"{{{{{name.strip()[:40]}}}}}"
    near = difflib.get_close_matches(key_of(name), [key_of(one) for one in columns], 1)
    known = ", ".join(columns[:20]) or "none besides the number"
    if near:
        column = next(one for one in columns if key_of(one) == near[0])
        return InputError(
            f"the text names {shown}, which is no column", f"did you mean {{{{{column}}}}}?", "text"
        )
    return InputError(
        f"the text names {shown}, which is no column", f"the file's columns are: {known}", "text"
    )
