"""The account's own blacklist: numbers that get no message of it; global entries stay hidden."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Response, delete, get, post
from litestar.params import Parameter

from cpaas.api.auth import Caller
from cpaas.api.context import Api, ApiRequest
from cpaas.api.problem import ProblemError, refused
from cpaas.api.times import cursor_of, iso, read_cursor
from cpaas.blacklist import change, check, imports, queries
from cpaas.blacklist.types import BadRow, Entry
from cpaas.db.actor import acting
from cpaas.kit.phone import TEST_PREFIX
from cpaas.kit.textfile import decoded

LIMIT_MAX: Final = 1000
#: rows of an upload between which other requests are served.
CHUNK_ROWS: Final = 2_000
_CURSOR_BYTES: Final = 8
_CSV: Final = ("text/csv", "application/csv", "text/plain")
_Channel = Annotated[str, Parameter(description="Only this channel's entry")]


class NewBlacklistEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number that shall get no message; `channel` left out = on every channel."""

    number: Annotated[str, msgspec.Meta(description="E.164, such as +919876543210.")]
    reason: str = ""
    channel: str | None = None


class BlacklistEntry(msgspec.Struct, frozen=True):
    """A blocked number. `source`: manual, import, api, or opt_out (the recipient said STOP)."""

    number: str
    channel: str | None
    reason: str
    source: str
    created_at: str | None


class BlacklistPage(msgspec.Struct, frozen=True):
    """One page of entries, newest first."""

    data: list[BlacklistEntry]
    next_cursor: str | None


class BlacklistImported(msgspec.Struct, frozen=True):
    """What an upload did; `errors` names the first hundred rows that were left out."""

    rows: int
    added: int
    known: int
    rejected: int
    errors: list[BadRow]


def _shown(entry: Entry) -> BlacklistEntry:
    return BlacklistEntry(
        entry.number, entry.channel or None, entry.reason, entry.source, iso(entry.created_us)
    )


def _for_test_numbers(caller: Caller, number: str) -> None:
    """A test key must not change what happens to live messages."""
    if caller.is_test and not number.strip().lstrip("+").startswith(TEST_PREFIX):
        raise ProblemError(
            403, "live_key_required",
            f"A test key blocks test numbers (+{TEST_PREFIX}…) only; use the live key.",
            title="The live key is needed",
        )  # fmt: skip


@get("/v1/blacklist", summary="List blocked numbers", tags=["Blacklist"])
async def list_blacklist(
    api: Api,
    caller: Caller,
    number: Annotated[str, Parameter(description="Only this number's entries")] = "",
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
) -> BlacklistPage:
    """The account's entries, newest first."""
    below = int.from_bytes(read_cursor(cursor, _CURSOR_BYTES), "big") if cursor else 2**63 - 1
    rows = await queries.entries(
        api.pool, caller.account.id, number=check.number(number) if number else "",
        below=min(below, 2**63 - 1), most=limit + 1,
    )  # fmt: skip
    page = rows[:limit]
    more = len(rows) > limit
    after = cursor_of(page[-1].id.to_bytes(_CURSOR_BYTES, "big")) if more else None
    return BlacklistPage([_shown(one) for one in page], after)


@post("/v1/blacklist", summary="Block a number", tags=["Blacklist"])
async def add_to_blacklist(
    api: Api, caller: Caller, request: ApiRequest, data: NewBlacklistEntry
) -> Response[BlacklistEntry]:
    """Blocks a number at once; 200 when it was blocked already, and its entry as it stands."""
    _for_test_numbers(caller, data.number)
    actor = f"key:{caller.key.id}"
    async with (
        api.pool.acquire() as connection,
        acting(connection, actor, api.client(request)),
    ):
        entry, is_new = await change.add(
            connection, caller.account.id, data.number, channel=data.channel or "",
            reason=data.reason, source="api", created_by=actor,
        )  # fmt: skip
    return Response(_shown(entry), status_code=201 if is_new else 200)


@post("/v1/blacklist/import", summary="Block the numbers of a CSV", tags=["Blacklist"],
      status_code=200)  # fmt: skip
async def import_blacklist(
    api: Api, caller: Caller, request: ApiRequest, channel: _Channel = ""
) -> BlacklistImported:
    """Takes a CSV of up to 10 MB as the body (`Content-Type: text/csv`), all or nothing.

    Columns by their heading: number (or phone, mobile, msisdn), reason, channel; without a heading
    the number comes first. Rows that are no number are left out and named.
    """
    if caller.is_test:
        _for_test_numbers(caller, "")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _CSV:
        raise ProblemError(
            415, "unsupported_media_type", "Send the file as it is, with Content-Type: text/csv."
        )
    text = decoded(await request.body())
    if "\0" in text:
        raise refused("validation_error", "The file contains a NUL character.", "file")
    actor = f"key:{caller.key.id}"
    async with (
        api.pool.acquire() as connection,
        acting(connection, actor, api.client(request)),
    ):
        done = await imports.import_csv(
            connection, caller.account.id, text.splitlines(keepends=True), channel=channel,
            created_by=actor, chunk_rows=CHUNK_ROWS,
        )  # fmt: skip
    return BlacklistImported(done.rows, done.added, done.known, done.rejected, done.bad)


@delete("/v1/blacklist/{number:str}", summary="Unblock a number", tags=["Blacklist"])
async def remove_from_blacklist(
    api: Api,
    caller: Caller,
    request: ApiRequest,
    number: str,
    channel: Annotated[str | None, Parameter(description="Only this channel's entry")] = None,
) -> None:
    """Takes a number off the account's blacklist, at once."""
    _for_test_numbers(caller, number)
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        gone = await change.remove(connection, caller.account.id, number, channel=channel)
    if not gone:
        on = f" on {channel}" if channel else ""
        raise ProblemError(
            404, "blacklist_entry_not_found", f"Your blacklist has no entry of {number[:40]}{on}."
        )


HANDLERS: Final[list[Any]] = [
    list_blacklist, add_to_blacklist, import_blacklist, remove_from_blacklist,
]  # fmt: skip
