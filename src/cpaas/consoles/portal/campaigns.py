"""Campaigns: a file and a text, checked before they start, followed and stopped while they run."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from cpaas.campaigns import launch_queries, queries, results, row_queries
from cpaas.campaigns.advice import advice
from cpaas.campaigns.control import HELD
from cpaas.campaigns.results import Batches
from cpaas.campaigns.types import Campaign, Counts
from cpaas.campaigns.variables import Form
from cpaas.consoles.portal import campaign_editor
from cpaas.consoles.portal.core_api import call
from cpaas.consoles.portal.offers import content_of, offers
from cpaas.consoles.portal.quick import MAY_SEND
from cpaas.consoles.shared import campaigns as shown
from cpaas.consoles.shared import cells, formats
from cpaas.consoles.shared.live import render_live
from cpaas.consoles.shared.overview import CHANNEL_NAMES, Card, error_words
from cpaas.consoles.shared.runtime import account_id, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.kit.errors import InputError
from cpaas.snapshot.types import Template
from cpaas.templates.preview import shown as shown_of

PAGE_ROWS: Final = 50
FAULTS_SHOWN: Final = 50
ROWS_SHOWN: Final = 5
_HIGHEST: Final = 2**63 - 1


def campaigns(request: HttpRequest) -> HttpResponse:
    """The list; its figures refresh themselves."""
    after, account = cursor(request), account_id(request)
    below = int(after) if after.isdecimal() else _HIGHEST

    async def work(connection: Any) -> tuple[list[Campaign], dict[int, Counts]]:
        found = await queries.newest(
            connection, account, below=below, limit=PAGE_ROWS + 1, is_test=False
        )
        return found, await queries.counts(connection, [one.id for one in found])

    found, counts = look(request, work)
    page = found[:PAGE_ROWS]
    table = Table(
        columns=[
            Column("Campaign Name", wide=True), Column("Channel"), Column("Status"),
            Column("Progress", extra=True), Column("Total Records", right=True),
            Column("Processed", right=True), Column("Failed", right=True),
        ],
        rows=[_row(one, counts.get(one.id, Counts())) for one in page],
        next_cursor=str(page[-1].id) if len(found) > PAGE_ROWS else "",
        first_page=not after,
        empty_title="No campaigns yet",
        empty_text="A campaign sends one text to every row of a file, and accounts for each.",
    )  # fmt: skip
    context = {"title": "Campaigns", "table": table, "may_send": _may_send(request)}
    return render_live(request, "portal/campaigns.html", "portal/campaigns_live.html", context)


def _may_send(request: HttpRequest) -> bool:
    return getattr(request.user, "member_role", "") in MAY_SEND


def _row(one: Campaign, counts: Counts) -> Row:
    link = f"/campaigns/{one.id}/"
    return Row(
        [
            cells.name(one.name, "", link), CHANNEL_NAMES[one.channel],
            shown.badge(one, counts), shown.progress(one, counts),
            cells.count(one.total_rows), cells.count(min(counts.submitted, one.launched)),
            cells.count(shown.failed(one, counts)),
        ],
        link,
    )  # fmt: skip


def new(request: HttpRequest) -> HttpResponse:
    """The first step: to whom and what. Its rows are checked on the next page, before it starts."""
    return campaign_editor.editor(request, None)


def edit(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Other words, mapping or hours, as long as it has not started."""
    campaign, *_ = _found(request, campaign_id)
    return campaign_editor.editor(request, campaign)


def _found(request: HttpRequest, campaign_id: int) -> tuple[Campaign, Counts, list[Any], list[Any]]:
    account = account_id(request)

    async def work(connection: Any) -> Any:
        campaign = await queries.find(connection, account, campaign_id)
        if campaign is None:
            return None
        counts = (await queries.counts(connection, [campaign_id])).get(campaign_id, Counts())
        reasons = await shown.reasons(connection, campaign)
        faults = await row_queries.faults(
            connection, account, campaign_id, after=(0, 0), limit=FAULTS_SHOWN
        )
        return campaign, counts, reasons, [fault for _, fault in faults]

    found = look(request, work)
    if found is None:
        raise Http404("There is no such campaign.")
    return found  # type: ignore[no-any-return]


def one_campaign(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Before it starts: the checks page with Campaign Intelligence. Then: live progress."""
    campaign, counts, reasons, faults = _found(request, campaign_id)
    context: dict[str, Any] = {
        "title": "Campaigns", "campaign": campaign, "faults": faults, "reasons": reasons,
        "badge": shown.badge(campaign, counts), "may_send": _may_send(request),
        "deeds": _deeds(campaign) if _may_send(request) else [],
        "pace": shown.pace(campaign),
        "waits": campaign.file_state in {"WAITING", "READING"} or campaign.check_wanted,
        "read": formats.count(campaign.total_rows),
    }  # fmt: skip
    if campaign.status == "CREATED":
        context |= _checks(request, campaign)
    else:
        context |= {
            "cards": shown.cards(campaign, counts), "funnel": shown.funnel(campaign, counts),
        }  # fmt: skip
    return render_live(request, "portal/campaign.html", "portal/campaign_live.html", context)


def _deeds(campaign: Campaign) -> list[dict[str, str]]:
    """The buttons of its state; what the operator paused the operator resumes."""
    held = campaign.reason_code == HELD
    return [one for one in shown.deeds(campaign) if not (held and one["name"] == "resume")]


def _checks(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    told = call(request, "GET", f"/v1/campaigns/{campaign.id}/intelligence")
    rows = look(
        request,
        lambda c: row_queries.rows(c, campaign.account_id, campaign.id, since=1, limit=ROWS_SHOWN),
    )
    template = _template(request, campaign)
    previews = []
    for row in rows:
        try:
            text = _row_text(campaign, template, row.cells)
        except InputError as error:
            text = f"{error.what}."
        previews.append({"row": row.number, "number": row.to, "text": text})
    found: dict[str, Any] = {"previews": previews, "known": None, "not_ready": ""}
    if not told.ok:
        return found | {"not_ready": told.detail}
    known = told.body
    return found | {
        "known": known, "cards": _intelligence(known), "spam": known["spam"],
        "enough": known["missing"] == "0.0000", "sendable": known["messages"] > 0,
        "details": _details(known),
        "refused": [
            (f"{error_words(code)}. {advice(code)}", rows)
            for code, rows in sorted(known["refused"].items())
        ], "price": _money(known["cost"]),
        "missing": _money(known["missing"]),
    }  # fmt: skip


def _template(request: HttpRequest, campaign: Campaign) -> Template | None:
    """The template that the campaign sends, as messages are made of it."""
    content = campaign.content
    if not content.template:
        return None
    return next(
        (
            one for one in offers(request)[campaign.channel].templates
            if content.template in (one.name, str(one.id))
            and content.language in ("", one.language)
        ),
        None,
    )  # fmt: skip


def _row_text(campaign: Campaign, template: Template | None, cells: Sequence[str]) -> str:
    """What one row is sent. Errors: InputError for a cell that is missing."""
    if template is None:
        return Form(campaign.content.text, campaign.names).fill(cells)
    told = campaign.content.variables
    values = {
        name: Form(told.get(name) or f"{{{{{name}}}}}", campaign.names).fill(cells)
        for name in template.variables
    }
    return "\n".join(one.text for one in shown_of(content_of(template), values))


def _money(text: str) -> str:
    sign = {"INR": "₹", "USD": "$", "EUR": "€"}.get(runtime().settings.currency, "")
    return f"{sign}{text}" if sign else f"{text} {runtime().settings.currency}"


def _intelligence(known: dict[str, Any]) -> list[Card]:
    delivery = known["delivery"]
    share = formats.DASH if delivery["share"] is None else f"{100 * delivery['share']:.1f}%"
    ends = known["finishes_at"]
    takes, limit = formats.DASH, "its routes have no limit to reckon with"
    if ends is not None:
        routes = known["routes_tps"]
        takes = shown.when(_micros(ends))
        limit = f"routes take {formats.count(routes)} a second" if routes else "by its own rate"
    return [
        Card("Messages", formats.count(known["messages"]),
             aside=f"{formats.count(known['segments'])} segments, {known['blocked']} blocked"),
        Card("Cost", _money(known["cost"]), aside=f"balance {_money(known['balance'])}"),
        Card("Finishes", takes, aside=limit),
        Card("Predicted delivery", share, aside=_stands_on(delivery)),
    ]  # fmt: skip


def _micros(iso: str) -> int:
    return int(datetime.fromisoformat(iso).timestamp() * 1_000_000)


def _stands_on(delivery: dict[str, Any]) -> str:
    """What a predicted delivery is worth: its bounds, and whose past it stands on."""
    if delivery["share"] is None:
        return "nothing was sent to these countries in 30 days"
    whose = "yours" if delivery["witness"] == "account" else "the platform"
    return (
        f"{100 * delivery['low']:.1f} to {100 * delivery['high']:.1f}%, confidence"
        f" {delivery['confidence']}, by {formats.count(delivery['messages'])} messages of {whose}"
    )


def _details(known: dict[str, Any]) -> list[tuple[str, str]]:
    """Countries, lengths and warnings of what would be sent, in words."""
    countries = sorted(known["countries"].items(), key=lambda one: -one[1]["messages"])
    found = [
        ("Countries", [f"{code} {formats.count(one['messages'])}" for code, one in countries]),
        ("Segments", [f"{formats.count(rows)} row{'' if rows == 1 else 's'} of {n}" for n, rows in
                      sorted(known["segments_each"].items(), key=lambda one: int(one[0]))]),
        ("Encodings", [f"{name} {formats.count(rows)}" for name, rows in
                       sorted(known["encodings"].items()) if name]),
        ("DLT warnings", [f"{text} ({formats.count(rows)})" for text, rows in
                          sorted(known["warnings"].items())]),
    ]  # fmt: skip
    return [(name, ", ".join(words)) for name, words in found if words]


@require_POST
def deed(request: HttpRequest, campaign_id: int, name: str) -> HttpResponse:
    """Start, pause, resume, cancel, retry."""
    if name not in {"start", *shown.WORDS}:
        raise Http404("A campaign knows no such deed.")
    told = call(request, "POST", f"/v1/campaigns/{campaign_id}/{name}")
    if told.ok:
        what = "It starts now." if name == "start" else shown.WORDS[name][1]
        messages.success(request, f"{told.body['name']}: {what}")
    else:
        messages.error(request, told.detail)
    return redirect("campaigns:one", campaign_id=campaign_id)


def download(request: HttpRequest, campaign_id: int, which: str) -> StreamingHttpResponse:
    """Every row with what became of it, or only those that failed."""
    if which not in {"all", "failed", "not_sent"}:
        raise Http404("There is no such file.")
    campaign, *_ = _found(request, campaign_id)
    response = StreamingHttpResponse(_pages(request, campaign, which), content_type="text/csv")
    name = f"campaign-{campaign.id}-{which}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _pages(request: HttpRequest, campaign: Campaign, which: str) -> Iterator[bytes]:
    batches = Batches(
        look(request, lambda c: launch_queries.batches(c, campaign.account_id, campaign.id))
    )
    yield results.heading(campaign)
    since = 1
    while found := look(
        request,
        lambda c, at=since: results.page(  # type: ignore[misc]
            c, campaign, batches, since=at, limit=results.PAGE_ROWS
        ),
    ):
        yield results.lines(found, campaign, which)
        since = found[-1].row + 1


SCREEN = Screen(
    title="Campaigns",
    icon="campaign",
    slug="campaigns",
    pages=[
        Page("", campaigns, "home"),
        Page("new/", new, "new", MAY_SEND),
        Page("content/", campaign_editor.compose, "compose", MAY_SEND),
        Page("preview/", campaign_editor.preview, "preview", MAY_SEND),
        Page("<int:campaign_id>/", one_campaign, "one"),
        Page("<int:campaign_id>/edit/", edit, "edit", MAY_SEND),
        Page("<int:campaign_id>/rows/<str:which>.csv", download, "download", MAY_SEND),
        Page("<int:campaign_id>/<str:name>/", deed, "deed", MAY_SEND),
    ],
)
