"""Finds the kept receipts that can only be of one message whose outcome nobody knows.

A message of several parts has a receipt for each, and is known to be with the carrier once all of
them are here; no single one says so.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from cpaas.kit.ids import lowest_at
from cpaas.messages import receipt_queries
from cpaas.messages.receipt_queries import NewPart
from cpaas.pipeline import recover_queries
from cpaas.pipeline.recover_queries import Left, Unmatched
from cpaas.pipeline.transitions import Context

DAY_MS: Final = 86_400_000
#: how far back a claimed message may have been accepted.
REACH_DAYS: Final = 4
#: a receipt may come a little before our own note of the claim.
EARLY_US: Final = 5_000_000

_Fit = tuple[str, int, str]


async def fitting(
    connection: Any, context: Context, rows: Sequence[Left], known: dict[bytes, set[int]]
) -> dict[bytes, list[Unmatched]]:
    """The kept receipts that fit exactly one message being sent, one provider id a missing part.

    known: numbers of the parts that the carrier has answered for.
    """
    if not rows:
        return {}
    receipts = await recover_queries.unmatched_of_routes(
        connection, sorted({row.route_id for row in rows})
    )
    if not receipts:
        return {}
    lowest = lowest_at(context.now_us // 1000 - REACH_DAYS * DAY_MS).bytes
    recipients = sorted({row.recipient for row in rows})
    others = await recover_queries.sending_to(connection, recipients, lowest)
    sending = Counter(_fit(recipient, route, sender) for recipient, route, sender in others)
    told: dict[_Fit, list[Unmatched]] = {}
    for one in receipts:
        told.setdefault(_fit(one.recipient, one.route_id, one.sender), []).append(one)
    found = {}
    for row in rows:
        fit = _fit(row.recipient, row.route_id, row.sender)
        since = (row.claimed_us or row.created_us) - EARLY_US
        some = [one for one in told.get(fit, ()) if one.received_us >= since]
        ids = {one.provider_message_id for one in some}
        if sending[fit] == 1 and len(ids) == len(missing(context, row, known)):
            found[row.id] = some
    return found


async def keep_parts(
    connection: Any,
    context: Context,
    adopted: Sequence[Left],
    receipts: dict[bytes, list[Unmatched]],
    known: dict[bytes, set[int]],
) -> None:
    """Record the parts of adopted messages; which id is of which part is not told by receipts."""
    parts = []
    for row in adopted:
        numbers = missing(context, row, known)
        if numbers == [0]:
            continue
        ids = dict.fromkeys(one.provider_message_id for one in reversed(receipts[row.id]))
        parts += [
            NewPart(
                row.id, row.attempt, number, row.account_id, row.route_id, provider_id,
                context.now_us,
            )
            for number, provider_id in zip(numbers, ids, strict=True)
        ]  # fmt: skip
    await receipt_queries.keep_parts(connection, parts)


def missing(context: Context, row: Left, known: dict[bytes, set[int]]) -> list[int]:
    """Numbers of the parts that nobody answered for; [0] where the message goes as one."""
    route = context.snapshot.routes.get(row.route_id)
    if row.segments == 1 or (route is not None and route.whole):
        return [0]
    done = known.get(row.id, set())
    return [number for number in range(1, row.segments + 1) if number not in done]


def _fit(recipient: str, route_id: int, sender: str) -> _Fit:
    return recipient.lstrip("+"), route_id, sender.lstrip("+").casefold()
