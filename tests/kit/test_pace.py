"""A loop's pace: alone a message goes at once, a busy loop turns fifty times a second."""

from cpaas.kit.pace import BUSY_MESSAGES, TURN_SECONDS, Pace


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_turn_with_few_messages_is_followed_at_once() -> None:
    pace = Pace(Clock())
    pace.begin()
    assert pace.left(0) == pace.left(BUSY_MESSAGES - 1) == 0


def test_a_busy_turn_is_followed_when_its_time_is_over() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.begin()
    clock.now += TURN_SECONDS / 4
    assert abs(pace.left(BUSY_MESSAGES) - TURN_SECONDS * 3 / 4) < 1e-6
    clock.now += TURN_SECONDS
    assert pace.left(10_000) == 0


def test_before_the_first_turn_nothing_is_waited_for() -> None:
    assert Pace(Clock()).left(10_000) == 0
