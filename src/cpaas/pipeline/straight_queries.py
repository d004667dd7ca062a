"""SQL that settles a batch of straight transitions whole: statuses, events and figures at once.

One statement is one transaction and one round trip, where the ordinary way takes five.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from cpaas.broker.base import NewItem
from cpaas.broker.embedded import columns
from cpaas.broker.embedded_queries import INSERT
from cpaas.messages.queries import COUNT, COUNT_VALUES, count_values
from cpaas.messages.straight_queries import DELIVERED, SUBMITTED, deliver_values, submit_values
from cpaas.messages.types import CounterKey, Counts, Finish

_NUMBER: Final = re.compile(r"\$(\d+)")
_ITEM_VALUES: Final = 6


def _behind(statement: str, parameters: int) -> str:
    """A statement whose parameters follow so many others."""
    return _NUMBER.sub(lambda found: f"${int(found[1]) + parameters}", statement)


def _whole(step: str, parameters: int) -> str:
    # The division by zero undoes everything if not all is as the process holds it to be.
    wake = parameters + _ITEM_VALUES + COUNT_VALUES + 1
    return f"""
WITH {step},
queued AS ({_behind(INSERT, parameters)}),
counted AS ({_behind(COUNT, parameters + _ITEM_VALUES)})
SELECT 1 / ((SELECT count(*) FROM done WHERE refunded_micro = 0 AND submitted_at IS NOT NULL)
        = cardinality($1::uuid[]))::integer,
    (SELECT count(pg_notify(channel, '')) FROM unnest(${wake}::text[]) channel)
"""


SUBMIT_WHOLE: Final = _whole(SUBMITTED, 6)
DELIVER_WHOLE: Final = _whole(DELIVERED, 5)


async def submit(
    connection: Any, ordered: Sequence[Finish], *, items: Sequence[NewItem], writer: int,
    counts: dict[CounterKey, Counts],
) -> bool:  # fmt: skip
    """Messages, in the order of their ids, are SUBMITTED: all of them, or False and none."""
    return await _settle(
        connection, SUBMIT_WHOLE, submit_values(ordered), items, count_values(writer, counts)
    )


async def deliver(
    connection: Any, ordered: Sequence[Finish], *, final_by: int, items: Sequence[NewItem],
    writer: int, counts: dict[CounterKey, Counts],
) -> bool:  # fmt: skip
    """Messages, in the order of their ids, are DELIVERED: all of them, or False and none."""
    return await _settle(
        connection, DELIVER_WHOLE, deliver_values(ordered, final_by), items,
        count_values(writer, counts),
    )  # fmt: skip


async def _settle(
    connection: Any, statement: str, values: tuple[Any, ...], items: Sequence[NewItem],
    figures: tuple[list[Any], ...],
) -> bool:  # fmt: skip
    inserted, wake = columns(items)
    try:
        await connection.execute(statement, *values, *inserted, *figures, wake)
    except asyncpg.DivisionByZeroError:
        return False
    return True
