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
