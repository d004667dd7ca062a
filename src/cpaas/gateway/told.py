"""What a link tells, in the words of settle."""

from collections.abc import Callable, Sequence

from cpaas.channels.base import CarrierReceipt, Outcome
from cpaas.pipeline.types import Answer, Receipt


def answers(route_id: int, outcomes: Sequence[Outcome], at_us: int) -> list[Answer]:
    """Outcomes of one read as answers."""
    return [
        Answer(
            one.prepared.envelope, one.prepared.message, route_id, at_us, one.provider_ids,
            one.error, one.carrier_code,
        )
        for one in outcomes
    ]  # fmt: skip


def receipts(
    route_id: int, told: Sequence[CarrierReceipt], token: Callable[[object], object]
) -> list[Receipt]:
    """Carriers' receipts of one read; token: how settle gives back whose they were."""
    return [
        Receipt(
            route_id, one.provider_message_id, one.state, one.error_code, one.error, one.done_us,
            one.recipient, one.sender, one.raw, token(one.token), one.message_id, one.category,
            one.seconds,
        )
        for one in told
    ]  # fmt: skip
