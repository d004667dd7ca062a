"""What an account does with its templates: make, change, submit, delete, in one transaction each.

A submitted version stays as it is; a change makes the next one, and the old stays in use meanwhile.
"""

from typing import Any

import asyncpg
import msgspec

from cpaas.dlt import match, pattern
from cpaas.dlt import queries as dlt_queries
from cpaas.kit.errors import InputError
from cpaas.templates import check, placeholders, queries, states
from cpaas.templates.decide import enter
from cpaas.templates.types import NewTemplate, TemplateRow

TEMPLATES_MAX = 10_000


async def create(connection: Any, account_id: int, new: NewTemplate, *, actor: str) -> int:
    """Stores a template as a draft; its id. Errors: InputError."""
    new, variables = check.template(new)
    await _check_dlt(connection, account_id, new)
    try:
        async with connection.transaction():
            made = await queries.insert(connection, account_id, new)
    except asyncpg.UniqueViolationError:
        raise InputError(
            f"the account has a {new.channel} template {new.name} in {new.language} already",
            "change that one, or choose another name", "name",
        ) from None  # fmt: skip
    await queries.put_version(connection, account_id, made, 1, new, variables)
    await queries.note(connection, account_id, made, 1, "created", text="", actor=actor)
    return made


async def revise(
    connection: Any, account_id: int, template_id: int, new: NewTemplate, *, actor: str
) -> int:
    """Changes the draft, or begins the next version; its number. Errors: InputError."""
    row = await find(connection, account_id, template_id)
    if (row.channel, row.name, row.language) != (new.channel, new.name, new.language):
        raise InputError(
            "channel, name and language of a template cannot be changed",
            "make another template", "name",
        )  # fmt: skip
    if row.status == "PENDING":
        raise InputError(
            f"version {row.last_version} waits for its review", "wait for the decision", "status"
        )
    new, variables = check.template(new)
    await _check_dlt(connection, account_id, new)
    number = row.last_version + (row.status != "DRAFT")
    await queries.put_version(connection, account_id, template_id, number, new, variables)
    if number != row.last_version:
        await queries.note(
            connection, account_id, template_id, number, "created", text="", actor=actor
        )
    return number


async def submit(connection: Any, account_id: int, template_id: int, *, actor: str) -> TemplateRow:
    """Sends the draft in for review; SMS and Voice are approved by that. Errors: InputError."""
    row = await find(connection, account_id, template_id)
    version = row.version
    # Rules may have been made stricter since it was stored.
    check.template(_as_new(row))
    state = states.submitted(states.State(version.status), row.channel)
    text = "SMS and Voice need no review." if state.status == "APPROVED" else ""
    kind = "approved" if state.status == "APPROVED" else "submitted"
    return await enter(connection, row, state, kind, text=text, actor=actor)


async def remove(connection: Any, account_id: int, template_id: int) -> None:
    """Deletes a template; messages that were accepted with it still go. Errors: InputError."""
    if not await queries.delete(connection, account_id, template_id):
        raise _missing(template_id)


async def find(connection: Any, account_id: int, template_id: int) -> TemplateRow:
    """The account's template, locked. Errors: InputError."""
    await queries.lock(connection, account_id, template_id)
    row = await queries.find(connection, account_id, template_id)
    if row is None:
        raise _missing(template_id)
    return row


def _missing(template_id: int) -> InputError:
    return InputError(f"there is no template {template_id}", "list them first", "template")


def _as_new(row: TemplateRow) -> NewTemplate:
    version = row.version
    return NewTemplate(
        row.channel, row.name, version.content, version.type, row.language, version.category,
        row.dlt_template_id,
    )  # fmt: skip


async def _check_dlt(connection: Any, account_id: int, new: NewTemplate) -> None:
    """A linked DLT template must fit the text with its examples filled in."""
    if not new.dlt_template_id:
        return
    known = await dlt_queries.find(connection, account_id, new.dlt_template_id)
    if known is None:
        raise InputError(
            f"the account has no DLT template {new.dlt_template_id}", "store it first",
            "dlt_template_id",
        )  # fmt: skip
    said = match.mismatch(pattern.read(known.text), example(new))
    if said is not None:
        raise InputError(
            f"the text does not fit the DLT template {new.dlt_template_id}: {said.detail}",
            "make them say the same, with a variable where {#var#} stands", "content.body",
        )  # fmt: skip


def example(new: NewTemplate) -> str:
    """The body with its examples, or a plain value, for each variable."""
    parts = placeholders.pieces(new.content.body)
    values = {name: new.content.examples.get(name) or "1" for name in parts[1::2]}
    return placeholders.fill(parts, values)


def replaced(row: TemplateRow, **changes: Any) -> NewTemplate:
    """A template's newest version as something to store again, with changes."""
    return msgspec.structs.replace(_as_new(row), **changes)
