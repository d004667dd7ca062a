"""How best delivery's weights move: by small steps, with a reason, and never in a panic."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpaas.routing.best import (
    Figures,
    Limits,
    Moved,
    Standing,
    adjust,
    points,
    resting,
)

SECOND = 1_000_000
NOW = 10**15
LIMITS = Limits()
GOOD = Figures(answers=100, errors=1, in_time=200, slow=5, failed=5)
ERRING = Figures(answers=100, errors=40, in_time=200)
SLOW = Figures(answers=100, in_time=60, slow=30, failed=10)


def members(*shares: int | None) -> list[Standing]:
    return [Standing(n, weight, share) for n, (weight, share) in
            enumerate(zip((50, 30, 20), shares, strict=True), 1)]  # fmt: skip


AT_REST = members(None, None, None)


def moved(past: list[Moved] | None = None, *, of: Any = AT_REST, **seen: Figures) -> Any:
    figures = {int(name[1:]): value for name, value in seen.items()}
    return adjust(LIMITS, of, figures, past or [], NOW)


def ago(seconds: int, kind: Any = "slow") -> Moved:
    return Moved(NOW - seconds * SECOND, kind)


def test_nothing_moves_while_all_is_well() -> None:
    assert moved(r1=GOOD, r2=GOOD, r3=GOOD) is None
    assert moved() is None


def test_errors_move_one_step_by_resting_weight_with_the_figures() -> None:
    change = moved(r1=ERRING, r2=GOOD, r3=GOOD)
    assert change.shares == {1: 40, 2: 36, 3: 24}
    assert change.kind == "errors"
    assert change.reason == "40 of 100 answers within a minute were errors"


def test_slow_receipts_move_points_too() -> None:
    change = moved(r1=GOOD, r2=SLOW)
    assert (change.kind, change.shares) == ("slow", {1: 57, 2: 20, 3: 23})
    assert change.reason == "40 of 100 messages were not delivered within 300 s"


def test_what_errs_less_but_is_slow_gains_only_where_no_other_is_left() -> None:
    assert moved(r1=ERRING, r2=SLOW, r3=GOOD).shares == {1: 40, 2: 30, 3: 30}
    assert moved([ago(60)], r1=ERRING, r2=SLOW, r3=SLOW).shares == {1: 40, 2: 36, 3: 24}


def test_few_figures_decide_nothing() -> None:
    few = Figures(answers=19, errors=19, in_time=0, slow=49)
    assert moved(r1=few, r2=GOOD) is None


@pytest.mark.parametrize("bad", [ERRING, SLOW])
def test_when_all_are_bad_it_is_not_the_route(bad: Figures) -> None:
    assert moved(r1=bad, r2=bad, r3=bad) is None


def test_a_pause_follows_every_change() -> None:
    assert moved([ago(59, "errors")], r1=ERRING) is None
    assert moved([ago(60, "errors")], r1=ERRING) is not None
    assert moved([ago(299)], r1=SLOW) is None
    assert moved([ago(300)], r1=SLOW) is not None


def test_after_a_quiet_quarter_a_step_goes_back() -> None:
    worn = members(10, 54, 36)
    assert moved([ago(899)], of=worn) is None
    change = moved([ago(900)], of=worn)
    assert (change.kind, change.shares) == ("rest", {1: 20, 2: 48, 3: 32})
    assert moved([ago(900)], of=worn, r1=SLOW, r2=SLOW, r3=SLOW) is None
    assert moved([ago(900)], of=members(50, 30, 20)) is None


def test_each_relapse_doubles_the_quiet() -> None:
    worn = members(10, 54, 36)
    past = [ago(9000), ago(8000, "rest"), ago(1700)]
    assert moved(past, of=worn) is None
    assert moved([*past[:2], ago(1800)], of=worn) is not None


def test_a_route_that_is_off_neither_counts_nor_gains() -> None:
    off = [*AT_REST[:2], Standing(3, 20, None, usable=False)]
    change = moved(of=off, r1=ERRING)
    assert change.shares == {1: 40, 2: 40, 3: 20}
    assert moved(of=off, r1=ERRING, r2=ERRING) is None


def test_other_resting_weights_start_anew() -> None:
    assert points([Standing(1, 1, 90), Standing(2, 1, 90)]) == {1: 50, 2: 50}
    assert points([Standing(1, 1, 90), Standing(2, 1, None)]) == {1: 50, 2: 50}
    assert resting([Standing(n, 1, None) for n in (1, 2, 3)]) == {1: 34, 2: 33, 3: 33}


COUNTS = st.integers(0, 400)


@given(
    st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=2, max_size=5),
    st.lists(st.lists(st.builds(Figures, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
                      min_size=5, max_size=5), max_size=30),
)  # fmt: skip
def test_points_always_sum_to_a_hundred_and_move_by_at_most_a_step_each(
    setting: list[tuple[int, bool]], rounds: list[list[Figures]]
) -> None:
    if not any(weight for weight, _ in setting):
        return
    shares: dict[int, int] = {}
    past: list[Moved] = []
    for number, seen in enumerate(rounds):
        standing = [
            Standing(n, weight, shares.get(n), usable) for n, (weight, usable) in enumerate(setting)
        ]
        now_us = NOW + number * 400 * SECOND
        before = points(standing)
        change = adjust(LIMITS, standing, dict(enumerate(seen)), past, now_us)
        if change is None:
            continue
        assert sum(change.shares.values()) == 100
        assert min(change.shares.values()) >= 0
        assert all(before[n] - change.shares[n] <= LIMITS.step for n in before)
        assert change.reason
        shares = change.shares
        past.append(Moved(now_us, change.kind))
