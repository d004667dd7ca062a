"""Matches a text with a DLT template, and names the first thing that does not fit.

The positions that the template may have reached are kept as the bits of one integer, and each
element moves all of them at once: no backtracking, whatever stands beside whatever.
"""

from typing import Final

import msgspec

from cpaas.dlt.pattern import Literal, Pattern, Variable, normal

SHOWN_CHARS: Final = 24


class Mismatch(msgspec.Struct, frozen=True):
    """Where a text leaves its template. position: the character, from 1, of the trimmed text.

    variable: its number from 1, 0 when fixed text is at fault. elements: how much of the template
    fitted, to tell the nearest one.
    """

    position: int
    variable: int
    expected: str
    found: str
    detail: str
    elements: int


def fits(pattern: Pattern, text: str) -> bool:
    """Whether the text is the template with its variables filled in. text: `normal`."""
    if not (text.startswith(pattern.start) and text.endswith(pattern.end)):
        return False
    if pattern.longest not in text:
        return False
    reached = 1
    allowed: dict[str, int] = {}
    for element in pattern.elements:
        reached = _step(element, text, reached, allowed)
        if not reached:
            return False
    return bool(reached >> len(text) & 1)


def mismatch(pattern: Pattern, text: str) -> Mismatch | None:
    """None when the text fits, else the first thing that does not. text: as it was sent."""
    text = normal(text)
    history = [1]
    allowed: dict[str, int] = {}
    for element in pattern.elements:
        reached = _step(element, text, history[-1], allowed)
        if not reached:
            return _explained(pattern, text, history)
        history.append(reached)
    if history[-1] >> len(text) & 1:
        return None
    return _explained(pattern, text, history)


def common(one: str, other: str, at: int = 0) -> int:
    """How many characters two texts have in common, the second from a position on."""
    count = 0
    for left, right in zip(one, other[at : at + len(one)], strict=False):
        if left != right:
            break
        count += 1
    return count


def _step(element: Literal | Variable, text: str, reached: int, allowed: dict[str, int]) -> int:
    """The positions behind an element, from those before it."""
    if isinstance(element, Variable):
        return _through(element, text, reached, allowed)
    literal = element.text
    if reached == 1:
        return 1 << len(literal) if text.startswith(literal) else 0
    behind = 0
    last = reached.bit_length() - 1 + len(literal)
    at = text.find(literal, _lowest(reached), last)
    while at >= 0:
        if reached >> at & 1:
            behind |= 1 << at + len(literal)
        at = text.find(literal, at + 1, last)
    return behind


def _through(variable: Variable, text: str, reached: int, allowed: dict[str, int]) -> int:
    kind = variable.kind
    mask = allowed.get(kind.name)
    if mask is None:
        mask = allowed[kind.name] = _mask(variable, text)
    behind = 0 if kind.least else reached
    for length in range(1, kind.most + 1):
        reached = (reached & mask) << 1
        if not reached:
            break
        if length >= kind.least:
            behind |= reached
    return behind


def _mask(variable: Variable, text: str) -> int:
    """The positions of the characters that a variable may hold."""
    test = variable.kind.allowed
    if test is None:
        return (1 << len(text)) - 1
    return int("".join("1" if test(char) else "0" for char in reversed(text)) or "0", 2)


def _lowest(reached: int) -> int:
    return (reached & -reached).bit_length() - 1


def _explained(pattern: Pattern, text: str, history: list[int]) -> Mismatch:
    done = len(history) - 1
    rest = pattern.elements[done:]
    run = _variables_before(pattern, done)
    start = _lowest(history[done - len(run)])
    if run:
        literal = rest[0] if rest else None
        if literal is None or isinstance(literal, Literal):
            end = len(text) if literal is None else text.find(literal.text, start)
            if end >= 0:
                return _bad_value(run, text, start, end, done)
    if rest and isinstance(rest[0], Variable):
        at = _lowest(history[-1])
        return _bad_value([rest[0]], text, at, min(len(text), at + 1), done)
    return _bad_literal(pattern, text, history)


def _variables_before(pattern: Pattern, done: int) -> list[Variable]:
    run: list[Variable] = []
    for element in reversed(pattern.elements[:done]):
        if not isinstance(element, Variable):
            break
        run.insert(0, element)
    return run


def _bad_value(run: list[Variable], text: str, start: int, end: int, done: int) -> Mismatch:
    """What stands where variables should is too long, too short or of the wrong characters."""
    value, variable = text[start:end], run[0]
    name = f"variable {variable.number} ({variable.shown})"
    if len(run) > 1:
        name = f"variables {run[0].number} to {run[-1].number}"
    words = " or ".join(dict.fromkeys(one.kind.words for one in run))
    wrong = next(
        (
            at
            for at, char in enumerate(value)
            if all(one.kind.allowed is not None and not one.kind.allowed(char) for one in run)
        ),
        None,
    )
    most = sum(one.kind.most for one in run)
    least = sum(one.kind.least for one in run)
    if wrong is not None:
        found, position = value[wrong], start + wrong
        detail = f"At character {position + 1}, {name} holds {found!r}; allowed: {words}."
    elif len(value) > most:
        found, position = value, start + most
        detail = (
            f"From character {start + 1}, {name} holds {len(value)} characters,"
            f" {_cut(value)!r}; at most {most} are allowed."
        )
    elif len(value) < least:
        found, position = value, start
        detail = f"At character {start + 1}, {name} is empty or too short; expected {words}."
    else:
        found, position = value, start
        detail = f"From character {start + 1}, {_cut(value)!r} does not fit {name}: {words}."
    return Mismatch(position + 1, variable.number, words, _cut(found), detail, done)


def _bad_literal(pattern: Pattern, text: str, history: list[int]) -> Mismatch:
    """Fixed text differs, or the text goes on behind the template's end."""
    done = len(history) - 1
    if done == len(pattern.elements):
        at = history[-1].bit_length() - 1
        extra = _cut(text[at:])
        detail = f"The template ends at character {at + 1}, the text goes on with {extra!r}."
        return Mismatch(at + 1, 0, "", extra, detail, done)
    element = pattern.elements[done]
    literal = element.text if isinstance(element, Literal) else ""
    same, before = max((common(literal, text, at), -at) for at in _bits(history[-1]))
    at = same - before
    expected, found = _cut(literal[same:]), _cut(text[at:])
    said = repr(found) if found else "ends"
    has = "has " if found else ""
    detail = f"At character {at + 1} the template has {expected!r}, the text {has}{said}."
    run = _variables_before(pattern, done)
    if run and not same:
        detail += f" Nothing after variable {run[-1].number} is {_cut(literal)!r}."
    return Mismatch(at + 1, 0, expected, found, detail, done)


def _bits(reached: int) -> list[int]:
    return [at for at in range(reached.bit_length()) if reached >> at & 1]


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
