"""Campaigns are made and changed, and get their files: multipart, or the bytes as they are."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, patch, post, put
from litestar.datastructures import UploadFile
from litestar.params import Parameter

from cpaas.api.auth import Caller
from cpaas.api.campaign_views import CampaignRequest, CampaignView, view
from cpaas.api.context import Api, ApiRequest
from cpaas.api.problem import ProblemError, refused
from cpaas.api.sending import Fallback
from cpaas.api.times import iso, micros
from cpaas.blobs import queries as blobs
from cpaas.blobs.types import CHUNK_BYTES
from cpaas.campaigns import check, control, queries
from cpaas.campaigns.types import Campaign, Content, Counts, Mapping, Pace, Window
from cpaas.db.actor import acting
from cpaas.kit.errors import InputError
from cpaas.messages.envelopes import CHANNELS
from cpaas.pipeline.drafts import Author, FallbackStep

#: what the framework takes at most; the setting decides below.
BODY_BYTES_MAX: Final = 4 * 2**30
JSON_BYTES_MAX: Final = 10 * 2**20
#: how long a file is kept after it came.
KEPT_SECONDS: Final = 30 * 86_400
_TEXTS: Final = frozenset(
    {
        "name",
        "channel",
        "from",
        "text",
        "reference",
        "webhook_url",
        "send_at",
        "traffic_class",
        "template",
        "language",
    }
)
_HIGHEST: Final = 2**63 - 1


def missing() -> ProblemError:
    """There is no such campaign for this caller."""
    return ProblemError(
        404, "campaign_not_found", "There is no campaign with this id.", title="Not found"
    )


async def found(api: Api, caller: Caller, campaign_id: int) -> Campaign:
    """The caller's campaign; a test key sees its own kind only. Errors: ProblemError 404."""
    campaign = None
    if 0 < campaign_id <= _HIGHEST:
        campaign = await queries.find(api.pool, caller.account.id, campaign_id)
    if campaign is None or (caller.is_test and not campaign.is_test):
        raise missing()
    return campaign


async def shown(api: Api, account_id: int, campaign_id: int) -> CampaignView:
    """The campaign as it is now."""
    async with api.pool.acquire() as connection:
        campaign = await queries.find(connection, account_id, campaign_id)
        if campaign is None:
            raise missing()
        counts = await queries.counts(connection, [campaign.id])
    return view(campaign, counts.get(campaign.id, Counts()), api.currency)


@post(
    "/v1/campaigns", summary="Make a campaign", tags=["Campaigns"],
    request_max_body_size=BODY_BYTES_MAX,
)  # fmt: skip
async def post_campaign(api: Api, caller: Caller, request: ApiRequest) -> Response[CampaignView]:
    """Takes JSON, or `multipart/form-data` with the same fields and `file` (CSV or XLSX). Lists
    and objects are JSON in their field. The file is read in the background: follow `file.state`,
    then look at `/intelligence`, then start. With `start` it starts by itself."""
    wanted, file = await _wanted(api, request)
    author = _author(caller)
    made: Campaign
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        made = await queries.insert(
            connection, author, check.name(wanted.name), _content(caller, wanted),
            _pace(wanted, api.now_us()), _mapping(wanted), actor=f"key:{caller.key.id}",
        )  # fmt: skip
    if file is not None:
        try:
            await _keep(api, made, _pieces(file), file.filename)
        finally:
            await file.close()
    return Response(await shown(api, caller.account.id, made.id), status_code=201)


@patch("/v1/campaigns/{id:int}", summary="Change a campaign", tags=["Campaigns"])
async def patch_campaign(
    api: Api, caller: Caller, request: ApiRequest, id: int  # noqa: A002
) -> CampaignView:  # fmt: skip
    """Changes what is named, as long as it is CREATED; its rows are checked anew."""
    campaign = await found(api, caller, id)
    given = _decoded(await request.body())
    if not isinstance(given, dict):
        raise refused("validation_error", "Send an object of the fields to change.", "body")
    before = _as_request(campaign)
    wanted = _request({**before, **given})
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        try:
            locked = await control.editable(connection, campaign)
        except control.NotPossibleError as error:
            raise ProblemError(409, "campaign_not_possible", error.detail) from None
        await queries.change(
            connection, locked, name=check.name(wanted.name), content=_content(caller, wanted),
            pace=_pace(wanted, api.now_us()), mapping=_mapping(wanted),
        )  # fmt: skip
    return await shown(api, caller.account.id, campaign.id)


@put(
    "/v1/campaigns/{id:int}/file", summary="Give a campaign its file", tags=["Campaigns"],
    request_max_body_size=BODY_BYTES_MAX,
)  # fmt: skip
async def put_file(
    api: Api, caller: Caller, request: ApiRequest, id: int,  # noqa: A002
    name: Annotated[str, Parameter(description="The file's name")] = "rows",
) -> CampaignView:  # fmt: skip
    """Takes CSV or XLSX as the body; what it is is told by its content. Another file takes the
    place of the first, as long as the campaign is CREATED."""
    campaign = await found(api, caller, id)
    await _keep(api, campaign, request.stream(), name)
    return await shown(api, caller.account.id, campaign.id)


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while data := await file.read(CHUNK_BYTES):
        yield data


async def _keep(api: Api, campaign: Campaign, pieces: AsyncIterator[bytes], name: str) -> None:
    """Store the bytes as they come; no more than a megabyte of them is held."""
    account_id, most = campaign.account_id, api.campaign_file_mb_max * 2**20
    shown_name = "".join(char for char in name if char.isprintable())[:200] or "rows"
    async with api.pool.acquire() as connection:
        blob = await blobs.create(connection, account_id, shown_name, "application/octet-stream")
    size, waiting = 0, bytearray()
    try:
        async for data in pieces:
            size += len(data)
            if size > most:
                raise ProblemError(
                    413, "body_too_large",
                    f"The file is larger than {api.campaign_file_mb_max} MB; split it.",
                )  # fmt: skip
            waiting += data
            if len(waiting) >= CHUNK_BYTES:
                await _append(api, account_id, blob, waiting)
        await _append(api, account_id, blob, waiting)
        async with api.pool.acquire() as connection, connection.transaction():
            try:
                await control.editable(connection, campaign)
            except control.NotPossibleError as error:
                raise ProblemError(409, "campaign_not_possible", error.detail) from None
            await blobs.complete(connection, account_id, blob, KEPT_SECONDS)
            await queries.take_file(
                connection, account_id, campaign.id, blob_id=blob, name=shown_name
            )
    except BaseException:
        async with api.pool.acquire() as connection, connection.transaction():
            await blobs.delete(connection, account_id, blob)
        raise


async def _append(api: Api, account_id: int, blob: int, waiting: bytearray) -> None:
    if waiting:
        async with api.pool.acquire() as connection:
            await blobs.append(connection, account_id, blob, bytes(waiting))
        waiting.clear()


async def _wanted(api: Api, request: ApiRequest) -> tuple[CampaignRequest, UploadFile | None]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > api.campaign_file_mb_max * 2**20 + JSON_BYTES_MAX:
        raise ProblemError(
            413, "body_too_large",
            f"The file is larger than {api.campaign_file_mb_max} MB; split it.",
        )  # fmt: skip
    if kind == "application/json":
        if int(length or 0) > JSON_BYTES_MAX:
            raise ProblemError(413, "body_too_large", "The body is larger than 10 MB.")
        return _request(_decoded(await request.body())), None
    if kind != "multipart/form-data":
        raise ProblemError(
            415, "unsupported_media_type", "Send JSON, or multipart/form-data with `file`."
        )
    form = await request.form()
    file: UploadFile | None = None
    fields: dict[str, Any] = {}
    for name, value in form.items():
        if isinstance(value, UploadFile):
            if name != "file" or file is not None:
                raise refused("validation_error", "There is one file, in the field `file`.", name)
            file = value
        elif value != "":
            fields[name] = value if name in _TEXTS else _decoded(value.encode(), name)
    return _request(fields), file


def _decoded(data: bytes, field: str = "") -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if field:
            raise refused("validation_error", f"{field} is no JSON: {error}.", field) from None
        raise ProblemError(
            400, "malformed_json", f"The body is not JSON: {error}.", title="Malformed JSON"
        ) from None


def _request(fields: Any) -> CampaignRequest:
    try:
        return msgspec.convert(fields, CampaignRequest)
    except msgspec.ValidationError as error:
        text, _, field = str(error).partition(" - at `$.")
        raise refused(
            "validation_error", f"{text.replace('`', chr(39))}.", field.rstrip("`")
        ) from None


def _author(caller: Caller) -> Author:
    origin = "portal" if caller.key.user_id else "api"
    return Author(caller.account.id, origin, caller.is_test, caller.key.id)  # type: ignore[arg-type]


def _content(caller: Caller, wanted: CampaignRequest) -> Content:
    if wanted.channel in CHANNELS and wanted.channel not in caller.account.channels:
        raise ProblemError(
            403, "channel_disabled", f"{wanted.channel} is switched off for this account."
        )
    dlt = wanted.dlt
    return check.content(
        Content(
            wanted.channel, wanted.text, wanted.sender or "", wanted.traffic_class,
            wanted.reference, wanted.webhook_url, wanted.validity_seconds,
            None if dlt is None else {k: v for k, v in msgspec.structs.asdict(dlt).items() if v},
            tuple(_step(one) for one in wanted.fallback or ()),
            wanted.template, wanted.language, wanted.variables,
        )
    )  # fmt: skip


def _step(one: Fallback) -> FallbackStep:
    """A fallback's step; a template's variables have the same values for every row."""
    values = {name: str(value) for name, value in (one.variables or {}).items()}
    return FallbackStep(
        one.channel, one.text or "", one.sender or "", one.after_seconds, one.template or "",
        values if one.template else None, one.language or "",
    )  # fmt: skip


def _pace(wanted: CampaignRequest, now_us: int) -> Pace:
    window = wanted.window
    try:
        return check.pace(
            Pace(
                None if wanted.send_at is None else micros(wanted.send_at, "send_at"), wanted.rate,
                Window(tuple(window.days), tuple(window.hours), window.zone), wanted.start,
            ),
            now_us,
        )  # fmt: skip
    except InputError as error:
        raise refused("validation_error", f"{error.what}; {error.todo}.", error.field) from None


def _mapping(wanted: CampaignRequest) -> Mapping:
    given = wanted.mapping
    return check.mapping(Mapping(given.number_column, given.header, given.country))


def _as_request(campaign: Campaign) -> dict[str, Any]:
    """The campaign as the request that would make it."""
    content, pace = campaign.content, campaign.pace
    return {
        "name": campaign.name, "channel": content.channel, "from": content.sender or None,
        "text": content.text, "template": content.template, "language": content.language,
        "variables": content.variables, "traffic_class": content.traffic_class,
        "reference": content.reference, "webhook_url": content.webhook_url,
        "validity_seconds": content.validity_seconds, "dlt": content.dlt,
        "fallback": [
            {
                "channel": one.channel, "text": one.text or None, "from": one.sender or None,
                "after_seconds": one.after_seconds, "template": one.template or None,
                "variables": one.variables, "language": one.language or None,
            }
            for one in content.fallback
        ] or None,
        "mapping": {
            "number_column": campaign.mapping.number_column, "header": campaign.mapping.header,
            "country": campaign.mapping.country,
        },
        "send_at": iso(pace.send_at_us), "rate": pace.rate,
        "window": {
            "days": list(pace.window.days), "hours": list(pace.window.hours),
            "zone": pace.window.zone,
        },
        "start": pace.auto_start,
    }  # fmt: skip


HANDLERS: Final[list[Any]] = [post_campaign, patch_campaign, put_file]
