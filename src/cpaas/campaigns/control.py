"""Starts, pauses, resumes, cancels and retries a campaign; the caller holds the transaction.

Each locks the campaign's row, so that of two that come at once the second sees what the first did.
"""

from collections.abc import Collection
from typing import Any, Final

from cpaas.campaigns import launch_queries, queries, row_queries, status_queries
from cpaas.campaigns.judge import Judge
from cpaas.campaigns.stage import author_of
from cpaas.campaigns.tally import read_estimate
from cpaas.campaigns.types import Campaign
from cpaas.kit.money import show
from cpaas.messages.campaign_queries import CampaignCounts
from cpaas.messages.campaign_queries import count as count_campaign
from cpaas.pipeline.refusals import RefusedError
from cpaas.snapshot.types import Snapshot

#: writes what a retry takes out of the counts.
ADJUSTING_INSTANCE: Final = 0
#: reason of a pause that only the operator may end.
HELD: Final = "paused_by_operator"


class NotPossibleError(Exception):
    """The campaign's state does not allow it; a stable code and what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


async def start(connection: Any, snapshot: Snapshot, campaign: Campaign, now_us: int) -> None:
    """Start a checked campaign, now or at its time. Errors: NotPossibleError, RefusedError."""
    campaign = await _locked(connection, campaign, {"CREATED"}, "started")
    _ready(campaign)
    Judge(snapshot, author_of(campaign), campaign.content, campaign.names, now_us)
    estimate = read_estimate(campaign.estimate)
    if estimate is None:
        raise not_checked(campaign)
    if not estimate.messages:
        codes = ", ".join(estimate.refused) or "all are blocked"
        raise NotPossibleError(
            "campaign_no_rows", f"No row of the file would be sent ({codes}); see its faults."
        )
    if not campaign.is_test:
        await _afford(connection, campaign, estimate.cost_micro)
    await row_queries.delete_faults(connection, campaign.account_id, campaign.id, "check")
    await status_queries.start(connection, campaign)


async def pause(connection: Any, campaign: Campaign, *, by: str, is_operator: bool = False) -> None:
    """From this commit on nothing is launched, and within a second nothing claimed."""
    campaign = await _locked(connection, campaign, {"QUEUED", "PROCESSING"}, "paused")
    code = HELD if is_operator else "paused"
    await status_queries.pause(connection, campaign, code, f"Paused by {by}.")


async def resume(connection: Any, campaign: Campaign, *, is_operator: bool = False) -> None:
    """Go on with the next row; what the operator paused the operator resumes."""
    campaign = await _locked(connection, campaign, {"PAUSED"}, "resumed")
    if campaign.reason_code == HELD and not is_operator:
        raise NotPossibleError(
            "campaign_not_possible",
            "Your operator paused this campaign; ask them to resume it, or cancel it.",
        )
    await status_queries.resume(connection, campaign)


async def cancel(connection: Any, campaign: Campaign) -> None:
    """Launch no more, and take back with its price what no carrier has."""
    allowed = {"CREATED", "QUEUED", "PROCESSING", "PAUSED"}
    campaign = await _locked(connection, campaign, allowed, "cancelled")
    await status_queries.cancel(connection, campaign)


async def retry(connection: Any, campaign: Campaign) -> int:
    """Launch again only what failed; returns how many rows. Errors: as `start`."""
    campaign = await _locked(connection, campaign, {"COMPLETED", "FAILED"}, "retried")
    refused = await launch_queries.retry_refused(connection, campaign)
    found = await launch_queries.retry_failed(connection, campaign)
    sent = sum(int(row[2]) for row in found)
    if not sent and not refused:
        raise NotPossibleError("campaign_nothing_failed", "No row of the campaign failed.")
    await _afford(connection, campaign, sum(row[3] for row in found))
    counts = CampaignCounts(submitted=-sum(row[4] for row in found))
    errors: dict[tuple[int, int, str], int] = {}
    for status, code, rows, _, _ in found:
        name = status.lower()
        setattr(counts, name, getattr(counts, name) - rows)
        key = (campaign.id, campaign.account_id, code)
        errors[key] = errors.get(key, 0) - rows
    key_of_counts = (campaign.id, campaign.account_id)
    await count_campaign(connection, ADJUSTING_INSTANCE, {key_of_counts: counts}, errors)
    await launch_queries.begin_round(connection, campaign, sent=sent, refused=refused)
    return sent + refused


async def editable(connection: Any, campaign: Campaign) -> Campaign:
    """The campaign, locked, if it may still be changed. Errors: NotPossibleError."""
    return await _locked(connection, campaign, {"CREATED"}, "changed")


def not_checked(campaign: Campaign) -> NotPossibleError:
    """Why there is nothing to know about its rows yet."""
    try:
        _ready(campaign)
    except NotPossibleError as error:
        return error
    if not campaign.content.says_something:
        text = "The campaign has neither text nor template yet; set one."
        return NotPossibleError("campaign_not_ready", text)
    return NotPossibleError("campaign_not_ready", "The rows are being checked; try again.")


async def _locked(
    connection: Any, campaign: Campaign, allowed: Collection[str], done: str
) -> Campaign:
    found = await queries.find(connection, campaign.account_id, campaign.id, lock=True)
    if found is None:
        raise NotPossibleError("campaign_not_found", "The campaign is gone.")
    if found.status not in allowed:
        raise NotPossibleError(
            "campaign_not_possible",
            f"The campaign is {found.status}; one that is {' or '.join(sorted(allowed))} can be"
            f" {done}.",
        )
    return found


def _ready(campaign: Campaign) -> None:
    state = campaign.file_state
    if state == "REFUSED":
        raise NotPossibleError(
            "campaign_file_refused", f"{campaign.file_error_code}: {campaign.file_error}"
        )
    if state == "MISSING":
        raise NotPossibleError("campaign_not_ready", "The campaign has no file yet; upload one.")
    if state != "READY":
        raise NotPossibleError("campaign_not_ready", "The file is being read; try again.")


async def _afford(connection: Any, campaign: Campaign, cost_micro: int) -> None:
    balance, left = await status_queries.money(connection, campaign.account_id)
    if cost_micro > max(left, 0) and not campaign.is_test:
        raise RefusedError(
            "insufficient_balance",
            f"This campaign costs {show(cost_micro)}, the balance is {show(balance)}.",
        )
