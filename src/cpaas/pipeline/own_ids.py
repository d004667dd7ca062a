"""Receipts whose provider id is unknown, but which repeat our own id: the answer that never came.

Such a receipt says that the carrier has the message, and under which id, so a message that is still
SENDING is SUBMITTED by it, however long its answer has been missing.
"""

from collections.abc import Sequence
from typing import Any

from cpaas.messages import queries, receipt_queries
from cpaas.messages.receipt_queries import Found
from cpaas.messages.types import Finish, Note
from cpaas.pipeline.answers import clean
from cpaas.pipeline.transitions import Context, finish
from cpaas.pipeline.types import Receipt


async def find(
    connection: Any, context: Context, receipts: Sequence[Receipt], numbers: Sequence[int]
) -> tuple[list[tuple[int, Found]], list[int]]:
    """Messages of receipts by our own ids, and the numbers of receipts that have none.

    What was SENDING is SUBMITTED now, in the caller's transaction.
    """
    ids = sorted({one for n in numbers if (one := receipts[n].message_id) is not None})
    states = await receipt_queries.states(connection, ids)
    found: list[tuple[int, Found]] = []
    rest: list[int] = []
    wanted: dict[bytes, Finish] = {}
    for number in numbers:
        receipt = receipts[number]
        state = states.get(receipt.message_id or b"")
        if state is None or state.route_id != receipt.route_id or state.status == "QUEUED":
            # Not here, of another route, or sent anew: kept, and tried again.
            rest.append(number)
            continue
        provider_id = clean(receipt.provider_message_id)
        if state.status == "SENDING":
            wanted.setdefault(
                state.id,
                Finish(
                    state.id, "SUBMITTED", min(receipt.done_us, context.now_us), state.attempt,
                    state.route_id, provider_id, _cost(context, receipt, state),
                ),
            )  # fmt: skip
        found.append((number, state))
    if wanted:
        applied = await finish(connection, context, list(wanted.values()))
        await queries.note(
            connection,
            [
                Note(
                    one.finish.id, one.account_id, context.now_us, "adopted",
                    "A receipt that repeats our own id says that the carrier has it.",
                    one.attempt, one.route_id,
                )
                for one in applied
            ],
        )  # fmt: skip
    return found, rest


def _cost(context: Context, receipt: Receipt, state: Found) -> int:
    route = context.snapshot.routes.get(state.route_id)
    if route is not None and route.channel == "voice":
        return 0  # known when the call is over
    each = context.snapshot.carrier_cost(state.route_id, receipt.recipient.removeprefix("+"))
    return (each or 0) * state.segments
