"""Notices when the database's clock stepped, and brings forward what a step back would hold up.

An item that was due at once, a lease, a retry: made by the clock of before, they would now lie
hours in the future. What somebody scheduled for a date stays with its date.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from cpaas.kit.log import get_logger
from cpaas.messages.envelopes import UnreadableEnvelopeError, unpack
from cpaas.pipeline import clock_queries as queries
from cpaas.pipeline.transitions import Context

STEP_US: Final = 2_000_000
_log = get_logger(__name__)


class ClockSteps:
    """The sweep that compares both clocks with time that really passed.

    Queue items are stamped by the database's clock, retries by the processes' (`kit.clock`).
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._offsets: tuple[int, int] | None = None

    async def sweep(self, connection: Any, context: Context) -> int:
        """Look at the clocks, and put right what a step back left; returns how many items."""
        passed_us = int(self._monotonic() * 1_000_000)
        offsets = await queries.clock_us(connection) - passed_us, context.now_us - passed_us
        before, self._offsets = self._offsets, offsets
        if before is None:
            # Whether it stepped while nobody looked only the newest items can tell.
            items_us = retries_us = await queries.newest_ahead_us(connection)
        else:
            items_us, retries_us = before[0] - offsets[0], before[1] - offsets[1]
            if abs(items_us) >= STEP_US:
                _log.error("database_clock_stepped", seconds=-items_us / 1_000_000)
        if retries_us >= STEP_US:
            await queries.shift_retries(connection, retries_us, context.now_us)
        return await put_right(connection, items_us) if items_us >= STEP_US else 0


async def put_right(connection: Any, back_us: int) -> int:
    """Bring forward items that were made before the database's clock stepped back by so much."""
    delayed = await queries.delayed_items(connection)
    dated = [item_id for item_id, payload in delayed if _dated(payload)]
    moved = await queries.shift_items(connection, back_us, dated)
    _log.warning("queue_items_brought_forward", items=moved, seconds=back_us / 1_000_000)
    return moved


def _dated(payload: bytes) -> bool:
    """Whether an item waits for a date that its sender named."""
    try:
        envelope = unpack(payload)
    except UnreadableEnvelopeError:
        return False
    # Attempts that go again have a plan or a higher number; only acceptance schedules.
    first = all(one.attempt == 1 and not one.tries for one in envelope.messages)
    return envelope.scheduled and not envelope.plan and first
