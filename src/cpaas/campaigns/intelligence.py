"""Campaign Intelligence: what starting would cost, take and reach, and how the text reads."""

from typing import Any

import msgspec

from cpaas.campaigns import history_queries, status_queries
from cpaas.campaigns.forecast import Delivery, delivery, finish_us
from cpaas.campaigns.pace import hours_of, way_of, zone_of_window
from cpaas.campaigns.spam import Spam, judge
from cpaas.campaigns.tally import Estimate, read_estimate
from cpaas.campaigns.types import Campaign
from cpaas.dlt import check as dlt
from cpaas.dlt import hours
from cpaas.snapshot.types import Snapshot


class Intelligence(msgspec.Struct, frozen=True):
    """What is known before a campaign starts. Money in micro-units, times in Unix microseconds."""

    estimate: Estimate
    balance_micro: int
    #: what is missing to start; 0 = nothing.
    missing_micro: int
    #: segments a second of the routes it would take; 0 = without limit.
    tps: int
    starts_us: int
    finishes_us: int | None
    delivery: Delivery
    #: whose past the delivery stands on: account or platform.
    witness: str
    spam: Spam


async def look(
    connection: Any, snapshot: Snapshot, campaign: Campaign, now_us: int
) -> Intelligence | None:
    """All of it; None until the rows are checked."""
    estimate = read_estimate(campaign.estimate)
    if estimate is None:
        return None
    balance, left = await status_queries.money(connection, campaign.account_id)
    missing = 0 if campaign.is_test else max(0, estimate.cost_micro - max(left, 0))
    witness, past = await history_queries.delivery(
        connection, campaign.account_id, campaign.content.channel
    )
    starts_us = _starts_us(snapshot, campaign, estimate, now_us)
    tps = way_of(snapshot, campaign, estimate.numbers, starts_us).tps
    window = campaign.pace.window
    finishes_us = finish_us(
        starts_us, estimate.messages, estimate.segments, tps=tps,
        rate=_rate(snapshot, campaign), hours=hours_of(window),
        zone=zone_of_window(snapshot, window),
    )  # fmt: skip
    wanted = {country: found[0] for country, found in estimate.countries.items()}
    text = estimate.samples[0] if estimate.samples else campaign.content.text
    return Intelligence(
        estimate, balance, missing, tps, starts_us, finishes_us, delivery(wanted, past), witness,
        judge(text, campaign.content.traffic_class),
    )  # fmt: skip


def _starts_us(snapshot: Snapshot, campaign: Campaign, estimate: Estimate, now_us: int) -> int:
    """When its first rows can go: at its time, and to India not outside the promotional hours."""
    starts_us = max(now_us, campaign.pace.send_at_us or 0)
    account = snapshot.accounts.get(campaign.account_id)
    is_bound = (
        account is not None
        and campaign.channel == "sms"
        and campaign.content.traffic_class == dlt.PROMOTIONAL
        and dlt.COUNTRY in estimate.countries
        and dlt.mode(account) == "enforce"
    )
    return hours.opens_us(starts_us) if is_bound else starts_us


def _rate(snapshot: Snapshot, campaign: Campaign) -> int:
    account = snapshot.accounts.get(campaign.account_id)
    rates = [rate for rate in (campaign.pace.rate, account.tps if account else 0) if rate]
    return min(rates, default=0)
