"""Exports: files of messages or figures, made in the background."""

from typing import Annotated, Final, Literal

import msgspec
from litestar import get, post
from litestar.params import Parameter
from litestar.response import Stream

from cpaas.api.auth import Caller
from cpaas.api.context import Api, ApiRequest
from cpaas.api.problem import ProblemError
from cpaas.api.times import cursor_of, iso, read_cursor
from cpaas.blobs import queries as blobs
from cpaas.db.actor import acting
from cpaas.reports import export, export_queries
from cpaas.reports.export_types import Export
from cpaas.reports.statement import micros

LIMIT_MAX: Final = 100
_HIGHEST: Final = 2**63 - 1
_CURSOR_BYTES: Final = 8


class ExportRequest(msgspec.Struct, frozen=True):
    """What to write into the file. `filters` as in the search of messages: from, to (days or
    times, default today), number, id, provider_id, reference, channel, status, campaign, error,
    test; for a summary: from, to, by."""

    kind: Literal["messages", "summary"] = "messages"
    format: Literal["csv", "xlsx"] = "csv"
    filters: dict[str, str] = {}


class ExportView(msgspec.Struct, frozen=True):
    """An export. `file` is where to fetch it once the status is READY; it stays for 7 days."""

    id: int
    kind: str
    format: str
    filters: dict[str, str]
    status: str
    rows: int
    percent: int
    error: str
    file: str | None
    created_at: str | None
    finished_at: str | None


class ExportList(msgspec.Struct, frozen=True):
    """One page of exports, newest first."""

    data: list[ExportView]
    next_cursor: str | None


def _view(one: Export) -> ExportView:
    ready = one.status == "READY"
    return ExportView(
        one.id, one.kind, one.format, one.filters, one.status, one.rows, one.percent, one.error,
        f"/v1/exports/{one.id}/file" if ready else None, iso(micros(one.created_at)),
        iso(micros(one.finished_at)) if one.finished_at else None,
    )  # fmt: skip


async def _find(api: Api, caller: Caller, export_id: int) -> Export:
    found = None
    if 0 < export_id <= _HIGHEST:
        found = await export_queries.find(api.pool, caller.account.id, export_id)
    if found is None or caller.is_test:
        raise ProblemError(
            404, "export_not_found", "There is no export with this id.", title="Not found"
        )
    return found


def _live(caller: Caller) -> None:
    if caller.is_test:
        raise ProblemError(
            403, "live_key_required", "Exports hold live messages; use a live key.",
            title="A live key is needed",
        )  # fmt: skip


@post("/v1/exports", summary="Ask for a file", tags=["Reports"], status_code=202)
async def post_export(
    api: Api, caller: Caller, request: ApiRequest, data: ExportRequest
) -> ExportView:
    """Begins to write messages or figures into a file; follow it by its id."""
    _live(caller)
    zone = str(api.snapshots.current.settings.get("timezone") or "UTC")
    actor = f"key:{caller.key.id}"
    async with api.pool.acquire() as connection, acting(connection, actor, api.client(request)):
        try:
            made = await export.request(
                connection, caller.account.id, data.kind, data.format, data.filters,
                actor=actor, zone=zone, now_us=api.now_us(),
            )  # fmt: skip
        except export.TooManyError as error:
            raise ProblemError(
                429, "too_many_exports", f"{error.what}; {error.todo}.",
                title="Too many exports", retry_after=30,
            ) from None  # fmt: skip
    return _view(made)


@get("/v1/exports", summary="List files", tags=["Reports"])
async def list_exports(
    api: Api,
    caller: Caller,
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
) -> ExportList:
    """Your account's exports, newest first."""
    _live(caller)
    below = int.from_bytes(read_cursor(cursor, _CURSOR_BYTES), "big") if cursor else _HIGHEST
    found = await export_queries.newest(
        api.pool, caller.account.id, below=min(below, _HIGHEST), limit=limit + 1
    )
    page = found[:limit]
    more = len(found) > limit
    after = cursor_of(page[-1].id.to_bytes(_CURSOR_BYTES, "big")) if more else None
    return ExportList([_view(one) for one in page], after)


@get("/v1/exports/{id:int}", summary="Follow a file", tags=["Reports"])
async def get_export(api: Api, caller: Caller, id: int) -> ExportView:  # noqa: A002
    """How far an export is."""
    return _view(await _find(api, caller, id))


@get("/v1/exports/{id:int}/file", summary="Fetch a file", tags=["Reports"])
async def get_file(api: Api, caller: Caller, id: int) -> Stream:  # noqa: A002
    """The file of a READY export. 409 before, 410 once it has expired."""
    found = await _find(api, caller, id)
    if found.is_open:
        raise ProblemError(
            409, "export_not_ready", f"It is {found.status}, {found.percent} % done; ask again.",
            title="Not ready",
        )  # fmt: skip
    async with api.pool.acquire() as connection:
        blob = await export.file_of(connection, found)
    if blob is None:
        raise ProblemError(
            410, "export_gone", f"It is {found.status}; ask for a new one.", title="Gone"
        )
    return Stream(
        blobs.read(api.pool.acquire, blob),
        media_type=blob.media_type,
        headers={
            "content-disposition": f'attachment; filename="{blob.name}"',
            "content-length": str(blob.bytes),
        },
    )


@post("/v1/exports/{id:int}/cancel", summary="Cancel a file", tags=["Reports"], status_code=200)
async def cancel_export(
    api: Api, caller: Caller, request: ApiRequest, id: int  # noqa: A002
) -> ExportView:  # fmt: skip
    """Stops an export that is under way; within a moment it is CANCELLED."""
    found = await _find(api, caller, id)
    actor = f"key:{caller.key.id}"
    async with api.pool.acquire() as connection, acting(connection, actor, api.client(request)):
        await export_queries.request_cancel(connection, caller.account.id, found.id)
    return _view(await _find(api, caller, id))


HANDLERS: Final = [post_export, list_exports, get_export, get_file, cancel_export]
