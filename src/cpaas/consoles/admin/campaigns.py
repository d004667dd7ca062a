"""Campaigns: all accounts' bulk sendings with live progress; pause, resume, cancel."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from cpaas.accounts.editing_queries import all_names
from cpaas.campaigns import control, queries
from cpaas.campaigns.types import STATUSES, Campaign, Counts, Wanted
from cpaas.consoles.shared import campaigns as shown
from cpaas.consoles.shared import cells
from cpaas.consoles.shared.filters import Choice, Filters, Text
from cpaas.consoles.shared.live import render_live
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import change, look
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor

PAGE_ROWS = 50
_HIGHEST = 2**63 - 1


def campaigns(request: HttpRequest) -> HttpResponse:
    """The list; its figures refresh themselves."""
    after = cursor(request)
    below = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else _HIGHEST
    filters = _filters(request)
    wanted = Wanted(
        from_us=filters.days.from_us, to_us=filters.days.to_us,
        account_id=int(filters["account"] or 0), status=filters["status"],
        channel=filters["channel"], text=filters["q"],
    )  # fmt: skip

    async def work(connection: Any) -> tuple[list[tuple[str, Campaign]], dict[int, Counts]]:
        found = await queries.newest_of_all(connection, wanted, below=below, limit=PAGE_ROWS + 1)
        ids = [one.id for _, one in found]
        return found, await queries.counts(connection, ids)

    found, counts = look(request, work)
    table = _table(found, counts, filters, first=not after)
    page = {"title": "Campaigns", "filters": filters, "table": table}
    return render_live(
        request, "admin_console/campaigns.html", "admin_console/campaigns_live.html", page
    )


def _filters(request: HttpRequest) -> Filters:
    names = [(str(number), name) for number, name in look(request, all_names)]
    return Filters(
        request, "campaigns",
        [
            Text("q", "Search", "Campaign name"),
            Choice("account", "Account", (("", "All accounts"), *names)),
            Choice("channel", "Channel", (("", "All channels"), *CHANNEL_NAMES.items())),
            Choice("status", "Status", (("", "Any status"), *((one, one) for one in STATUSES))),
        ],
        usual_days="30d",
    )  # fmt: skip


def _table(
    found: list[tuple[str, Campaign]], counts: dict[int, Counts], filters: Filters, *, first: bool
) -> Table:
    page = found[:PAGE_ROWS]
    return Table(
        columns=[
            Column("Campaign Name", wide=True), Column("Account"), Column("Channel"),
            Column("Status"), Column("Progress", extra=True), Column("Total Records", right=True),
            Column("Processed", right=True), Column("Failed", right=True),
        ],
        rows=[_row(name, one, counts.get(one.id, Counts())) for name, one in page],
        next_cursor=str(page[-1][1].id) if len(found) > PAGE_ROWS else "",
        first_page=first,
        query=filters.query,
        empty_title="No campaigns yet",
        empty_text="What users send to the rows of a file stands here, with live progress.",
    )  # fmt: skip


def _row(account: str, one: Campaign, counts: Counts) -> Row:
    link = f"/campaigns/{one.id}/"
    return Row(
        [
            cells.name(one.name, "", link), account, CHANNEL_NAMES[one.channel],
            shown.badge(one, counts), shown.progress(one, counts),
            cells.count(one.total_rows), cells.count(min(counts.submitted, one.launched)),
            cells.count(shown.failed(one, counts)),
        ],
        link,
    )  # fmt: skip


def _found(request: HttpRequest, campaign_id: int) -> tuple[Campaign, str, Counts, Any]:
    async def work(connection: Any) -> Any:
        account = await queries.account_of(connection, campaign_id)
        if account is None:
            return None
        campaign = await queries.find(connection, account[0], campaign_id)
        if campaign is None:
            return None
        counts = (await queries.counts(connection, [campaign_id])).get(campaign_id, Counts())
        return campaign, account[1], counts, await shown.reasons(connection, campaign)

    found = look(request, work)
    if found is None:
        raise Http404("There is no such campaign.")
    return found  # type: ignore[no-any-return]


def one_campaign(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """One campaign: figures, funnel, errors, and what can be done."""
    campaign, account, counts, reasons = _found(request, campaign_id)
    page = {
        "title": "Campaigns", "campaign": campaign, "account": account,
        "badge": shown.badge(campaign, counts), "cards": shown.cards(campaign, counts),
        "pace": shown.pace(campaign), "funnel": shown.funnel(campaign, counts), "reasons": reasons,
        "deeds": [one for one in shown.deeds(campaign) if one["name"] != "retry"],
    }  # fmt: skip
    return render_live(
        request, "admin_console/campaign.html", "admin_console/campaign_live.html", page
    )


@require_POST
def deed(request: HttpRequest, campaign_id: int, name: str) -> HttpResponse:
    """Pause, resume or cancel."""
    campaign, *_ = _found(request, campaign_id)

    async def work(connection: Any) -> None:
        if name == "pause":
            await control.pause(connection, campaign, by="the operator", is_operator=True)
        elif name == "resume":
            await control.resume(connection, campaign, is_operator=True)
        else:
            await control.cancel(connection, campaign)

    if name not in {"pause", "resume", "cancel"}:
        raise Http404("A campaign knows no such deed.")
    try:
        change(request, work)
    except control.NotPossibleError as error:
        messages.error(request, error.detail)
    else:
        done = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}[name]
        messages.success(request, f"{campaign.name} is {done}. {shown.WORDS[name][1]}")
    return redirect("campaigns:one", campaign_id=campaign_id)


SCREEN = Screen(
    title="Campaigns",
    icon="campaign",
    slug="campaigns",
    pages=[
        Page("", campaigns, "home"),
        Page("<int:campaign_id>/", one_campaign, "one"),
        Page("<int:campaign_id>/<str:name>/", deed, "deed"),
    ],
)
