"""What both consoles show of a campaign: counts in the guide's words, funnel, errors."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cpaas.campaigns import queries, row_queries
from cpaas.campaigns.advice import advice, kind
from cpaas.campaigns.types import RECIPIENT, Campaign, Counts
from cpaas.consoles.shared import cells, formats
from cpaas.consoles.shared.overview import Card, error_words
from cpaas.consoles.shared.runtime import runtime

#: deeds by status, as both consoles offer them.
DEEDS = {
    "CREATED": ("cancel",),
    "QUEUED": ("pause", "cancel"),
    "PROCESSING": ("pause", "cancel"),
    "PAUSED": ("resume", "cancel"),
    "COMPLETED": ("retry",),
    "FAILED": ("retry",),
    "CANCELLED": (),
}
#: word, what the dialog asks, what will happen, icon.
WORDS = {
    "pause": ("Pause", "Nothing more goes to a carrier, within two seconds.", "pause"),
    "resume": ("Resume", "It goes on with the next row.", "play_arrow"),
    "cancel": (
        "Cancel", "What no carrier has is taken back and refunded. This cannot be undone.",
        "cancel",
    ),
    "retry": ("Retry failed", "Only rows that failed are sent again, and paid for.", "replay"),
}  # fmt: skip

_KIND_TONES = {"temporary": "is-wait", "permanent": "is-bad", "fixable": "is-info"}


def failed(campaign: Campaign, counts: Counts) -> int:
    """Bad rows, and messages that were refused or ended badly."""
    return campaign.bad_rows + campaign.refused_rows + counts.unsuccessful


def status(campaign: Campaign, counts: Counts) -> str:
    """The status; one with failed recipients says so."""
    bad = failed(campaign, counts)
    if campaign.status == "COMPLETED" and bad:
        return f"COMPLETED · {formats.count(bad)} failed"
    return campaign.status


def badge(campaign: Campaign, counts: Counts) -> Any:
    """The status in its colour."""
    return cells.badge(campaign.status, text=status(campaign, counts))


def progress(campaign: Campaign, counts: Counts) -> Any:
    """How much of it is at its end, as a bar."""
    done = counts.final + campaign.refused_rows
    percent = 100 * done / campaign.good_rows if campaign.good_rows else 0
    return cells.bar(percent, f"{percent:.0f}%")


def when(micros: int) -> str:
    """A time in the platform's zone."""
    return formats.when(micros, runtime().settings.timezone, datetime.now(UTC))


def pace(campaign: Campaign) -> str:
    """When it begins, how fast and within which hours, as far as somebody chose it."""
    told = campaign.pace
    found = []
    if told.send_at_us is not None and campaign.started_us is None:
        found.append(f"begins {when(told.send_at_us)}")
    if told.rate:
        found.append(f"at most {formats.count(told.rate)} a second")
    window = told.window
    if window:
        zone = " of each recipient" if window.zone == RECIPIENT else f" {window.zone}".rstrip()
        found.append(" ".join([*window.days, ", ".join(window.hours)]).strip() + zone)
    text = ", ".join(found)
    return text[:1].upper() + text[1:]


def deeds(campaign: Campaign) -> list[dict[str, str]]:
    """The buttons of its state."""
    return [
        {"name": name, "word": WORDS[name][0], "text": WORDS[name][1], "icon": WORDS[name][2]}
        for name in DEEDS[campaign.status]
        if name != "retry" or campaign.launched
    ]


def cards(campaign: Campaign, counts: Counts) -> list[Card]:
    """Total Records, Processed, Delivered, Failed."""
    duplicates = campaign.duplicate_rows
    aside = (
        f"{formats.count(duplicates)} duplicate{'' if duplicates == 1 else 's'},"
        f" {formats.count(counts.blocked)} blocked"
    )
    bad = f"{formats.count(campaign.bad_rows)} bad row{'' if campaign.bad_rows == 1 else 's'}"
    cost = formats.amount(
        max(0, campaign.charged_micro - counts.refunded_micro), runtime().settings.currency
    )
    return [
        Card("Total Records", formats.count(campaign.total_rows), aside=aside),
        Card("Processed", formats.count(min(counts.submitted, campaign.launched)),
             aside=f"of {formats.count(campaign.launched)} launched"),
        Card("Delivered", formats.count(counts.delivered), aside=f"cost {cost}"),
        Card("Failed", formats.count(failed(campaign, counts)),
             aside=f"{bad} in the file"),
    ]  # fmt: skip


def funnel(campaign: Campaign, counts: Counts) -> list[dict[str, Any]]:
    """Rows, launched, submitted, delivered, read, each as a share of the rows."""
    most = max(1, campaign.total_rows)
    steps = (
        ("Rows", campaign.total_rows), ("Valid", campaign.good_rows),
        ("Launched", campaign.launched), ("Processed", counts.submitted),
        ("Delivered", counts.delivered), ("Read", counts.read),
    )  # fmt: skip
    return [
        {"name": name, "count": formats.count(count), "width": f"{100 * count / most:.1f}"}
        for name, count in steps
    ]


async def reasons(connection: Any, campaign: Campaign) -> list[dict[str, Any]]:
    """Errors by reason with what to do, most first."""
    faults = await row_queries.fault_counts(connection, campaign.account_id, campaign.id)
    ended = await queries.errors(connection, campaign.account_id, campaign.id)
    told: Sequence[tuple[str, int]] = [(code, rows) for _, code, rows in faults] + list(ended)
    whole = max(1, sum(rows for _, rows in told))
    return [
        {
            "code": code, "words": error_words(code), "rows": formats.count(rows),
            "advice": advice(code), "kind": kind(code), "tone": _KIND_TONES[kind(code)],
            "width": f"{100 * rows / whole:.1f}", "share": formats.share(rows, whole),
        }
        for code, rows in sorted(told, key=lambda one: -one[1])
    ]  # fmt: skip
