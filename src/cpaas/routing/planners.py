"""Planners kept from turn to turn, as long as configuration and minute stay the same.

What a rule asks of an envelope is asked once a minute and account, not once a transaction.
"""

from typing import Final

from cpaas.routing.plan import Planner
from cpaas.routing.strategies import Turns
from cpaas.snapshot.types import Snapshot

PLANNERS_MAX: Final = 10_000
MINUTE_US: Final = 60_000_000


class Planners:
    """The planners of one channel's route step, and whose turn it is in its strategies."""

    def __init__(self, channel: str, turns: Turns | None = None) -> None:
        self._channel = channel
        self._turns = turns or Turns()
        self._made: dict[tuple[int, str, bool], Planner] = {}
        self._of: tuple[Snapshot, int] | None = None

    def get(
        self, snapshot: Snapshot, now_us: int, account_id: int, lane: str, *, is_test: bool
    ) -> Planner:
        """The planner for messages of an account and lane, now."""
        minute = now_us // MINUTE_US
        of = self._of
        if of is None or of[0] is not snapshot or of[1] != minute or len(self._made) > PLANNERS_MAX:
            self._made.clear()
            self._of = (snapshot, minute)
        key = (account_id, lane, is_test)
        planner = self._made.get(key)
        if planner is None:
            planner = self._made[key] = Planner(
                snapshot, account_id, self._channel, lane, is_test=is_test, now_us=now_us,
                turns=self._turns,
            )  # fmt: skip
        return planner
