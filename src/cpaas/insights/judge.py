"""What in an account's figures is unusual: plain statistics against its own past, no guesses.

Pure. Every finding carries the figures it stands on, so that a person can check it, and so that
whoever words it cannot say more than that.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

Kind = Literal["traffic_high", "traffic_low", "delivery_drop", "failures"]

#: fewer days of the past say nothing about a usual hour.
PAST_MIN: Final = 5
#: how many usual deviations an hour must lie outside.
DEVIATIONS: Final = 6.0
#: and by how many messages, and by which factor, to matter to anybody.
MESSAGES_MIN: Final = 50
FACTOR: Final = 2.0
#: the median's deviation of a normal distribution in standard deviations.
_MAD_SIGMA: Final = 1.4826
#: how much real traffic varies from day to day beyond chance, as a share of itself.
_UNREST: Final = 0.25
#: for silence: usual deviations on a scale of factors, and the least that one is.
LOW_DEVIATIONS: Final = 7.0
_LOW_UNREST: Final = 0.27
HANDED_MIN: Final = 100
DROP_MIN: Final = 0.05
DROP_SIGMAS: Final = 4.0
FAILURES_MIN: Final = 20
FAILURES_SHARE_MIN: Final = 0.02
FAILURES_FACTOR: Final = 3.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One unusual thing. `subject`: an hour, a channel, a country, a route or an error code.

    now and usual: messages for traffic and failures, shares of 0 to 1 for delivery. weight: how
    much it matters, in messages, for the order.
    """

    kind: Kind
    subject: str
    now: float
    usual: float
    weight: float
    of: int = 0
    #: how many hours one after the other, for traffic; now and usual are their sums.
    hours: int = 1


class Usual(msgspec.Struct, frozen=True):
    """What an hour usually holds, and how far it may lie from that."""

    expected: float
    low: float
    high: float


def usual(past: Sequence[int]) -> Usual | None:
    """From the same hour of past days; None: too few of them."""
    if len(past) < PAST_MIN:
        return None
    middle = statistics.median(past)
    spread = _MAD_SIGMA * statistics.median(abs(one - middle) for one in past)
    # Never less than chance and the usual unrest: quiet hours have no spread of their own.
    sigma = max(spread, math.sqrt(middle + 1), _UNREST * middle)
    return Usual(middle, max(0.0, middle - DEVIATIONS * sigma), middle + DEVIATIONS * sigma)


def traffic(hour: str, now: int, past: Sequence[int], *, whole: bool = True) -> Finding | None:
    """An hour against the same hour of past days; one that is not whole can only be too busy."""
    known = usual(past)
    if known is None:
        return None
    gap = now - known.expected
    if now > known.high and gap >= MESSAGES_MIN and now >= FACTOR * known.expected:
        return Finding(kind="traffic_high", subject=hour, now=now, usual=known.expected, weight=gap)
    low = known.expected - now
    if whole and low >= MESSAGES_MIN and now * FACTOR <= known.expected and _is_low(now, past):
        return Finding(kind="traffic_low", subject=hour, now=now, usual=known.expected, weight=low)
    return None


def _is_low(now: int, past: Sequence[int]) -> bool:
    """Far below any of the past days; on a scale of factors, for a bound below 0 says nothing."""
    least = min(past)
    if now >= least / 2 - 3 * math.sqrt(least + 1):
        return False
    factors = [math.log(one + 1) for one in past]
    middle = statistics.median(factors)
    spread = _MAD_SIGMA * statistics.median(abs(one - middle) for one in factors)
    return middle - math.log(now + 1) >= LOW_DEVIATIONS * max(spread, _LOW_UNREST)


def together(found: Sequence[Finding | None]) -> list[Finding]:
    """One finding of each run of hours, oldest first, in which the same is unusual."""
    merged: list[Finding] = []
    before: Finding | None = None
    for one in found:
        if one is not None and before is not None and one.kind == before.kind:
            merged[-1] = before = msgspec.structs.replace(
                before, now=before.now + one.now, usual=before.usual + one.usual,
                weight=before.weight + one.weight, hours=before.hours + 1,
            )  # fmt: skip
            continue
        if one is not None:
            merged.append(one)
        before = one
    return merged


def delivery(
    subject: str, handed: int, delivered: int, handed_before: int, delivered_before: int
) -> Finding | None:
    """A share delivered against the share of the days before."""
    if handed < HANDED_MIN or handed_before < HANDED_MIN:
        return None
    now, before = delivered / handed, delivered_before / handed_before
    both = (delivered + delivered_before) / (handed + handed_before)
    sigma = math.sqrt(both * (1 - both) * (1 / handed + 1 / handed_before))
    drop = before - now
    if drop < DROP_MIN or sigma == 0 or drop / sigma < DROP_SIGMAS:
        return None
    return Finding(
        kind="delivery_drop", subject=subject, now=now, usual=before, weight=drop * handed,
        of=handed,
    )  # fmt: skip


def failures(
    codes: Mapping[str, int], handed: int, before: Mapping[str, int], handed_before: int
) -> list[Finding]:
    """Error codes whose share of what was handed over has grown, most messages first."""
    found = []
    for code, count in codes.items():
        share = count / handed if handed else 0.0
        past = before.get(code, 0) / handed_before if handed_before else 0.0
        if (
            count >= FAILURES_MIN
            and share >= FAILURES_SHARE_MIN
            and share >= FAILURES_FACTOR * past
            and handed_before >= HANDED_MIN
        ):
            found.append(
                Finding(
                    kind="failures", subject=code, now=count, usual=past * handed, weight=count,
                    of=handed,
                )
            )  # fmt: skip
    return sorted(found, key=lambda one: -one.weight)
