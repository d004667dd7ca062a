"""Best delivery: how a strategy's weights follow what carriers do, by small steps and with reasons.

Points of a hundred move from a route that errs or delivers late to the others. Guard rails keep it
calm: a step at a time, a pause after each, nothing on few figures, nothing when all routes are bad
(then it is not the route), and a way back to the resting weights that grows longer with each
relapse. What a carrier claims to deliver earns it nothing: lying receipts gain no
traffic. Pure.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Final, Literal

import msgspec

POINTS: Final = 100
#: the longest quiet is four times the first: an hour as a rule.
RELAPSES_MAX: Final = 2
Kind = Literal["errors", "slow", "rest"]
_Percent = Annotated[int, msgspec.Meta(ge=1, le=100)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_Seconds = Annotated[int, msgspec.Meta(ge=10, le=86_400)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When weights move; a strategy's settings may name others. Shares in per cent.

    step: points moved at once. errors_share of at least errors_min answers in a minute, or
    slow_share of at least slow_min messages in fifteen minutes that were not delivered within
    slow_seconds, is too much. errors_pause, slow_pause: seconds after a change before the next for
    that reason. rest_after: seconds without a change before a step back.
    """

    step: _Percent = 10
    errors_share: _Percent = 20
    errors_min: _Count = 20
    errors_pause: _Seconds = 60
    slow_share: _Percent = 15
    slow_min: _Count = 50
    slow_seconds: _Seconds = 300
    slow_pause: _Seconds = 300
    rest_after: _Seconds = 900


class Standing(msgspec.Struct, frozen=True):
    """A member as it stands: its resting weight, its points now (None: at rest), usable or not."""

    route_id: int
    weight: int
    share: int | None
    usable: bool = True


class Figures(msgspec.Struct, frozen=True):
    """What a route did: answers and errors of the last minute, messages of the last quarter."""

    answers: int = 0
    errors: int = 0
    in_time: int = 0
    slow: int = 0
    failed: int = 0


class Moved(msgspec.Struct, frozen=True):
    """A change of the past: when (Unix microseconds), and what for."""

    at_us: int
    kind: Kind


class Adjustment(msgspec.Struct, frozen=True):
    """New points of every member, in order, and why."""

    kind: Kind
    shares: dict[int, int]
    reason: str


def resting(members: Sequence[Standing]) -> dict[int, int]:
    """The resting weights as points of a hundred."""
    return _split(POINTS, {one.route_id: one.weight for one in members})


def points(members: Sequence[Standing]) -> dict[int, int]:
    """The points as they are now; at rest, or after other weights were set, the resting ones."""
    now = {one.route_id: one.share for one in members if one.share is not None}
    if len(now) < len(members) or sum(now.values()) != POINTS:
        return resting(members)
    return now


def adjust(
    limits: Limits,
    members: Sequence[Standing],
    figures: Mapping[int, Figures],
    past: Sequence[Moved],
    now_us: int,
) -> Adjustment | None:
    """The next change, if one is due; past: the strategy's changes of some hours, oldest first."""
    if len(members) < 2:
        return None
    usable = [one.route_id for one in members if one.usable]
    quiet = (now_us - past[-1].at_us) / 1_000_000 if past else float("inf")
    slow = {one: _slow(limits, figures.get(one, Figures())) for one in usable}
    if quiet >= limits.errors_pause:
        erring = {one: _errs(limits, figures.get(one, Figures())) for one in usable}
        moved = _away(limits, members, erring, slow, "errors")
        if moved is not None:
            return moved
    if quiet >= limits.slow_pause:
        moved = _away(limits, members, slow, {}, "slow")
        if moved is not None:
            return moved
    if quiet >= limits.rest_after * 2 ** _relapses(past):
        return _back(limits, members, slow)
    return None


def _errs(limits: Limits, seen: Figures) -> str:
    """Why a route errs too much; "" = it does not, or too little is known."""
    if seen.answers < limits.errors_min or seen.errors * 100 < limits.errors_share * seen.answers:
        return ""
    return f"{seen.errors} of {seen.answers} answers within a minute were errors"


def _slow(limits: Limits, seen: Figures) -> str:
    total = seen.in_time + seen.slow + seen.failed
    bad = seen.slow + seen.failed
    if total < limits.slow_min or bad * 100 < limits.slow_share * total:
        return ""
    return f"{bad} of {total} messages were not delivered within {limits.slow_seconds} s"


def _away(
    limits: Limits,
    members: Sequence[Standing],
    bad: Mapping[int, str],
    avoided: Mapping[int, str],
    kind: Kind,
) -> Adjustment | None:
    """Points from the bad routes to the others; none when all are bad or nothing is to move.

    avoided: routes with another fault gain only where no other is left.
    """
    now, rest = points(members), resting(members)
    able = {one: rest[one] for one, why in bad.items() if not why and rest[one] > 0}
    good = {one: weight for one, weight in able.items() if not avoided.get(one)} or able
    losing = [one for one, why in bad.items() if why and now[one] > 0]
    if not good or not losing:
        return None
    after = dict(now)
    freed = 0
    for one in losing:
        lost = min(limits.step, after[one])
        after[one] -= lost
        freed += lost
    for one, gained in _split(freed, good).items():
        after[one] += gained
    return Adjustment(kind, after, "; ".join(bad[one] for one in losing))


def _back(
    limits: Limits, members: Sequence[Standing], slow: Mapping[int, str]
) -> Adjustment | None:
    """A step towards the resting weights, unless it would feed a route that is still bad."""
    now, rest = points(members), resting(members)
    lacking = {
        one: rest[one] - now[one] for one in now if rest[one] > now[one] and not slow.get(one)
    }
    over = {one: now[one] - rest[one] for one in now if now[one] > rest[one]}
    if not lacking:
        return None
    most = min(limits.step, sum(lacking.values()), sum(over.values()))
    after = dict(now)
    for one, gained in _split(most, lacking).items():
        after[one] += gained
    for one, lost in _split(most, over).items():
        after[one] -= lost
    return Adjustment("rest", after, "back towards its resting weight after quiet")


def _relapses(past: Sequence[Moved]) -> int:
    """How often a way back ended in trouble again: each time the next quiet must be longer."""
    pairs = pairwise(past)
    found = sum(1 for one, two in pairs if one.kind == "rest" and two.kind != "rest")
    return min(found, RELAPSES_MAX)


def _split(whole: int, weights: Mapping[int, int]) -> dict[int, int]:
    """A whole number shared by weight, the remainders to the largest fractions."""
    total = sum(weights.values())
    if total == 0:
        weights, total = dict.fromkeys(weights, 1), len(weights)
    shares = {one: whole * weight // total for one, weight in weights.items()}
    rest = whole - sum(shares.values())
    by_fraction = sorted(weights, key=lambda one: (-(whole * weights[one] % total), one))
    for one in by_fraction[:rest]:
        shares[one] += 1
    return shares


def limits_of(settings: Mapping[str, object]) -> Limits:
    """The limits of a strategy; the usual ones where its settings cannot be read."""
    try:
        return msgspec.convert(dict(settings), Limits)
    except msgspec.ValidationError:
        return Limits()
