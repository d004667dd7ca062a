"""Hours of the week against a look at every minute of it."""

from hypothesis import given
from hypothesis import strategies as st

from cpaas.kit.hours import DAYS, NEVER, Hours, Moment, moment_of, read

TIMES = st.integers(0, 1439)


def naive(days: set[int], spans: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """Every minute of the week that lies in the hours, painted one by one."""
    painted = set()
    for day in days or range(7):
        for start, end in spans or [(0, 1440)]:
            for minute in range(start, end if end > start else end + 1440):
                painted.add(((day + minute // 1440) % 7, minute % 1440))
    return painted


@given(
    st.sets(st.integers(0, 6), max_size=3),
    st.lists(st.tuples(TIMES, TIMES).filter(lambda s: s[0] != s[1]), max_size=2),
    st.lists(st.tuples(st.integers(0, 6), TIMES), min_size=1, max_size=20),
)
def test_hours(days: set[int], spans: list[tuple[int, int]], at: list[tuple[int, int]]) -> None:
    texts = [f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in spans]
    hours = read([DAYS[day] for day in days], texts)
    painted = naive(days, spans)
    for weekday, minute in at:
        assert hours.within(Moment(weekday, minute)) == ((weekday, minute) in painted)


def test_days_past_the_end_of_the_week() -> None:
    assert read(["sat-mon"], []).days == {5, 6, 0}
    assert read(["Mon", "wed"], ["22:00-06:00"]).text == "mon/wed 22:00-06:00"
    assert Hours().text == "always"
    assert NEVER.text == "never"
    assert not any(NEVER.within(Moment(day, 0)) for day in range(7))


def test_the_zone_decides_the_day() -> None:
    at_us = 1_795_717_800_000_000  # 2026-11-26 18:30 UTC
    assert moment_of(at_us, "UTC") == Moment(3, 18 * 60 + 30)
    assert moment_of(at_us, "Asia/Kolkata") == Moment(4, 0)
    assert moment_of(at_us, "Asia/Kolkata").text == "fri 00:00"
