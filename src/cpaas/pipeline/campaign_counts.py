"""What transitions mean for the campaigns of their messages; of no campaign, they cost nothing.

Rows are counted by their first message. A further attempt of a fallback counts only as the rescue
that it is.
"""

from collections.abc import Sequence
from typing import Any, Final

from cpaas.messages import campaign_queries
from cpaas.messages.campaign_queries import CampaignCounts, CampaignErrorKey, CampaignKey
from cpaas.messages.types import Applied
from cpaas.pipeline import fallback_queries

_ARRIVED: Final = frozenset({"DELIVERED", "READ"})
_FAILED: Final = frozenset({"FAILED", "REJECTED", "EXPIRED"})


async def count(
    connection: Any, writer: int, applied: Sequence[Applied], refunded: set[bytes]
) -> None:
    """Count what was applied in the caller's transaction, if any of it is of a campaign."""
    ours = [one for one in applied if one.campaign_id]
    if not ours:
        return
    further = await _further(connection, ours)
    counts: dict[CampaignKey, CampaignCounts] = {}
    errors: dict[CampaignErrorKey, int] = {}
    for one in ours:
        key = (one.campaign_id, one.account_id)
        to = counts.get(key)
        if to is None:
            to = counts[key] = CampaignCounts()
        if one.finish.id in refunded:
            to.refunded_micro += one.refunded_micro
        if one.finish.id in further:
            to.rescued += _arrives(one) and not one.duplicate
            continue
        _count(to, one)
        if one.finish.status in _FAILED:
            code = one.finish.error_code or one.finish.status.lower()
            named = (*key, code)
            errors[named] = errors.get(named, 0) + 1
    await campaign_queries.count(connection, writer, counts, errors)


async def _further(connection: Any, ours: Sequence[Applied]) -> set[bytes]:
    """Those that are further attempts of a fallback."""
    family = [one.finish.id for one in ours if one.in_fallback]
    if not family:
        return set()
    members = await fallback_queries.members(connection, family)
    return {one.id for one in members.values() if one.root != one.id}


def _arrives(one: Applied) -> bool:
    """Whether the recipient has it now for the first time."""
    status = one.finish.status
    return status == "DELIVERED" or (status == "READ" and one.delivered_us is None)


def _count(to: CampaignCounts, one: Applied) -> None:
    status = one.finish.status
    if status in {"QUEUED", "SENDING"}:
        return
    if status == "SUBMITTED":
        to.submitted += 1
        return
    first_word = status != "READ" or one.delivered_us is None
    if one.submitted_us is None and first_word and (one.finish.handed_over or status in _ARRIVED):
        to.submitted += 1
    to.read += status == "READ"
    if first_word:
        name = "delivered" if status in _ARRIVED else status.lower()
        setattr(to, name, getattr(to, name) + 1)
