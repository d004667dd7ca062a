"""What becomes of a call: by the reserved numbers first, then as the settings' mix asks."""

import random
from typing import Final, Literal

from cpaas.simulators.voice.settings import ProviderSettings

Kind = Literal[
    "completed",
    "busy",
    "failed",
    "no-answer",
    "rejected",
    "slow",
    "silent",
    "throttled_first",
    "mute",
]

#: the same last digits mean the same in every simulated carrier.
_RESERVED: Final[dict[str, Kind]] = {
    "+999000000001": "completed",
    "+999000000002": "busy",
    "+999000000003": "rejected",
    "+999000000004": "no-answer",
    "+999000000005": "slow",
    "+999000000006": "silent",
    "+999000000007": "throttled_first",
    "+999000000008": "failed",
    "+999000000016": "mute",
}
#: people write +999 00 0000 0002, which is a digit longer than the first form.
RESERVED: Final[dict[str, Kind]] = _RESERVED | {
    number.replace("+999", "+9990", 1): kind for number, kind in _RESERVED.items()
}


class Decider:
    """Decides call by call."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._mix = settings.outcome_mix
        self._random = random.Random(settings.seed)  # noqa: S311 - a simulation, repeatable
        self._throttled: set[str] = set()

    def decide(self, to: str, script: str) -> Kind:
        """What becomes of a call; the first to 07 of its script is throttled, the next is not."""
        kind = RESERVED.get(to)
        if kind == "throttled_first":
            if script in self._throttled:
                self._throttled.discard(script)
                return "completed"
            if len(self._throttled) < 10_000:
                self._throttled.add(script)
            return kind
        return kind or self._draw()

    def _draw(self) -> Kind:
        point = self._random.random() if self._mix else 1.0
        for kind, share in self._mix.items():
            point -= share
            if point < 0:
                return kind  # type: ignore[return-value]
        return "completed"
