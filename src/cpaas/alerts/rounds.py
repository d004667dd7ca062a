"""When a condition becomes an alert and when an alert is over. Pure: time is handed in.

A condition must last before it is told and be gone for as long before it is over, so that what
flutters is one alert. What was under way is forgotten with the process; what is open is not.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from cpaas.alerts.types import Alert, Condition, Key

#: seconds that anything must be gone for, and the most that is asked for.
GONE_MIN: Final = 2.0
GONE_MAX: Final = 120.0


class Rounds:
    """What was seen in the looks before."""

    def __init__(self) -> None:
        self._since: dict[Key, float] = {}
        self._gone: dict[Key, float] = {}
        self._after: dict[Key, float] = {}

    def look(
        self, now_s: float, seen: Sequence[Condition], still_open: Collection[Key]
    ) -> tuple[list[Condition], list[Key]]:
        """(what opens, what is over) by this look."""
        present = {one.key: one for one in seen}
        self._since = {key: self._since.get(key, now_s) for key in present}
        self._after |= {key: one.after_s for key, one in present.items()}
        opens = [
            one for key, one in present.items()
            if key not in still_open and now_s - self._since[key] >= one.after_s
        ]  # fmt: skip
        self._gone = {key: self._gone.get(key, now_s) for key in still_open if key not in present}
        over = [key for key, since in self._gone.items() if now_s - since >= self._wait(key)]
        self._after = {
            key: value for key, value in self._after.items()
            if key in present or key in still_open
        }  # fmt: skip
        return opens, over

    def _wait(self, key: Key) -> float:
        return min(GONE_MAX, max(GONE_MIN, self._after.get(key, 0.0)))


def to_repeat(alerts: Mapping[Key, Alert], now_us: int, hours: int) -> list[Alert]:
    """Open ones that nobody has acknowledged and that were not told for so long."""
    before = now_us - hours * 3_600_000_000
    return [one for one in alerts.values() if one.acknowledged_us is None and one.told_us <= before]
