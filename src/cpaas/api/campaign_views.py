"""A campaign as the API shows it: its counts in the guide's words, its file, its pace."""

from typing import Annotated, Any

import msgspec

from cpaas.api.sending import Dlt, Fallback
from cpaas.api.times import iso
from cpaas.campaigns.intelligence import Intelligence
from cpaas.campaigns.results import Result
from cpaas.campaigns.types import Campaign, Counts
from cpaas.campaigns.variables import names_in
from cpaas.kit.money import show
from cpaas.messages.envelopes import Lane
from cpaas.webhooks.events import uuid_text

_Text = Annotated[str, msgspec.Meta(description="May hold {{variables}} that name columns.")]


class CampaignMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to read the file; what is left out is found by itself."""

    number_column: Annotated[
        str, msgspec.Meta(description="The number's column, by name or number from 1.")
    ] = ""
    header: Annotated[
        bool | None, msgspec.Meta(description="Whether the first row names the columns.")
    ] = None
    country: Annotated[
        str, msgspec.Meta(description="ISO 3166, for numbers without a country code.")
    ] = ""


class CampaignWindow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hours of sending; empty = always."""

    days: Annotated[list[str], msgspec.Meta(description='Such as ["mon-fri"].')] = []
    hours: Annotated[list[str], msgspec.Meta(description='Such as ["09:00-18:00"].')] = []
    zone: Annotated[
        str,
        msgspec.Meta(
            description='"" = the platform\'s, a name such as Asia/Kolkata, or recipient: each'
            " one's own, by the number."
        ),
    ] = ""


class CampaignRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A campaign: what is sent, and how. The file comes along (multipart) or later (PUT)."""

    name: str
    channel: Annotated[str, msgspec.Meta(description="sms, whatsapp, rcs or voice.")] = "sms"
    sender: Annotated[
        str | None, msgspec.Meta(description="Approved sender; the default if left out.")
    ] = msgspec.field(name="from", default=None)
    text: _Text = ""
    template: Annotated[
        str, msgspec.Meta(description="Name or id of an approved template, instead of text.")
    ] = ""
    language: str = ""
    variables: Annotated[
        dict[str, str],
        msgspec.Meta(
            description="The template's variables, as texts that may hold {{columns}}; left out,"
            " each is filled from the column of its name."
        ),
    ] = {}
    traffic_class: Lane = "transactional"
    reference: _Text = ""
    webhook_url: str = ""
    validity_seconds: int | None = None
    dlt: Dlt | None = None
    fallback: list[Fallback] | None = None
    mapping: CampaignMapping = CampaignMapping()
    send_at: Annotated[
        str | None, msgspec.Meta(description="ISO 8601 with a zone, at most 30 days ahead.")
    ] = None
    rate: Annotated[int, msgspec.Meta(description="Messages a second; 0 = as routes allow.")] = 0
    window: CampaignWindow = CampaignWindow()
    start: Annotated[
        bool, msgspec.Meta(description="Start by itself once the rows are checked.")
    ] = False


class CampaignFile(msgspec.Struct, frozen=True):
    """The file. state: MISSING, WAITING, READING, READY or REFUSED (then error_code says why)."""

    state: str
    name: str
    columns: list[str]
    number_column: str | None
    error_code: str
    error: str


class CampaignView(msgspec.Struct, frozen=True):
    """A campaign. `processed` reached SUBMITTED; `failed` are bad rows and messages that ended
    badly; `pending` are rows not final yet."""

    id: int
    name: str
    status: str
    status_text: str
    reason_code: str
    reason: str
    channel: str
    sender: str | None = msgspec.field(name="from")
    text: str
    template: str | None
    variables: list[str]
    traffic_class: str
    file: CampaignFile
    checked: bool
    total_records: int
    valid_records: int
    accepted: int
    processed: int
    delivered: int
    read: int
    failed: int
    bad_rows: int
    duplicates: int
    blocked: int
    cancelled: int
    pending: int
    rescued: int
    retried: int
    percent: int
    cost: str
    currency: str
    send_at: str | None
    rate: int
    window: CampaignWindow
    created_at: str | None
    started_at: str | None
    finished_at: str | None


class CampaignList(msgspec.Struct, frozen=True):
    """One page of campaigns, newest first."""

    data: list[CampaignView]
    next_cursor: str | None


class CampaignRow(msgspec.Struct, frozen=True):
    """A row of the file. status: a message's, PENDING, or NOT_SENT with the reason."""

    row: int
    number: str
    status: str
    error_code: str
    error: str
    message_id: str | None
    text: str | None


class CampaignRows(msgspec.Struct, frozen=True):
    """One page of rows, in the file's order."""

    data: list[CampaignRow]
    next_cursor: str | None


class CampaignReason(msgspec.Struct, frozen=True):
    """An error with how many rows it ended. stage: file, check, launch or message."""

    stage: str
    code: str
    rows: int
    advice: str


class CampaignReasons(msgspec.Struct, frozen=True):
    """Errors by reason, most first."""

    data: list[CampaignReason]


class IntelligenceView(msgspec.Struct, frozen=True):
    """What is known before a campaign starts."""

    messages: int
    segments: int
    cost: str
    currency: str
    balance: str
    missing: str
    blocked: int
    refused: dict[str, int]
    encodings: dict[str, int]
    segments_each: dict[str, int]
    countries: dict[str, dict[str, Any]]
    warnings: dict[str, int]
    samples: list[str]
    routes_tps: int
    starts_at: str | None
    finishes_at: str | None
    delivery: dict[str, Any]
    spam: dict[str, Any]


def status_text(campaign: Campaign, counts: Counts) -> str:
    """The status in the guide's words: one with failed recipients says so."""
    failed = failed_rows(campaign, counts)
    if campaign.status == "COMPLETED" and failed:
        return f"COMPLETED · {failed} failed"
    return campaign.status


def failed_rows(campaign: Campaign, counts: Counts) -> int:
    """Bad rows, and messages that were refused or ended badly."""
    return campaign.bad_rows + campaign.refused_rows + counts.unsuccessful


def _of_all(campaign: Campaign) -> int:
    """Rows that come to an end; of a cancelled campaign those that were launched."""
    if campaign.status == "CANCELLED":
        return campaign.launched + campaign.refused_rows
    return campaign.good_rows


def view(campaign: Campaign, counts: Counts, currency: str) -> CampaignView:
    """A campaign with what became of its messages."""
    content, pace = campaign.content, campaign.pace
    done = counts.final + campaign.refused_rows
    percent = 100 * done // max(1, _of_all(campaign))
    window = pace.window
    number = campaign.number_column
    return CampaignView(
        campaign.id, campaign.name, campaign.status, status_text(campaign, counts),
        campaign.reason_code, campaign.reason, campaign.channel, content.sender or None,
        content.text, content.template or None, names_in(content.text), content.traffic_class,
        CampaignFile(
            campaign.file_state, campaign.file_name, campaign.columns,
            campaign.columns[number] if 0 <= number < len(campaign.columns) else None,
            campaign.file_error_code, campaign.file_error,
        ),
        campaign.estimate is not None, campaign.total_rows, campaign.good_rows, campaign.launched,
        min(counts.submitted, campaign.launched), counts.delivered, counts.read,
        failed_rows(campaign, counts), campaign.bad_rows, campaign.duplicate_rows, counts.blocked,
        counts.cancelled, max(0, _of_all(campaign) - done), counts.rescued, campaign.retried,
        min(100, percent), show(max(0, campaign.charged_micro - counts.refunded_micro)), currency,
        iso(pace.send_at_us), pace.rate,
        CampaignWindow(list(window.days), list(window.hours), window.zone),
        iso(campaign.created_us), iso(campaign.started_us), iso(campaign.finished_us),
    )  # fmt: skip


def row_view(one: Result, text: str | None) -> CampaignRow:
    """A row as the API shows it."""
    message = None if one.message_id is None else uuid_text(one.message_id)
    return CampaignRow(one.row, one.number, one.status, one.error_code, one.error, message, text)


def intelligence_view(found: Intelligence, currency: str) -> IntelligenceView:
    """Campaign Intelligence as the API shows it."""
    estimate = found.estimate
    return IntelligenceView(
        estimate.messages, estimate.segments, show(estimate.cost_micro), currency,
        show(found.balance_micro), show(found.missing_micro), estimate.blocked, estimate.refused,
        estimate.encodings, estimate.by_segments,
        {
            country or "other": {"messages": n, "segments": s, "cost": show(cost)}
            for country, (n, s, cost) in sorted(estimate.countries.items())
        },
        estimate.warnings, estimate.samples, found.tps, iso(found.starts_us),
        iso(found.finishes_us),
        {**msgspec.structs.asdict(found.delivery), "witness": found.witness},
        msgspec.to_builtins(found.spam),
    )  # fmt: skip
