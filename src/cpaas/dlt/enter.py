"""Checks and stores DLT templates; the caller holds the transaction and names who acts."""

import re
from typing import Any, Final

from cpaas.dlt import pattern, queries
from cpaas.dlt.types import NewTemplate
from cpaas.kit.errors import InputError

NAME_CHARS_MAX: Final = 100
SENDERS_MAX: Final = 100
_ID: Final = re.compile(r"[0-9]{5,30}")
_USUAL_ID: Final = re.compile(r"[0-9]{19}")
_SENDER: Final = re.compile(r"[A-Za-z0-9]{3,11}|\+?[0-9]{3,15}")
_CATEGORIES: Final = {
    "promotional": "promotional", "promo": "promotional", "service explicit": "promotional",
    "explicit": "promotional", "service": "service", "service implicit": "service",
    "implicit": "service", "transactional": "transactional", "otp": "transactional",
}  # fmt: skip


def template(new: NewTemplate) -> NewTemplate:
    """The template in normal form. Errors: InputError that names the field."""
    template_id = new.template_id.strip()
    if not _ID.fullmatch(template_id):
        raise InputError(
            f"{new.template_id[:40]!r} is no DLT template id", "it is a number of 19 digits",
            "template_id",
        )  # fmt: skip
    pattern.read(new.text)
    name, pe_id = new.name.strip(), new.pe_id.strip()
    if len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise InputError(
            "the name is too long or cannot be printed", f"use at most {NAME_CHARS_MAX} characters",
            "name",
        )  # fmt: skip
    if pe_id and not _ID.fullmatch(pe_id):
        raise InputError(f"{new.pe_id[:40]!r} is no PE ID", "it has 19 digits", "pe_id")
    senders = tuple(dict.fromkeys(one.strip() for one in new.senders if one.strip()))
    for sender in senders:
        if not _SENDER.fullmatch(sender):
            raise InputError(
                f"{sender[:40]!r} is no header", "use 3 to 11 letters or digits", "senders"
            )
    if len(senders) > SENDERS_MAX:
        raise InputError("these are too many headers", f"at most {SENDERS_MAX}", "senders")
    return NewTemplate(
        template_id, pattern.normal(new.text), name, category(new.category), senders, pe_id
    )


def category(text: str) -> str:
    """The kind of a template in one word; Service Explicit became promotional in 2025."""
    known = _CATEGORIES.get(re.sub(r"[\s_-]+", " ", text.strip().lower()))
    if known is None:
        raise InputError(
            f"{text[:40]!r} is no kind of DLT template",
            "use promotional, service or transactional",
            "category",
        )
    return known


def warnings(new: NewTemplate) -> list[str]:
    """What is unusual about a template; prevents nothing."""
    found = []
    if not _USUAL_ID.fullmatch(new.template_id):
        found.append(f"A DLT template id has 19 digits, this one has {len(new.template_id)}.")
    read = pattern.read(new.text)
    if read.fixed * 10 < len(read.text) * 6 and len(read.elements) > 1:
        found.append("Operators ask for 60 % fixed text; this template has less.")
    return found


async def put(connection: Any, account_id: int, new: NewTemplate) -> bool:
    """Stores a template, in place of one with the same id; True when it is a new one."""
    return await queries.put(connection, account_id, [template(new)]) == 1


async def remove(connection: Any, account_id: int, template_id: str) -> bool:
    """Deletes a template; False when there is none."""
    return await queries.delete(connection, account_id, template_id.strip())
