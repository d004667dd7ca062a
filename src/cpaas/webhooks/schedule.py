"""When a failed delivery is tried again, and when it is given up.

Growing delays keep a customer's short outage short and a long one cheap; 24 hours cover a night.
"""

from collections.abc import Callable
from typing import Final

SECOND_US: Final = 1_000_000
GIVE_UP_US: Final = 24 * 3600 * SECOND_US
#: seconds after the first, second, … attempt; the last repeats until the day is over.
DELAYS: Final = (5, 30, 120, 600, 1800, 3600, 7200, 14_400)
JITTER: Final = 0.2
RETRY_AFTER_SECONDS_MAX: Final = 4 * 3600
#: what remains of the day under this is not worth one more attempt.
LAST_US: Final = 60 * SECOND_US


def next_attempt(
    now_us: int,
    created_us: int,
    attempts: int,
    retry_after: float | None,
    uniform: Callable[[], float],
) -> int | None:
    """When to try again after so many failed attempts; None when the day is over.

    `uniform` gives 0..1: without it, customers that failed together would be retried together.
    """
    give_up_us = created_us + GIVE_UP_US
    if now_us >= give_up_us - LAST_US:
        return None
    delay = DELAYS[min(attempts, len(DELAYS)) - 1] * (1 + JITTER * uniform())
    if retry_after is not None:
        delay = max(delay, min(retry_after, RETRY_AFTER_SECONDS_MAX))
    return min(now_us + int(delay * SECOND_US), give_up_us)
