"""When a failed delivery is tried again."""

import pytest

from cpaas.webhooks.schedule import GIVE_UP_US, SECOND_US, next_attempt


def zero() -> float:
    return 0.0


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 5), (2, 30), (3, 120), (4, 600), (5, 1800), (6, 3600), (7, 7200), (8, 14_400)],
)  # fmt: skip
def test_delays_grow(attempts: int, seconds: int) -> None:
    assert next_attempt(0, 0, attempts, None, zero) == seconds * SECOND_US
    assert next_attempt(0, 0, attempts, None, lambda: 1.0) == int(seconds * 1.2 * SECOND_US)


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [(0.0, 5), (3.0, 5), (60.0, 60), (10.0**7, 14_400)]
)
def test_retry_after_only_lengthens(retry_after: float, seconds: int) -> None:
    assert next_attempt(0, 0, 1, retry_after, zero) == seconds * SECOND_US


def test_the_last_attempt_is_at_the_end_of_the_day() -> None:
    late = GIVE_UP_US - 3600 * SECOND_US
    assert next_attempt(late, 0, 9, None, zero) == GIVE_UP_US
    assert next_attempt(GIVE_UP_US, 0, 9, None, zero) is None
    assert next_attempt(GIVE_UP_US + 5, 0, 1, 5.0, zero) is None


def test_a_day_of_failures_is_some_dozen_attempts() -> None:
    now_us, attempts = 0, 1
    while (again := next_attempt(now_us, 0, attempts, None, zero)) is not None:
        assert again > now_us
        now_us, attempts = again, attempts + 1
    assert 10 <= attempts <= 16
    assert now_us == GIVE_UP_US
