"""Calls over SIP whose process died while they were under way: nobody will ever tell their end.

A provider with a Calls API goes on without us and tells; a trunk's calls end with the process that
made them. So they end as unknown at once, cost nothing, and are never dialled again.
"""

from collections.abc import Sequence
from typing import Any, Final

from cpaas.kit.ids import lowest_at
from cpaas.messages import queries
from cpaas.messages.types import Finish, Note
from cpaas.pipeline import recover_queries
from cpaas.pipeline.adopt import DAY_MS, REACH_DAYS
from cpaas.pipeline.transitions import Context, finish

TEXT: Final = "The call was under way when the process that made it ended."


async def end(connection: Any, context: Context, dead: Sequence[int], most: int) -> bool:
    """Ends the calls of these instances; False when some are left for the next time."""
    trunks = [
        one.id
        for one in context.snapshot.routes.values()
        if one.channel == "voice" and one.dialect == "sip"
    ]
    if not trunks:
        return True
    now_ms = context.now_us // 1000
    whole = True
    for days in range(REACH_DAYS):
        found = await recover_queries.calls_of(
            connection, dead, trunks, lowest_at(now_ms - days * DAY_MS).bytes,
            lowest_at(now_ms + DAY_MS - days * DAY_MS).bytes, most,
        )  # fmt: skip
        whole = whole and len(found) < most
        wanted = [
            Finish(
                one, "FAILED", context.now_us, attempt, error_code="unknown_outcome", error=TEXT,
                refund="always", handed_over=True,
            )
            for one, attempt in found
        ]  # fmt: skip
        applied = await finish(connection, context, wanted) if wanted else []
        await queries.note(
            connection,
            [
                Note(
                    one.finish.id, one.account_id, context.now_us, "given_up", TEXT, one.attempt,
                    one.route_id,
                )
                for one in applied
            ],
        )  # fmt: skip
    return whole
