"""When promotional messages may reach India: 10:00 to 21:00, Indian time."""

from datetime import UTC, datetime
from typing import Final

SECOND_US: Final = 1_000_000
#: India has one zone, half an hour off, and never changes its clocks.
_AHEAD_SECONDS: Final = 19_800
_DAY_SECONDS: Final = 86_400
_OPENS, _CLOSES = 10 * 3600, 21 * 3600


def is_open(at_us: int) -> bool:
    """Whether a promotional message may go at this moment."""
    return _OPENS <= _of_day(at_us) < _CLOSES


def opens_us(at_us: int) -> int:
    """When the hours are open next: now, or the next 10:00."""
    if is_open(at_us):
        return at_us
    wait = (_OPENS - _of_day(at_us)) % _DAY_SECONDS
    return (at_us // SECOND_US + wait) * SECOND_US


def indian_time(at_us: int) -> str:
    """The time of day in India, such as "22:14"."""
    return f"{datetime.fromtimestamp(at_us // SECOND_US + _AHEAD_SECONDS, UTC):%H:%M}"


def utc(at_us: int) -> str:
    """A moment in ISO 8601, UTC, to the second."""
    return f"{datetime.fromtimestamp(at_us // SECOND_US, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _of_day(at_us: int) -> int:
    return (at_us // SECOND_US + _AHEAD_SECONDS) % _DAY_SECONDS
