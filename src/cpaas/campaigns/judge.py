"""Makes each row's message, priced, by the checks that every message passes. Pure."""

from collections.abc import Sequence

import msgspec

from cpaas.campaigns.types import Content, Row
from cpaas.campaigns.variables import Form
from cpaas.kit.errors import InputError
from cpaas.messages.envelopes import Outgoing
from cpaas.pipeline.check import Prepared, address, prepare, with_text
from cpaas.pipeline.drafts import Author
from cpaas.pipeline.refusals import RefusedError
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
        for number, step in enumerate(content.fallback):
            if "{{" in step.text:
                raise RefusedError(
                    "validation_error",
                    "A fallback's text cannot hold variables; leave it out to send the"
                    " campaign's own text.",
                    f"fallback[{number}].text",
                )
        self._text = _form(content.text, columns, "text")
        self._reference = _form(content.reference, columns, "reference")
        sample = self._text.fill([SAMPLE] * len(columns))
        draft = msgspec.structs.replace(content.draft(), text=sample, reference="")
        self.prepared: Prepared = prepare(snapshot, author, draft, now_us)
        self._columns = columns

    @property
    def variables(self) -> list[str]:
        """The columns that the text names."""
        return self._text.names

    def message(self, row: Row) -> Outgoing:
        """The row's message. Errors: RefusedError."""
        try:
            prepared = self.prepared
            if not self._text.is_fixed:
                prepared = with_text(prepared, self._text.fill(row.cells))
            message = address(prepared, row.to)
            if self._reference.text:
                message.reference = self._reference.fill(row.cells)[:200]
        except InputError as error:
            raise RefusedError(
                "variable_empty", f"{error.what}; {error.todo}.", error.field
            ) from None
        return message

    def text(self, row: Row) -> str:
        """The row's text alone, for previews. Errors: InputError."""
        return self._text.fill(row.cells)


def _form(text: str, columns: Sequence[str], field: str) -> Form:
    try:
        return Form(text, columns)
    except InputError as error:
        raise RefusedError("variable_unknown", f"{error.what}; {error.todo}.", field) from None
