"""When a campaign would be through, and how much of it would be delivered. Pure."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from cpaas.kit.hours import Hours, Moment

MINUTE_US: Final = 60_000_000
DAYS_MAX: Final = 60
#: 95 %.
_Z: Final = 1.96
#: fewer messages than these say little, however well they went.
MEDIUM_FROM: Final = 200
HIGH_FROM: Final = 2_000
Confidence = Literal["none", "low", "medium", "high"]


class Delivery(msgspec.Struct, frozen=True):
    """The share that would be delivered, between low and high (95 %), and what it stands on."""

    share: float | None
    low: float | None
    high: float | None
    confidence: Confidence
    #: past messages to these countries, and the share of the campaign that goes to them.
    messages: int
    covered: float


def finish_us(
    start_us: int, messages: int, segments: int, *, tps: int, rate: int, hours: Hours, zone: str
) -> int | None:
    """When the last message is given to its carrier; None when no rate says so, or too late.

    tps: segments a second of the routes; rate: messages a second of the campaign; 0 = no limit.
    """
    seconds = max(segments / tps if tps else 0.0, messages / rate if rate else 0.0)
    if not seconds:
        return None
    info = ZoneInfo(zone)
    moment = datetime.fromtimestamp(start_us / 1_000_000, info)
    left = math.ceil(seconds / 60)
    if not hours.days and not hours.spans:
        return start_us + math.ceil(seconds) * 1_000_000
    for _ in range(DAYS_MAX * 1440):
        if hours.within(Moment(moment.weekday(), moment.hour * 60 + moment.minute)):
            left -= 1
            if left <= 0:
                return int(moment.timestamp() * 1_000_000) + MINUTE_US
        moment = (moment.astimezone(ZoneInfo("UTC")) + timedelta(minutes=1)).astimezone(info)
    return None


def delivery(wanted: Mapping[str, int], history: Mapping[str, tuple[int, int]]) -> Delivery:
    """The delivery of a campaign by past delivery to the same countries.

    wanted: country -> messages. history: country -> (given to carriers, delivered).
    """
    total = sum(wanted.values())
    known = {c: n for c, n in wanted.items() if history.get(c, (0, 0))[0] > 0}
    if not known or not total:
        return Delivery(None, None, None, "none", 0, 0.0)
    covered = sum(known.values())
    share = low = high = 0.0
    for country, count in known.items():
        sent, delivered = history[country]
        weight = count / covered
        middle, below, above = wilson(min(delivered, sent), sent)
        share, low, high = share + weight * middle, low + weight * below, high + weight * above
    messages = sum(history[country][0] for country in known)
    confidence: Confidence = "low"
    if covered / total >= 0.8:
        confidence = "high" if messages >= HIGH_FROM else "low"
        if MEDIUM_FROM <= messages < HIGH_FROM:
            confidence = "medium"
    return Delivery(
        round(share, 4), round(low, 4), round(high, 4), confidence, messages,
        round(covered / total, 4),
    )  # fmt: skip


def wilson(good: int, of: int) -> tuple[float, float, float]:
    """Share, and its bounds (Wilson's interval, 95 %)."""
    share = good / of
    middle = (share + _Z * _Z / (2 * of)) / (1 + _Z * _Z / of)
    half = _Z * math.sqrt(share * (1 - share) / of + _Z * _Z / (4 * of * of)) / (1 + _Z * _Z / of)
    return share, max(0.0, middle - half), min(1.0, middle + half)
