"""How a campaign comes to its end: every row final, or cancelled and nothing left waiting."""

from typing import Any, Final

from cpaas.campaigns import launch_queries, queries
from cpaas.campaigns.types import Campaign, Counts
from cpaas.messages.envelopes import LANE_NUMBER
from cpaas.messages.types import Finish
from cpaas.pipeline.transitions import Context, finish

CANCELLED_AT_ONCE: Final = 500


async def end_launched(connection: Any, campaign: Campaign) -> None:
    """COMPLETED once every row is final, FAILED if nothing was sent at all."""
    counts = (await queries.counts(connection, [campaign.id])).get(campaign.id, Counts())
    if counts.final < campaign.launched:
        return
    if campaign.content.fallback and campaign.first_id is not None:
        # A step that is due is an item until its message is there, so in this order none is
        # missed. A timer that still runs is of a message that arrived, or that is open.
        lane = LANE_NUMBER[campaign.content.traffic_class]
        if await launch_queries.has_due_steps(connection, campaign.account_id, lane):
            return
        if await launch_queries.has_open_messages(connection, campaign):
            return
    if counts.submitted or counts.rescued:
        await launch_queries.finish(connection, campaign, "COMPLETED")
    else:
        await launch_queries.finish(
            connection, campaign, "FAILED", "nothing_sent",
            "No row reached a carrier; the errors say why.",
        )  # fmt: skip


async def end_cancelled(
    connection: Any, context: Context, campaign: Campaign, *, after: bytes | None
) -> bytes | None:
    """Take back what no carrier has, with its price; the last message that was looked at.

    after: as far as the last call came; it ends once nothing waits from the beginning on.
    """
    ids = await launch_queries.waiting_messages(
        connection, campaign, CANCELLED_AT_ONCE, after=after
    )
    if not ids:
        if after is None:
            await launch_queries.finish_cancel(connection, campaign)
        return None
    async with connection.transaction():
        await finish(
            connection,
            context,
            [
                Finish(
                    one, "CANCELLED", context.now_us, error_code="cancelled",
                    error="Its campaign was cancelled.", refund="always",
                )
                for one in ids
            ],
        )  # fmt: skip
    return ids[-1]
