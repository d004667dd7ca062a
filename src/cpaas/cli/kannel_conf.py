"""Reads kannel.conf: groups of `name = value` lines, parted by empty lines. Pure.

Every value keeps its line number, so that whatever is said about it says where it stands.
"""

import re
from typing import Final

import msgspec

LINES_MAX: Final = 100_000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


class ConfError(Exception):
    """The file cannot be read as a kannel.conf; says where and what is wrong."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line
        self.what = what


class Value(msgspec.Struct, frozen=True):
    """What stands behind a name, and on which line."""

    text: str
    line: int


class Group(msgspec.Struct):
    """One group; `kind` is what `group = …` says, "include" for a line that names a file."""

    kind: str
    line: int
    values: dict[str, Value] = {}
    #: names that stand there twice: the last one counts.
    twice: list[Value] = []

    def get(self, name: str) -> str:
        """A value's text, "" when it is missing."""
        found = self.values.get(name)
        return "" if found is None else found.text


def parse(text: str) -> list[Group]:
    """The groups in order. Errors: ConfError."""
    groups: list[Group] = []
    open_group: Group | None = None
    lines = text.split("\n")
    if len(lines) > LINES_MAX:
        raise ConfError(LINES_MAX, f"more than {LINES_MAX} lines")
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line:
            _close(open_group, groups)
            open_group = None
            continue
        if line.startswith("#"):
            continue
        name, value = _line(line, number)
        if name == "include":
            groups.append(Group("include", number, {"include": Value(value, number)}))
            continue
        if open_group is None:
            open_group = Group("", number, {}, [])
        if name in open_group.values:
            open_group.twice.append(Value(name, number))
        open_group.values[name] = Value(value, number)
    _close(open_group, groups)
    return groups


def _line(line: str, number: int) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    name = name.strip()
    if not equals:
        raise ConfError(number, f"{line[:40]!r} has no '='; write it as name = value")
    if not _NAME.fullmatch(name):
        raise ConfError(number, f"{name[:40]!r} is no name of a variable")
    value = value.strip()
    if "\0" in value:
        raise ConfError(number, f"the value of {name} holds a NUL character")
    if value.startswith('"'):
        return name, _quoted(value, name, number)
    return name, value


def _quoted(value: str, name: str, number: int) -> str:
    """What stands in quotes; a backslash takes the next character as it is."""
    made, at = [], 1
    while at < len(value):
        if value[at] == "\\" and at + 1 < len(value):
            made.append(value[at + 1])
            at += 2
        elif value[at] == '"':
            if value[at + 1 :].strip() and not value[at + 1 :].strip().startswith("#"):
                raise ConfError(number, f"something follows the quoted value of {name}")
            return "".join(made)
        else:
            made.append(value[at])
            at += 1
    raise ConfError(number, f"the quotes around the value of {name} are not closed")


def _close(group: Group | None, groups: list[Group]) -> None:
    if group is None:
        return
    kind = group.values.pop("group", None)
    if kind is None or not kind.text:
        raise ConfError(group.line, "this group does not say what it is; begin it with group = …")
    group.kind = kind.text
    groups.append(group)
