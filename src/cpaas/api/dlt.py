"""India: the account's DLT templates. Messages to +91 must match one of them."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Response, delete, get, post
from litestar.params import Parameter

from cpaas.api.auth import Caller, require_live
from cpaas.api.context import Api, ApiRequest
from cpaas.api.problem import ProblemError, refused
from cpaas.api.times import cursor_of, read_cursor
from cpaas.db.actor import acting
from cpaas.dlt import enter, imports, match, pattern, queries
from cpaas.dlt.types import BadRow, NewTemplate, TemplateRow
from cpaas.kit.textfile import decoded

LIMIT_MAX: Final = 1000
_CURSOR_BYTES: Final = 8
_WHAT: Final = "DLT templates"
_CSV: Final = ("text/csv", "application/csv", "text/plain")


class DltTemplateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template as it is registered; `senders` empty = any header of the account."""

    template_id: Annotated[str, msgspec.Meta(description="19 digits")]
    text: Annotated[
        str,
        msgspec.Meta(examples=["Your code is {#var#}. Do not share it. - MYBRAND"]),
    ]
    name: str = ""
    category: Annotated[str, msgspec.Meta(description="promotional, service or transactional")] = (
        "service"
    )
    senders: list[str] = []
    pe_id: Annotated[str, msgspec.Meta(description="Left out: the account's.")] = ""


class DltTemplateView(msgspec.Struct, frozen=True):
    """A template; `warnings` name what is unusual and prevent nothing."""

    template_id: str
    name: str
    text: str
    category: str
    senders: list[str]
    pe_id: str
    active: bool
    warnings: list[str]


class DltTemplateList(msgspec.Struct, frozen=True):
    """One page of templates, oldest first."""

    data: list[DltTemplateView]
    next_cursor: str | None


class DltImported(msgspec.Struct, frozen=True):
    """What an upload did; `errors` names the first hundred rows that were left out."""

    rows: int
    added: int
    changed: int
    rejected: int
    errors: list[BadRow]


class DltCheckRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text to be compared with one template."""

    text: str


class DltChecked(msgspec.Struct, frozen=True):
    """Whether it fits; else the character (from 1), the variable (0 = fixed text) and why."""

    fits: bool
    position: int | None = None
    variable: int | None = None
    expected: str | None = None
    found: str | None = None
    detail: str = ""


def _shown(row: TemplateRow) -> DltTemplateView:
    new = NewTemplate(row.template_id, row.text)
    return DltTemplateView(
        row.template_id, row.name, row.text, row.category, row.senders, row.pe_id, row.active,
        enter.warnings(new),
    )  # fmt: skip


async def _found(connection: Any, caller: Caller, template_id: str) -> TemplateRow:
    row = None
    if template_id.isdecimal():
        row = await queries.find(connection, caller.account.id, template_id)
    if row is None:
        raise ProblemError(
            404, "dlt_template_missing", f"Your account has no DLT template {template_id[:40]!r}."
        )
    return row


@get("/v1/dlt/templates", summary="List DLT templates", tags=["DLT"])
async def list_dlt_templates(
    api: Api,
    caller: Caller,
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
) -> DltTemplateList:
    """The account's templates, oldest first."""
    above = int.from_bytes(read_cursor(cursor, _CURSOR_BYTES), "big") if cursor else 0
    rows = await queries.templates(
        api.pool, caller.account.id, above=min(above, 2**63 - 1), most=limit + 1
    )
    page = rows[:limit]
    more = len(rows) > limit
    after = cursor_of(page[-1].id.to_bytes(_CURSOR_BYTES, "big")) if more else None
    return DltTemplateList([_shown(row) for row in page], after)


@post("/v1/dlt/templates", summary="Store a DLT template", tags=["DLT"])
async def put_dlt_template(
    api: Api, caller: Caller, request: ApiRequest, data: DltTemplateRequest
) -> Response[DltTemplateView]:
    """Stores a template as it is registered: 201, or 200 when its id was known and is replaced."""
    require_live(caller, _WHAT)
    new = NewTemplate(
        data.template_id, data.text, data.name, data.category, tuple(data.senders), data.pe_id
    )
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        is_new = await enter.put(connection, caller.account.id, new)
        row = await _found(connection, caller, data.template_id.strip())
    return Response(_shown(row), status_code=201 if is_new else 200)


@post("/v1/dlt/templates/import", summary="Store the DLT templates of a CSV", tags=["DLT"],
      status_code=200)  # fmt: skip
async def import_dlt_templates(api: Api, caller: Caller, request: ApiRequest) -> DltImported:
    """Takes a CSV as the body (`Content-Type: text/csv`), as the operators' portals export it.

    The first row names the columns: template id and text are needed, name, category, headers and
    PE ID are taken if they are there. Rows that cannot be used are left out and named.
    """
    require_live(caller, _WHAT)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _CSV:
        raise ProblemError(
            415, "unsupported_media_type", "Send the file as it is, with Content-Type: text/csv."
        )
    text = decoded(await request.body())
    if "\0" in text:
        raise refused("validation_error", "The file contains a NUL character.", "file")
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        done = await imports.import_csv(connection, caller.account.id, text)
    return DltImported(done.rows, done.added, done.changed, done.rejected, done.bad)


@post("/v1/dlt/templates/{template_id:str}/check", summary="Compare a text", tags=["DLT"],
      status_code=200)  # fmt: skip
async def check_dlt_template(
    api: Api, caller: Caller, template_id: str, data: DltCheckRequest
) -> DltChecked:
    """Says whether a text fits a template, and where it does not."""
    row = await _found(api.pool, caller, template_id)
    said = match.mismatch(pattern.read(row.text), data.text[: pattern.TEXT_CHARS_MAX * 5])
    if said is None:
        return DltChecked(True)
    return DltChecked(False, said.position, said.variable, said.expected, said.found, said.detail)


@delete("/v1/dlt/templates/{template_id:str}", summary="Delete a DLT template", tags=["DLT"])
async def delete_dlt_template(
    api: Api, caller: Caller, request: ApiRequest, template_id: str
) -> None:
    """Takes a template away, within a second."""
    require_live(caller, _WHAT)
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        await _found(connection, caller, template_id)
        await enter.remove(connection, caller.account.id, template_id)


HANDLERS: Final[list[Any]] = [
    list_dlt_templates, put_dlt_template, import_dlt_templates, check_dlt_template,
    delete_dlt_template,
]  # fmt: skip
