"""A bucket against a clock that only moves when told."""

import pytest

from cpaas.kit.bucket import Bucket


@pytest.mark.parametrize("rate", [1, 5, 80])
def test_never_more_than_the_rate_and_its_burst(rate: int) -> None:
    bucket = Bucket(rate, 0.0)
    total = 0
    for n in range(1000):
        count = bucket.available(n * 0.01)
        bucket.take(count, n * 0.01)
        total += count
    assert rate * 10 * 0.98 - 1 <= total <= rate * 10 + bucket.burst


def test_what_is_owed_is_waited_for() -> None:
    bucket = Bucket(10, 0.0)
    assert bucket.burst == 2
    bucket.take(7, 0.0)
    assert bucket.available(0.5) == 0
    assert bucket.ready_in(0.5) == pytest.approx(0.1)
    assert bucket.available(0.6) == 1
