"""Finds the template of a text among an account's, without being told which one it is.

An index by a few characters that few templates have leaves few to be matched; when none fits, the
nearest is explained.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from cpaas.dlt import match, pattern
from cpaas.dlt.match import Mismatch
from cpaas.dlt.pattern import Literal, Pattern
from cpaas.kit.errors import InputError
from cpaas.kit.log import get_logger
from cpaas.snapshot.types import DltTemplate, DltTemplates

GRAM_CHARS: Final = 6
#: pieces of a template's fixed text among which the rarest is looked for.
GRAMS_MAX: Final = 24
#: templates that are compared in full to tell the nearest one.
EXPLAINED_MAX: Final = 10
_log = get_logger(__name__)


class Known(msgspec.Struct, frozen=True):
    """A template ready to be matched."""

    row: DltTemplate
    pattern: Pattern


class Index(msgspec.Struct, frozen=True):
    """An account's templates by id, and by a piece of their fixed text that few others have."""

    by_id: dict[str, Known]
    by_gram: dict[str, list[Known]]
    #: those with too little fixed text for a piece.
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
    grams = [_grams(one.pattern) for one in known]
    common = Counter(gram for some in grams for gram in some)
    by_gram: dict[str, list[Known]] = {}
    others = []
    for one, some in zip(known, grams, strict=True):
        if some:
            by_gram.setdefault(min(some, key=common.__getitem__), []).append(one)
        else:
            others.append(one)
    return Index({one.row.template_id: one for one in known}, by_gram, others)


def _grams(read: Pattern) -> list[str]:
    """Pieces of the fixed text, spread over all of it."""
    found = [
        one.text[at : at + GRAM_CHARS]
        for one in read.elements
        if isinstance(one, Literal)
        for at in range(len(one.text) - GRAM_CHARS + 1)
    ]
    return list(dict.fromkeys(found[:: 1 + len(found) // GRAMS_MAX]))


def matching(found: Index, text: str) -> Iterator[DltTemplate]:
    """Every template that the text fits, the one with the most fixed text first."""
    text = pattern.normal(text)
    by_gram = found.by_gram
    pieces = {text[at : at + GRAM_CHARS] for at in range(len(text) - GRAM_CHARS + 1)}
    likely = [one for piece in pieces & by_gram.keys() for one in by_gram[piece]]
    likely += found.others
    likely.sort(key=_telling)
    for one in likely:
        if match.fits(one.pattern, text):
            yield one.row


def _telling(one: Known) -> tuple[int, str]:
    return -one.pattern.fixed, one.row.template_id


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
