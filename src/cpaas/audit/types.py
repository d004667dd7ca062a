"""An entry of the audit log, and what a check of its chain found."""

from typing import Any

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """Who changed what; `before` and `after` hold only what changed, as JSON text."""

    id: int
    at_us: int
    actor: str
    address: str
    action: str
    table_name: str
    row_id: str
    account_id: int
    before: str | None
    after: str | None
    note: str
    hash: bytes | None


class Shown(msgspec.Struct, frozen=True):
    """An entry as people read it."""

    id: int
    at: str
    actor: str
    address: str
    action: str
    table: str
    row: str
    account_id: int
    before: Any
    after: Any
    note: str


class Verdict(msgspec.Struct, frozen=True):
    """Whether the chain holds; `head` (hex) pins all entries before it when kept elsewhere."""

    ok: bool
    sealed: int
    unsealed: int
    head: str
    broken_id: int | None = None
    reason: str = ""


class EntryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries: from_us <= at < to_us; an empty field does not matter."""

    from_us: int
    to_us: int
    actor: str = ""
    action: str = ""
    table_name: str = ""
    account_id: int | None = None


class Checked(msgspec.Struct, frozen=True):
    """How far a check of the chain has come; `last` is the hash (hex) that the next continues.

    until_id: the newest sealed entry when it began, where a check in parts ends; 0 = not begun.
    """

    after_id: int = 0
    until_id: int = 0
    last: str = ""
    sealed: int = 0
    unsealed: int = 0
