"""How many messages an account may hand in a second: a token bucket for each."""

from collections.abc import Callable

#: accounts kept; beyond it the buckets start anew.
_ACCOUNTS_MAX = 100_000


class Rates:
    """A request passes while its account's bucket is not empty, and may leave it in debt.

    So a long list passes, too, and is paid for by a longer wait.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._buckets: dict[int, tuple[float, float]] = {}

    def wait(self, account_id: int, tps: int) -> float:
        """0 if the account may send now, else the seconds until it may."""
        now = self._monotonic()
        level, at = self._buckets.get(account_id, (float(tps), now))
        level = min(float(tps), level + (now - at) * tps)
        self._buckets[account_id] = (level, now)
        return 0.0 if level >= 1 else (1 - level) / tps

    def spend(self, account_id: int, messages: int) -> None:
        """Takes what was handed in out of the bucket."""
        if len(self._buckets) > _ACCOUNTS_MAX:
            self._buckets.clear()
        found = self._buckets.get(account_id)
        if found is not None:
            self._buckets[account_id] = (found[0] - messages, found[1])
