"""The account's templates: make, change, try, submit, follow, delete."""

from typing import Annotated, Any, Final

import msgspec
from litestar import delete, get, post, put
from litestar.params import Parameter

from cpaas.api.auth import Caller, require_live
from cpaas.api.context import Api, ApiRequest
from cpaas.api.problem import ProblemError, refused
from cpaas.api.times import cursor_of, read_cursor
from cpaas.db.actor import acting
from cpaas.templates import check, edit, media, preview, queries, states
from cpaas.templates.types import TYPES, Content, NewTemplate, TemplateRow, VersionRow
from cpaas.webhooks.events import iso

LIMIT_MAX: Final = 200
_CURSOR_BYTES: Final = 8
_WHAT: Final = "templates"


class TemplateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template; `submit` sends it in for review at once."""

    channel: Annotated[str, msgspec.Meta(examples=["sms"])]
    name: Annotated[str, msgspec.Meta(examples=["otp"])]
    content: Content
    type: Annotated[str, msgspec.Meta(description="text, media, rich_card or carousel")] = "text"
    language: str = "en"
    category: Annotated[
        str, msgspec.Meta(description="WhatsApp: UTILITY, MARKETING or AUTHENTICATION")
    ] = ""
    dlt_template_id: Annotated[str, msgspec.Meta(description="SMS to India")] = ""
    submit: bool = False


class TemplateVersionView(msgspec.Struct, frozen=True):
    """One version; both verdicts stand side by side."""

    version: int
    type: str
    category: str
    content: Content
    variables: list[str]
    status: str
    reason: str
    carrier_status: str
    carrier_id: str
    carrier_reason: str
    media: dict[str, Any] | None
    created_at: str
    submitted_at: str | None
    decided_at: str | None


class TemplateView(msgspec.Struct, frozen=True):
    """A template as its newest version has it; live_version is what messages are made of, 0: none.

    `warnings` name what a review may frown at; they prevent nothing.
    """

    id: int
    name: str
    channel: str
    language: str
    type: str
    category: str
    status: str
    reason: str
    carrier_status: str
    carrier_reason: str
    variables: list[str]
    content: Content
    version: int
    live_version: int
    dlt_template_id: str
    media: dict[str, Any] | None
    warnings: list[str]
    created_at: str
    changed_at: str


class TemplateList(msgspec.Struct, frozen=True):
    """One page of templates, newest first."""

    data: list[TemplateView]
    next_cursor: str | None


class TemplateEventView(msgspec.Struct, frozen=True):
    """A step of a template's history."""

    at: str
    version: int
    kind: str
    text: str
    by: str


class TemplateHistory(msgspec.Struct, frozen=True):
    """All versions, and what became of them; newest first."""

    versions: list[TemplateVersionView]
    events: list[TemplateEventView]


class PreviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template to be tried without storing it; variables left out stand as their names."""

    template: TemplateRequest
    variables: dict[str, str] = {}


def shown(row: TemplateRow) -> TemplateView:
    """The template as the API tells it."""
    version = row.version
    new = edit.replaced(row)
    return TemplateView(
        row.id, row.name, row.channel, row.language, version.type, version.category, row.status,
        version.reason, version.carrier_status, version.carrier_reason, version.variables,
        version.content, version.number, row.live_version, row.dlt_template_id, version.media,
        check.warnings(new), iso(row.created_us), iso(row.changed_us),
    )  # fmt: skip


def _version(one: VersionRow) -> TemplateVersionView:
    return TemplateVersionView(
        one.number, one.type, one.category, one.content, one.variables, one.status, one.reason,
        one.carrier_status, one.carrier_id, one.carrier_reason, one.media, iso(one.created_us),
        None if one.submitted_us is None else iso(one.submitted_us),
        None if one.decided_us is None else iso(one.decided_us),
    )  # fmt: skip


def _new(data: TemplateRequest) -> NewTemplate:
    return NewTemplate(
        data.channel, data.name, data.content, data.type, data.language, data.category,
        data.dlt_template_id,
    )  # fmt: skip


def missing(template: int) -> ProblemError:
    """There is no such template, or it is another account's."""
    return ProblemError(404, "template_missing", f"There is no template {template}.")


async def page(
    api: Api, account_id: int, limit: int, cursor: str | None, **wanted: str
) -> TemplateList:
    """Templates of one account (0 = of all), newest first."""
    below = int.from_bytes(read_cursor(cursor, _CURSOR_BYTES), "big") if cursor else 0
    if any("\0" in value for value in wanted.values()):
        return TemplateList([], None)
    rows = await queries.templates(
        api.pool, account_id=account_id, below=min(below, 2**63 - 1), most=limit + 1, **wanted
    )
    more = len(rows) > limit
    after = cursor_of(rows[limit - 1].id.to_bytes(_CURSOR_BYTES, "big")) if more else None
    return TemplateList([shown(row) for row in rows[:limit]], after)


async def _found(connection: Any, caller: Caller, template: int) -> TemplateRow:
    row = None
    if 0 < template < 2**63:
        row = await queries.find(connection, caller.account.id, template)
    if row is None:
        raise missing(template)
    return row


@get("/v1/templates", summary="List templates", tags=["Templates"])
async def list_templates(
    api: Api,
    caller: Caller,
    *,
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
    status: Annotated[str, Parameter(description="DRAFT, PENDING, APPROVED or REJECTED")] = "",
    channel: str = "",
    name: Annotated[str, Parameter(description="The beginning of the name")] = "",
) -> TemplateList:
    """Templates of the account with both verdicts, newest first."""
    if status and status.upper() not in states.NEXT:
        raise refused(
            "validation_error",
            f"There is no status {status[:40]!r}; use one of {', '.join(states.NEXT)}.", "status",
        )  # fmt: skip
    if channel and channel not in TYPES:
        raise refused(
            "validation_error",
            f"There is no channel {channel[:40]!r}; use one of {', '.join(TYPES)}.", "channel",
        )  # fmt: skip
    return await page(
        api, caller.account.id, limit, cursor, status=status.upper(), channel=channel, name=name
    )


@post("/v1/templates", summary="Make a template", tags=["Templates"])
async def create_template(
    api: Api, caller: Caller, request: ApiRequest, data: TemplateRequest
) -> TemplateView:
    """Stores a draft; with `submit` it goes to its review, which SMS and Voice do not need."""
    require_live(caller, _WHAT)
    actor = f"key:{caller.key.id}"
    async with (
        api.pool.acquire() as connection,
        acting(connection, actor, api.client(request)),
    ):
        owner = caller.account.id
        made = await edit.create(connection, owner, _new(data), actor=actor)
        if data.submit:
            await edit.submit(connection, owner, made, actor=actor)
        return shown(await _found(connection, caller, made))


@get("/v1/templates/{template:int}", summary="Get a template", tags=["Templates"])
async def get_template(api: Api, caller: Caller, template: int) -> TemplateView:
    """A template as its newest version has it."""
    return shown(await _found(api.pool, caller, template))


@put("/v1/templates/{template:int}", summary="Change a template", tags=["Templates"])
async def change_template(
    api: Api, caller: Caller, request: ApiRequest, template: int, data: TemplateRequest
) -> TemplateView:
    """Changes the draft, or begins the next version; what is in use stays so until that can be."""
    require_live(caller, _WHAT)
    actor = f"key:{caller.key.id}"
    async with (
        api.pool.acquire() as connection,
        acting(connection, actor, api.client(request)),
    ):
        owner = caller.account.id
        await _found(connection, caller, template)
        await edit.revise(connection, owner, template, _new(data), actor=actor)
        if data.submit:
            await edit.submit(connection, owner, template, actor=actor)
        return shown(await _found(connection, caller, template))


@post("/v1/templates/{template:int}/submit", summary="Submit a template", tags=["Templates"],
      status_code=200)  # fmt: skip
async def submit_template(
    api: Api, caller: Caller, request: ApiRequest, template: int
) -> TemplateView:
    """Sends the draft in; from then on this version stays as it is."""
    require_live(caller, _WHAT)
    actor = f"key:{caller.key.id}"
    async with (
        api.pool.acquire() as connection,
        acting(connection, actor, api.client(request)),
    ):
        await _found(connection, caller, template)
        return shown(await edit.submit(connection, caller.account.id, template, actor=actor))


@get("/v1/templates/{template:int}/history", summary="A template's history", tags=["Templates"])
async def template_history(api: Api, caller: Caller, template: int) -> TemplateHistory:
    """Its versions and what became of them."""
    await _found(api.pool, caller, template)
    versions = await queries.versions(api.pool, caller.account.id, template)
    events = await queries.history(api.pool, caller.account.id, template)
    return TemplateHistory(
        [_version(one) for one in versions],
        [TemplateEventView(iso(e.at_us), e.number, e.kind, e.text, e.actor) for e in events],
    )


@post("/v1/templates/{template:int}/media-check", summary="Check a template's media",
      tags=["Templates"], status_code=200)  # fmt: skip
async def check_template_media(
    api: Api, caller: Caller, request: ApiRequest, template: int
) -> TemplateView:
    """Fetches each address once and says whether the channel takes what is there."""
    require_live(caller, _WHAT)
    row = await _found(api.pool, caller, template)
    found = await media.check(api.guard, row.channel, row.version.content)
    actor = f"key:{caller.key.id}"
    async with (
        api.pool.acquire() as connection,
        acting(connection, actor, api.client(request)),
    ):
        await queries.set_media(connection, caller.account.id, row.version.id, found)
        return shown(await _found(connection, caller, template))


@post("/v1/templates/preview", summary="Try a template", tags=["Templates"], status_code=200)
async def preview_template(caller: Caller, data: PreviewRequest) -> preview.Preview:
    """What a handset would show and what a review may say; nothing is stored."""
    if data.template.channel not in caller.account.channels:
        raise refused(
            "channel_disabled",
            "This channel is switched off for this account.",
            "channel",
            status=403,
        )
    return preview.preview(_new(data.template), data.variables)


@delete("/v1/templates/{template:int}", summary="Delete a template", tags=["Templates"])
async def delete_template(api: Api, caller: Caller, request: ApiRequest, template: int) -> None:
    """Takes a template away within a second; messages that were accepted with it still go."""
    require_live(caller, _WHAT)
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        await _found(connection, caller, template)
        await edit.remove(connection, caller.account.id, template)


HANDLERS: Final[list[Any]] = [
    list_templates, create_template, get_template, change_template, submit_template,
    template_history, check_template_media, preview_template, delete_template,
]  # fmt: skip
