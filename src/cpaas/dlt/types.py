"""A DLT template as lists show it and as it is entered, and what a check found."""

from typing import Literal

import msgspec

Category = Literal["promotional", "service", "transactional"]


class TemplateRow(msgspec.Struct, frozen=True):
    """A template of an account."""

    id: int
    account_id: int
    account: str
    template_id: str
    name: str
    text: str
    category: Category
    senders: list[str]
    pe_id: str
    active: bool


class NewTemplate(msgspec.Struct, frozen=True):
    """A template to store; checked by `enter.template`."""

    template_id: str
    text: str
    name: str = ""
    category: str = "service"
    senders: tuple[str, ...] = ()
    pe_id: str = ""


class BadRow(msgspec.Struct, frozen=True):
    """A row of a file that is left out."""

    row: int
    value: str
    reason: str


class Imported(msgspec.Struct):
    """What an import did, in rows; `bad` holds the first of the rejected ones."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    rejected: int = 0
    bad: list[BadRow] = []


class Fault(msgspec.Struct, frozen=True):
    """One thing that an operator's scrubbing would refuse. code: of the error catalogue."""

    code: str
    detail: str
    field: str


class Verdict(msgspec.Struct, frozen=True):
    """The ids that go to the carrier with a message, and what is wrong with it."""

    ids: dict[str, str]
    faults: tuple[Fault, ...]
