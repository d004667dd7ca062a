"""What a call costs in the end: each started minute of what was reserved, or the one call.

A message's units are what was reserved: so many minutes, or 1 where it is paid by the call. What
was not used goes back in the transaction that says how long the call was.
"""

from collections.abc import Sequence
from typing import Any, Final

from cpaas.billing.booking_queries import Entry, capture
from cpaas.kit import money
from cpaas.messages.types import Applied

MINUTE: Final = 60


def used_units(seconds: int, units: int) -> int:
    """Started minutes, of at most so many; every answered call has one."""
    return max(1, min(units, -(-seconds // MINUTE)))


async def settle_calls(connection: Any, ended: Sequence[Applied]) -> None:
    """Books what answered calls have used, each once; `refunded_micro` becomes what they give back.

    In the caller's transaction, which holds their rows.
    """
    entries = []
    for one in ended:
        if not one.price_micro:
            continue
        used = one.price_micro // one.segments * used_units(one.finish.seconds or 0, one.segments)
        one.refunded_micro = one.price_micro - used
        note = f"used {money.show(used)} of {money.show(one.price_micro)} reserved"
        entries.append(
            Entry(
                one.finish.id, one.attempt, one.account_id, one.refunded_micro,
                f"{note}, {one.finish.seconds} s",
            )
        )  # fmt: skip
    await capture(connection, entries)
