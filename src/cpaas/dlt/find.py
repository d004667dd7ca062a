"""Finds the template of a text among an account's, without being told which one it is.

An index by how templates begin leaves few to be matched; when none fits, the nearest is explained.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from cpaas.dlt import match, pattern
from cpaas.dlt.match import Mismatch
from cpaas.dlt.pattern import Pattern
from cpaas.kit.errors import InputError
from cpaas.kit.log import get_logger
from cpaas.snapshot.types import DltTemplate, DltTemplates

START_CHARS: Final = 6
#: templates that are compared in full to tell the nearest one.
EXPLAINED_MAX: Final = 10
_log = get_logger(__name__)


class Known(msgspec.Struct, frozen=True):
    """A template ready to be matched."""

    row: DltTemplate
    pattern: Pattern


class Index(msgspec.Struct, frozen=True):
    """An account's templates by id and by their first characters, the most telling first."""

    by_id: dict[str, Known]
    by_start: dict[str, list[Known]]
    others: list[Known]


def index(templates: DltTemplates) -> Index:
    """The index of these templates, made once."""
    if not isinstance(templates.index, Index):
        templates.index = _made(templates.rows)
    return templates.index


def _made(rows: Iterable[DltTemplate]) -> Index:
    known = []
    for row in rows:
        try:
            known.append(Known(row, pattern.read(row.text)))
        except InputError as error:
            # Stored before a rule was made stricter: it matches nothing, and the others go on.
            _log.warning("dlt_template_unreadable", template=row.template_id, reason=error.what)
    known.sort(key=lambda one: -one.pattern.fixed)
    by_start: dict[str, list[Known]] = {}
    others = []
    for one in known:
        start = one.pattern.start
        if len(start) >= START_CHARS:
            by_start.setdefault(start[:START_CHARS], []).append(one)
        else:
            others.append(one)
    return Index({one.row.template_id: one for one in known}, by_start, others)


def matching(found: Index, text: str) -> Iterator[DltTemplate]:
    """Every template that the text fits, the one with the most fixed text first within its kind."""
    text = pattern.normal(text)
    for one in found.by_start.get(text[:START_CHARS], ()):
        if match.fits(one.pattern, text):
            yield one.row
    for one in found.others:
        if match.fits(one.pattern, text):
            yield one.row


def nearest(found: Index, text: str) -> tuple[DltTemplate, Mismatch] | None:
    """The template that the text comes nearest to, and where it leaves it."""
    text = pattern.normal(text)

    def common(one: Known) -> int:
        return match.common(one.pattern.text, text)

    likely = sorted(found.by_id.values(), key=common, reverse=True)[:EXPLAINED_MAX]
    best: tuple[DltTemplate, Mismatch] | None = None
    for one in likely:
        said = match.mismatch(one.pattern, text)
        if said is not None and (best is None or _rank(said) > _rank(best[1])):
            best = one.row, said
    return best


def _rank(said: Mismatch) -> tuple[int, int]:
    return said.elements, said.position
