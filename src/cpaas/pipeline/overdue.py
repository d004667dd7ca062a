"""Recovery of what is late: receipts without a message, messages without a receipt, old rows."""

from typing import Any, Final

import msgspec

from cpaas.accounts.queries import delete_old_tokens
from cpaas.db.queries import make_partitions
from cpaas.kit.ids import lowest_at
from cpaas.kit.log import get_logger
from cpaas.messages.call_record import call_seconds
from cpaas.messages.types import Finish
from cpaas.pipeline import recover_queries
from cpaas.pipeline.receipts import apply_receipts
from cpaas.pipeline.recover_queries import Unmatched
from cpaas.pipeline.transitions import Context, finish
from cpaas.pipeline.types import Receipt, ReceiptState

_log = get_logger(__name__)

SECOND_US: Final = 1_000_000
HOUR_US: Final = 3_600 * SECOND_US
#: pauses before the second and further tries; the last one repeats until the end.
PAUSES_US: Final = tuple(n * SECOND_US for n in (5, 30, 120, 600, 3_600))
RECEIPT_KEPT_US: Final = 72 * HOUR_US
NO_RECEIPT_US: Final = 72 * HOUR_US
#: what was accepted so long before may still have been submitted 72 hours ago.
ACCEPTED_BEFORE_US: Final = 48 * HOUR_US
KEYS_KEPT_US: Final = 24 * HOUR_US
INSTANCES_KEPT_US: Final = 7 * 24 * HOUR_US
#: after they were given up, for people to look at.
RECEIPTS_SHOWN_US: Final = 30 * 24 * HOUR_US
PARTITION_DAYS_AHEAD: Final = 14
BATCH_MAX: Final = 500
DELETE_MAX: Final = 10_000


async def sweep_unmatched(connection: Any, context: Context) -> int:
    """Try kept receipts again that are due; returns how many were tried."""
    due = await recover_queries.due_unmatched(connection, context.now_us, BATCH_MAX)
    if not due:
        return 0
    still = set(await apply_receipts(connection, context, [_receipt(one) for one in due]))
    found = [one.id for number, one in enumerate(due) if number not in still]
    later: list[tuple[int, int]] = []
    given_up: list[int] = []
    for number in sorted(still):
        one = due[number]
        if context.now_us - one.received_us >= RECEIPT_KEPT_US:
            given_up.append(one.id)
        else:
            pause = PAUSES_US[min(one.tries, len(PAUSES_US) - 1)]
            later.append((one.id, context.now_us + pause))
    await recover_queries.delete_unmatched(connection, found)
    await recover_queries.postpone_unmatched(connection, later, given_up, context.now_us)
    return len(due)


def _receipt(kept: Unmatched) -> Receipt:
    return Receipt(
        kept.route_id, kept.provider_message_id, msgspec.convert(kept.state, ReceiptState),
        kept.error_code, "", kept.done_us or kept.received_us, kept.recipient, kept.sender,
        kept.raw, seconds=call_seconds(kept.raw),
    )  # fmt: skip


async def sweep_silent(
    connection: Any, context: Context, *, accepted_before_us: int = ACCEPTED_BEFORE_US
) -> int:
    """End messages without a receipt for 72 hours; returns how many, at most a batch."""
    latest_us = context.now_us - NO_RECEIPT_US
    ids = await recover_queries.silent(
        connection,
        lowest_at((latest_us - accepted_before_us) // 1000).bytes,
        lowest_at(latest_us // 1000).bytes,
        latest_us,
        BATCH_MAX,
    )
    if ids:
        text = "The carrier took it and sent no receipt for 72 hours."
        await finish(
            connection,
            context,
            [
                Finish(one, "EXPIRED", context.now_us, error_code="no_receipt", error=text)
                for one in ids
            ],
        )
    return len(ids)


async def sweep_stranded(connection: Any, context: Context) -> int:
    """Report QUEUED messages that no queue holds; `OverdueWalk` ends them after their validity.

    Reads two days of messages, so once a day is enough.
    """
    lowest = lowest_at((context.now_us - ACCEPTED_BEFORE_US) // 1000).bytes
    missing = await recover_queries.stranded(connection, lowest)
    if missing:
        _log.error("messages_without_queue_item", messages=missing)
    return missing


async def sweep_partitions(connection: Any, _context: Context) -> int:
    """Make the partitions of the coming days."""
    await make_partitions(connection, PARTITION_DAYS_AHEAD)
    return 0


async def sweep_old_rows(connection: Any, context: Context) -> int:
    """Throw away keys, instances and receipts past their time; returns how many rows."""
    keys = await recover_queries.delete_old_keys(
        connection, context.now_us - KEYS_KEPT_US, DELETE_MAX
    )
    instances = await recover_queries.delete_old_instances(
        connection, context.now_us - INSTANCES_KEPT_US, DELETE_MAX
    )
    receipts = await recover_queries.delete_old_receipts(
        connection, context.now_us - RECEIPTS_SHOWN_US, DELETE_MAX
    )
    await delete_old_tokens(connection)
    return keys + instances + receipts
