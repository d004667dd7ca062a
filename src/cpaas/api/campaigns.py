"""Campaigns: followed, checked, started, paused, resumed, cancelled, retried; their rows."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from litestar import get, post
from litestar.params import Parameter
from litestar.response import Stream

from cpaas.api.auth import Caller
from cpaas.api.campaign_files import HANDLERS as FILES
from cpaas.api.campaign_files import found, shown
from cpaas.api.campaign_views import (
    CampaignList,
    CampaignReason,
    CampaignReasons,
    CampaignRows,
    CampaignView,
    IntelligenceView,
    intelligence_view,
    row_view,
    view,
)
from cpaas.api.context import Api, ApiRequest
from cpaas.api.problem import ProblemError, refused
from cpaas.api.submit import problem
from cpaas.api.times import cursor_of, read_cursor
from cpaas.campaigns import control, intelligence, launch_queries, queries, results, row_queries
from cpaas.campaigns.advice import advice
from cpaas.campaigns.judge import Judge
from cpaas.campaigns.results import Batches, Result
from cpaas.campaigns.stage import author_of
from cpaas.campaigns.types import STATUSES, Campaign, Counts, Row
from cpaas.campaigns.variables import Form
from cpaas.db.actor import acting
from cpaas.kit.errors import InputError
from cpaas.pipeline.refusals import RefusedError

LIMIT_MAX: Final = 100
ROWS_MAX: Final = 1000
_HIGHEST: Final = 2**63 - 1
_CURSOR_BYTES: Final = 8


@get("/v1/campaigns", summary="List campaigns", tags=["Campaigns"])
async def list_campaigns(
    api: Api,
    caller: Caller,
    status: Annotated[str, Parameter(description="A status, such as PROCESSING")] = "",
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
) -> CampaignList:
    """Your account's campaigns (of your test key: test campaigns), newest first."""
    if status and status not in STATUSES:
        raise refused(
            "validation_error",
            f"There is no status {status[:40]!r}; use one of {', '.join(STATUSES)}.", "status",
        )  # fmt: skip
    below = int.from_bytes(read_cursor(cursor, _CURSOR_BYTES), "big") if cursor else _HIGHEST
    async with api.pool.acquire() as connection:
        rows = await queries.newest(
            connection, caller.account.id, below=min(below, _HIGHEST), limit=limit + 1,
            is_test=True if caller.is_test else None, status=status,
        )  # fmt: skip
        page = rows[:limit]
        counts = await queries.counts(connection, [one.id for one in page])
    after = cursor_of(page[-1].id.to_bytes(_CURSOR_BYTES, "big")) if len(rows) > limit else None
    return CampaignList(
        [view(one, counts.get(one.id, Counts()), api.currency) for one in page], after
    )


@get("/v1/campaigns/{id:int}", summary="Follow a campaign", tags=["Campaigns"])
async def get_campaign(api: Api, caller: Caller, id: int) -> CampaignView:  # noqa: A002
    """How far it is: its file, its counts, why it waits."""
    campaign = await found(api, caller, id)
    return await shown(api, caller.account.id, campaign.id)


@get(
    "/v1/campaigns/{id:int}/intelligence", summary="Read Campaign Intelligence",
    tags=["Campaigns"],
)  # fmt: skip
async def get_intelligence(
    api: Api, caller: Caller, id: int  # noqa: A002
) -> IntelligenceView:  # fmt: skip
    """Cost, segments, finish time by the routes' rates, predicted delivery with its confidence,
    and how like spam the text reads. 409 until the rows are checked."""
    campaign = await found(api, caller, id)
    async with api.pool.acquire() as connection:
        known = await intelligence.look(connection, api.snapshots.current, campaign, api.now_us())
    if known is None:
        raise _problem(control.not_checked(campaign))
    return intelligence_view(known, api.currency)


@post("/v1/campaigns/{id:int}/check", summary="Check a campaign's rows", tags=["Campaigns"],
      status_code=202)  # fmt: skip
async def post_check(api: Api, caller: Caller, id: int) -> CampaignView:  # noqa: A002
    """Checks and prices all rows anew, in the background: prices or senders may have changed."""
    campaign = await found(api, caller, id)
    async with api.pool.acquire() as connection, connection.transaction():
        try:
            await control.editable(connection, campaign)
        except control.NotPossibleError as error:
            raise _problem(error) from None
        await queries.want_check(connection, caller.account.id, campaign.id)
    return await shown(api, caller.account.id, campaign.id)


@post("/v1/campaigns/{id:int}/{deed:str}", summary="Start, pause, resume, cancel or retry",
      tags=["Campaigns"], status_code=200)  # fmt: skip
async def post_deed(
    api: Api, caller: Caller, request: ApiRequest, id: int, deed: str  # noqa: A002
) -> CampaignView:  # fmt: skip
    """`start` needs checked rows and money for all of them. `pause` holds within two seconds
    whatever no carrier has. `resume` goes on with the next row. `cancel` takes back, with its
    price, what no carrier has. `retry` sends again only to rows that failed."""
    campaign = await found(api, caller, id)
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        try:
            await _do(api, connection, campaign, deed)
        except RefusedError as error:
            raise problem(error) from None
        except control.NotPossibleError as error:
            raise _problem(error) from None
    return await shown(api, caller.account.id, campaign.id)


async def _do(api: Api, connection: Any, campaign: Campaign, deed: str) -> None:
    if deed == "start":
        await control.start(connection, api.snapshots.current, campaign, api.now_us())
    elif deed == "pause":
        await control.pause(connection, campaign, by="its account")
    elif deed == "resume":
        await control.resume(connection, campaign)
    elif deed == "cancel":
        await control.cancel(connection, campaign)
    elif deed == "retry":
        await control.retry(connection, campaign)
    else:
        raise ProblemError(
            404, "not_found", f"A campaign knows no {deed[:40]!r}; see /docs.", title="Not found"
        )


@get("/v1/campaigns/{id:int}/rows", summary="List a campaign's rows", tags=["Campaigns"])
async def list_rows(
    api: Api,
    caller: Caller,
    id: int,  # noqa: A002
    limit: Annotated[int, Parameter(ge=1, le=ROWS_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
) -> CampaignRows:
    """Rows in the file's order, each with its text, its message's status, or why it has none."""
    campaign = await found(api, caller, id)
    since = int.from_bytes(read_cursor(cursor, _CURSOR_BYTES), "big") if cursor else 1
    async with api.pool.acquire() as connection:
        batches = Batches(
            await launch_queries.batches(connection, campaign.account_id, campaign.id)
        )
        page = await results.page(
            connection, campaign, batches, since=min(max(since, 1), _HIGHEST), limit=limit
        )
    after = None
    if len(page) == limit:
        after = cursor_of((page[-1].row + 1).to_bytes(_CURSOR_BYTES, "big"))
    text_of = _texts(api, campaign)
    return CampaignRows([row_view(one, _text(text_of, one)) for one in page], after)


def _texts(api: Api, campaign: Campaign) -> Callable[[Result], str] | None:
    """What a row's text is by its cells; None while the content fits no row."""
    try:
        if campaign.content.template:
            judge = Judge(
                api.snapshots.current, author_of(campaign), campaign.content, campaign.names,
                api.now_us(),
            )  # fmt: skip
            return lambda one: judge.text(Row(one.row, one.number, one.cells))
        form = Form(campaign.content.text, campaign.names)
    except (InputError, RefusedError):
        return None
    return lambda one: form.fill(one.cells)


def _text(text_of: Callable[[Result], str] | None, one: Result) -> str | None:
    if text_of is None or (one.status == "NOT_SENT" and not one.cells):
        return None
    try:
        return text_of(one)
    except (InputError, RefusedError):
        return None


@get("/v1/campaigns/{id:int}/errors", summary="Read errors by reason", tags=["Campaigns"])
async def list_errors(api: Api, caller: Caller, id: int) -> CampaignReasons:  # noqa: A002
    """Why rows were not sent to, and how messages ended badly, each with what to do."""
    campaign = await found(api, caller, id)
    async with api.pool.acquire() as connection:
        faults = await row_queries.fault_counts(connection, campaign.account_id, campaign.id)
        ended = await queries.errors(connection, campaign.account_id, campaign.id)
    told = [*faults, *(("message", code, count) for code, count in ended)]
    told.sort(key=lambda one: -one[2])
    return CampaignReasons(
        [CampaignReason(stage, code, rows, advice(code)) for stage, code, rows in told]
    )


@get("/v1/campaigns/{id:int}/results", summary="Fetch a campaign's results", tags=["Campaigns"])
async def get_results(
    api: Api,
    caller: Caller,
    id: int,  # noqa: A002
    rows: Annotated[str, Parameter(description="all, failed or not_sent")] = "all",
) -> Stream:
    """A CSV of rows with what became of each, beside the file's own columns."""
    campaign = await found(api, caller, id)
    if rows not in {"all", "failed", "not_sent"}:
        raise refused("validation_error", "rows is all, failed or not_sent.", "rows")
    return Stream(
        results.csv_of(api.pool.acquire, campaign, rows),
        media_type="text/csv; charset=utf-8",
        headers={
            "content-disposition": f'attachment; filename="campaign-{campaign.id}-{rows}.csv"'
        },
    )


def _problem(error: control.NotPossibleError) -> ProblemError:
    if error.code == "campaign_not_found":
        return ProblemError(404, "campaign_not_found", error.detail, title="Not found")
    if error.code == "campaign_file_refused":
        return ProblemError(422, "campaign_file_refused", error.detail, title="Unreadable file")
    if error.code == "campaign_no_rows":
        return ProblemError(422, "campaign_no_rows", error.detail, title="Nothing to send")
    if error.code == "campaign_nothing_failed":
        return ProblemError(409, "campaign_nothing_failed", error.detail, title="Nothing failed")
    if error.code == "campaign_not_ready":
        return ProblemError(
            409, "campaign_not_ready", error.detail, title="Not ready yet", retry_after=1
        )
    return ProblemError(
        409, "campaign_not_possible", error.detail, title="Not possible in this state"
    )


HANDLERS: Final[list[Any]] = [
    *FILES, list_campaigns, get_campaign, get_intelligence, post_check, post_deed, list_rows,
    list_errors, get_results,
]  # fmt: skip
