"""The straight part of a batch, settled by one statement of its own.

Straight are first answers and receipts of messages that the process itself sent and still holds,
of no campaign and no fallback, and of which the batch says one thing only. What is found to be
otherwise, and all else, goes the ordinary way: several statements in one transaction, which asks
the database instead of knowing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cpaas.messages.straight_queries import as_wanted, is_straight
from cpaas.messages.types import Finish
from cpaas.pipeline import straight_queries
from cpaas.pipeline.answers import decide
from cpaas.pipeline.receipts import Key, held, wanted
from cpaas.pipeline.transitions import Context, counts_of, events_of
from cpaas.pipeline.types import Answer, Receipt


async def submit(connection: Any, context: Context, answers: Sequence[Answer]) -> list[Answer]:
    """Applies the straight ones of these answers; returns the others."""
    times = Counter([answer.message.id for answer in answers])
    left: list[Answer] = []
    ahead: dict[bytes, Finish] = {}
    for answer in answers:
        one = _submitted(context, answer) if times[answer.message.id] == 1 else None
        if one is None:
            left.append(answer)
        else:
            ahead[one.id] = one
    if not ahead:
        return left
    ordered = [ahead[key] for key in sorted(ahead)]
    applied = [as_wanted(one, one.at_us) for one in ordered]
    done = await straight_queries.submit(
        connection, ordered, items=events_of(context, applied),
        writer=context.counter or context.instance_id, counts=counts_of(applied, set()),
    )  # fmt: skip
    return left if done else list(answers)


async def deliver(
    connection: Any, context: Context, receipts: Sequence[Receipt], expected: Mapping[Key, Answer]
) -> list[Receipt]:
    """Applies the straight ones of these receipts; returns the others."""
    times = Counter([(one.provider_message_id, one.route_id) for one in receipts])
    left: list[Receipt] = []
    ahead: dict[bytes, tuple[Finish, int]] = {}
    for receipt in receipts:
        key = receipt.provider_message_id, receipt.route_id
        answer = expected.get(key)
        one = None if answer is None or times[key] > 1 else _delivered(context, receipt, answer)
        if one is None or answer is None or one.id in ahead:
            left.append(receipt)
        else:
            ahead[one.id] = one, answer.at_us
    if not ahead:
        return left
    ordered = [ahead[key][0] for key in sorted(ahead)]
    applied = [as_wanted(one, ahead[one.id][1]) for one in ordered]
    done = await straight_queries.deliver(
        connection, ordered, final_by=context.instance_id, items=events_of(context, applied),
        writer=context.counter or context.instance_id, counts=counts_of(applied, set()),
    )  # fmt: skip
    return left if done else list(receipts)


def _submitted(context: Context, answer: Answer) -> Finish | None:
    envelope = answer.envelope
    apart = envelope.campaign_id or envelope.in_fallback or envelope.strategy_id
    if apart or answer.error is not None or len(answer.provider_ids) != 1:
        return None
    one = decide(context, answer).finish
    return one if one is not None and is_straight(one) else None


def _delivered(context: Context, receipt: Receipt, answer: Answer) -> Finish | None:
    envelope = answer.envelope
    if envelope.campaign_id or envelope.in_fallback or receipt.state != "DELIVERED":
        return None
    if receipt.category or receipt.seconds is not None:
        return None
    one = wanted(receipt, held(receipt.provider_message_id, answer), context)
    return one if is_straight(one) else None
