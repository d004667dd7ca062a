"""A blacklist entry as lists show it, and as the pipeline asks for it."""

from typing import NamedTuple

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """A blocked number. account_id 0 = of all accounts, channel "" = every channel."""

    id: int
    account_id: int
    account: str
    number: str
    channel: str
    reason: str
    source: str
    created_by: str
    created_us: int


class Stop(NamedTuple):
    """What the pipeline must know of an entry; in the order of `queries.look_up`."""

    number: str
    account_id: int
    channel: str
    source: str


class NewEntry(msgspec.Struct, frozen=True):
    """A number to block; checked by `check`."""

    number: str
    channel: str = ""
    reason: str = ""


class BadRow(msgspec.Struct, frozen=True):
    """A row of a file that is left out: its number, what stood there, and why."""

    row: int
    value: str
    reason: str


class Imported(msgspec.Struct):
    """What an import did, in rows; `bad` holds the first of the rejected ones."""

    rows: int = 0
    added: int = 0
    known: int = 0
    rejected: int = 0
    bad: list[BadRow] = []
