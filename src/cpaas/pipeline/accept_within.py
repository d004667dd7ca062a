"""Stores and charges submissions within the caller's transaction, beside what the caller writes.

For whoever has to move on in the same commit, as a campaign's launch does. The caller has asked
`Admission` before, and tells it the outcome after.
"""

from collections.abc import Sequence
from typing import Any

from cpaas.blacklist import check as blacklist
from cpaas.blacklist import queries as blacklist_queries
from cpaas.pipeline import accept_queries, low_balance
from cpaas.pipeline.accept_batch import Batch
from cpaas.pipeline.drafts import Submission
from cpaas.snapshot.types import Snapshot


class UnpaidError(Exception):
    """The account's money does not cover all of it: roll back, nothing may be kept."""


async def look_for_blocked(connection: Any, snapshot: Snapshot, part: Sequence[Submission]) -> None:
    """Note in each submission which of its recipients are on the blacklist."""
    numbers = sorted({message.to for one in part for message in one.messages})
    accounts = sorted({blacklist.EVERYBODY, *(one.author.account_id for one in part)})
    stops = blacklist.by_number(await blacklist_queries.look_up(connection, numbers, accounts))
    settings = snapshot.settings
    for one in part:
        account_id, channel, lane = one.author.account_id, one.channel, one.lane
        one.blocked = {
            number
            for number in ({m.to for m in one.messages} & stops.keys() if stops else ())
            if blacklist.is_blocked(stops[number], account_id, channel, lane, settings)
        }


async def store_within(
    connection: Any, snapshot: Snapshot, instance_id: int, now_us: int, part: Sequence[Submission]
) -> None:
    """Message, money and queue item of all of them. Errors: UnpaidError."""
    batch = Batch(snapshot, instance_id, now_us)
    for submission in part:
        batch.add(submission)
    unpaid, lows = await accept_queries.store(connection, batch.columns())
    if unpaid:
        raise UnpaidError
    if lows:
        await low_balance.tell(connection, snapshot, lows, now_us)
