"""The token bucket against a clock that only moves when told."""

import pytest

from cpaas.gateway.throttle import Throttle


def sent(throttle: Throttle, start: float, seconds: float, step: float = 0.01) -> int:
    """How many single segments go when as many as may are sent at every step."""
    total = 0
    for n in range(round(seconds / step)):
        now = start + n * step
        count = throttle.available(now)
        if count > 0:
            throttle.take(count, now)
            total += count
    return total


@pytest.mark.parametrize("tps", [1, 7, 50, 1000])
def test_never_more_than_the_rate_and_its_small_burst(tps: int) -> None:
    throttle = Throttle(tps, 0.0)
    total = sent(throttle, 0.0, 20.0)
    assert tps * 20 * 0.98 <= total <= tps * 20 + 1 + tps / 10


def test_an_idle_route_saves_up_no_burst() -> None:
    throttle = Throttle(100, 0.0)
    assert throttle.available(3600.0) == 11


def test_a_message_of_many_parts_borrows() -> None:
    throttle = Throttle(10, 0.0)
    throttle.take(7, 0.0)
    assert throttle.available(0.4) == 0
    assert throttle.ready_in(0.4) == pytest.approx(0.2)
    assert throttle.available(0.6) == 1


def test_no_limit() -> None:
    throttle = Throttle(0, 0.0)
    assert throttle.available(0.0) > 100_000
    assert throttle.ready_in(0.0) == 0.0
    assert throttle.rate_shown == 0.0


def test_throttling_halves_once_a_window_and_comes_back_slowly() -> None:
    throttle = Throttle(100, 0.0)
    for _ in range(50):
        throttle.slow(10.0)
    assert throttle.rate == 50.0
    assert throttle.throttled
    assert throttle.available(10.4) == 0
    assert throttle.ready_in(10.4) == pytest.approx(0.1)
    assert 45 <= sent(throttle, 10.5, 1.0) <= 60
    throttle.slow(12.0)
    assert 25 <= throttle.rate <= 30
    sent(throttle, 12.5, 20.0, step=0.1)
    assert throttle.rate == 100.0
    assert not throttle.throttled


def test_a_route_without_a_limit_learns_one() -> None:
    throttle = Throttle(0, 0.0)
    throttle.take(800, 0.1)
    throttle.slow(0.5)
    assert throttle.rate == 400.0
    sent(throttle, 1.0, 30.0, step=0.1)
    assert throttle.rate_shown == 0.0


def test_the_rate_never_ends() -> None:
    throttle = Throttle(2, 0.0)
    for n in range(20):
        throttle.slow(n * 2.0)
    assert throttle.rate >= 1.0


def test_the_operator_changes_the_rate() -> None:
    throttle = Throttle(10, 0.0)
    throttle.set_tps(100, 1.0)
    assert 90 <= sent(throttle, 1.0, 1.0) <= 120
    throttle.set_tps(0, 2.0)
    assert throttle.available(2.0) > 1000
