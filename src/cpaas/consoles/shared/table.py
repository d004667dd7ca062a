"""A table that is read page by page from a key, never counted, never scanned from the start."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
from django.http import HttpRequest
from django.utils.safestring import SafeString

Cell = str | SafeString
#: of an id that fits its column.
ID_DIGITS_MAX: Final = 19


class Column(msgspec.Struct, frozen=True):
    """A column's heading; `right` for figures, `wide` for the one that takes what is left."""

    title: str
    right: bool = False
    wide: bool = False
    #: shown on wide screens only: a fact that the row's own page has as well.
    extra: bool = False


class Row(msgspec.Struct, frozen=True):
    """One row's cells, and what a click on it opens."""

    cells: Sequence[Cell]
    link: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """What `console/table.html` shows. `next_cursor` "" on the last page."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    next_cursor: str = ""
    first_page: bool = True
    query: str = ""
    #: said when there is nothing at all, and when the filters leave nothing.
    empty_title: str = "Nothing here yet"
    empty_text: str = ""
    dense: bool = True

    @property
    def newer(self) -> str:
        """Query of the first page."""
        return f"?{self.query}"

    @property
    def older(self) -> str:
        """Query of the next page."""
        joint = "&" if self.query else ""
        return f"?{self.query}{joint}after={quote(self.next_cursor, safe='')}"

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Rows with each cell beside its column."""
        return [
            {"link": row.link, "cells": list(zip(self.columns, row.cells, strict=True))}
            for row in self.rows
        ]


def cursor(request: HttpRequest) -> str:
    """The page asked for: what the page before gave as `next_cursor`; "" for the first."""
    return request.GET.get("after", "")[:200]


def id_cursor(request: HttpRequest) -> int:
    """The same where it is the id of the last row; 0 for the first page and for what is no id."""
    given = cursor(request)
    return int(given) if given.isdecimal() and len(given) < ID_DIGITS_MAX else 0
