"""Makes each row's message, priced, by the checks that every message passes. Pure."""

from collections.abc import Sequence

import msgspec

from cpaas.campaigns.columns import key_of
from cpaas.campaigns.types import Content, Row
from cpaas.campaigns.variables import Form
from cpaas.kit.errors import InputError
from cpaas.messages.envelopes import Outgoing
from cpaas.pipeline.check import (
    REFERENCE_CHARS_MAX,
    Prepared,
    address,
    prepare,
    with_text,
    with_variables,
)
from cpaas.pipeline.drafts import Author
from cpaas.pipeline.refusals import RefusedError
from cpaas.pipeline.templated import find as template_of
from cpaas.snapshot.types import Snapshot

#: stands for a variable's value while no row is at hand.
SAMPLE: str = "x"


class Judge:
    """The content of a campaign under one snapshot, ready for its rows."""

    def __init__(
        self, snapshot: Snapshot, author: Author, content: Content, columns: Sequence[str],
        now_us: int,
    ) -> None:  # fmt: skip
        """Errors: RefusedError for what concerns every row."""
        _check_fallback(content)
        self._text = _form(content.text, columns, "text")
        self._reference = _form(content.reference, columns, "reference")
        self._values = _values(snapshot, author, content, columns)
        blank = [SAMPLE] * len(columns)
        draft = msgspec.structs.replace(
            content.draft(), text=self._text.fill(blank), reference="",
            variables={name: form.fill(blank) for name, form in self._values.items()} or None,
        )  # fmt: skip
        self.prepared: Prepared = prepare(snapshot, author, draft, now_us)

    def message(self, row: Row) -> Outgoing:
        """The row's message. Errors: RefusedError."""
        try:
            message = address(self._prepared(row), row.to)
            if self._reference.text:
                message.reference = self._reference.fill(row.cells)[:REFERENCE_CHARS_MAX]
        except InputError as error:
            raise RefusedError(
                "variable_empty", f"{error.what}; {error.todo}.", error.field
            ) from None
        return message

    def text(self, row: Row) -> str:
        """The row's text alone, for previews. Errors: InputError, RefusedError."""
        return self._prepared(row).draft.text

    def _prepared(self, row: Row) -> Prepared:
        if self._values:
            values = {name: form.fill(row.cells) for name, form in self._values.items()}
            return with_variables(self.prepared, values)
        if self._text.is_fixed:
            return self.prepared
        return with_text(self.prepared, self._text.fill(row.cells))


def _check_fallback(content: Content) -> None:
    """That its steps hold no columns: all rows share them. Errors: RefusedError."""
    for number, step in enumerate(content.fallback):
        if "{{" in step.text:
            raise RefusedError(
                "validation_error",
                "A fallback's text cannot hold variables; leave it out to send the"
                " campaign's own text.",
                f"fallback[{number}].text",
            )
        for name, value in (step.variables or {}).items():
            if "{{" in value:
                raise RefusedError(
                    "validation_error",
                    "A fallback's template has the same values for every row; it cannot name"
                    " columns.",
                    f"fallback[{number}].variables.{name}",
                )


def _values(
    snapshot: Snapshot, author: Author, content: Content, columns: Sequence[str]
) -> dict[str, Form]:
    """What a template's variables are filled with: as told, else the column of the same name."""
    if not content.template:
        return {}
    forms = {
        name: _form(text, columns, f"variables.{name}") for name, text in content.variables.items()
    }
    template = template_of(snapshot, author.account_id, content.draft())
    known = {key_of(column): column for column in columns}
    for name in template.variables:
        column = known.get(key_of(name))
        if name not in forms and column is not None:
            forms[name] = Form(f"{{{{{column}}}}}", columns)
    return forms


def _form(text: str, columns: Sequence[str], field: str) -> Form:
    try:
        return Form(text, columns)
    except InputError as error:
        raise RefusedError("variable_unknown", f"{error.what}; {error.todo}.", field) from None
