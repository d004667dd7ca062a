"""Findings on planted anomalies, and on quiet data, where there must be none."""

import random

import pytest

from cpaas.insights.judge import delivery, failures, together, traffic, usual

DAYS = 14


def day(chance: random.Random, level: float, unrest: float) -> int:
    """A count that varies as real traffic does: from day to day, and by chance."""
    today = level * max(0.0, chance.gauss(1, unrest))
    return max(0, round(chance.gauss(today, max(1.0, today) ** 0.5)))


@pytest.mark.parametrize("unrest", [0.05, 0.15, 0.25])
@pytest.mark.parametrize("level", [0, 3, 40, 500, 20_000])
def test_quiet_data_raises_no_alarm(level: int, unrest: float) -> None:
    chance = random.Random(level + int(unrest * 100))
    alarms = 0
    for _ in range(2_000):
        past = [day(chance, level, unrest) for _ in range(DAYS)]
        alarms += traffic("14:00", day(chance, level, unrest), past) is not None
    # 2,000 hours are twelve weeks of one account; a quarter up and down is a very restless one,
    # whose hours do come near to silence by themselves.
    assert alarms <= (4 if unrest == 0.25 else 0)


@pytest.mark.parametrize("level", [0, 40, 500, 20_000])
def test_a_flood_is_found(level: int) -> None:
    chance = random.Random(level)
    past = [day(chance, level, 0.1) for _ in range(DAYS)]
    found = traffic("14:00", level * 3 + 200, past)
    assert found is not None
    assert found.kind == "traffic_high"
    assert found.usual == pytest.approx(level, rel=0.3, abs=5)


def test_a_silence_is_found_when_the_hour_is_over() -> None:
    chance = random.Random(7)
    past = [day(chance, 900, 0.15) for _ in range(DAYS)]
    found = traffic("14:00", 20, past)
    assert found is not None
    assert found.kind == "traffic_low"
    assert traffic("14:00", 20, past, whole=False) is None


def test_too_short_a_past_says_nothing() -> None:
    assert usual([100] * 4) is None
    assert traffic("14:00", 100_000, [1] * 4) is None


@pytest.mark.parametrize(
    ("now", "found"),
    [((1_000, 950), False), ((1_000, 920), False), ((1_000, 700), True), ((99, 0), False)],
)
def test_a_drop_of_delivery(now: tuple[int, int], found: bool) -> None:
    assert (delivery("sms", *now, 20_000, 19_000) is not None) is found


def test_chance_alone_is_no_drop() -> None:
    chance = random.Random(3)
    alarms = 0
    for _ in range(1_000):
        handed = chance.randrange(100, 3_000)
        delivered = sum(chance.random() < 0.93 for _ in range(handed))
        alarms += delivery("sms", handed, delivered, 20_000, 18_600) is not None
    assert alarms == 0


def test_failures_that_are_new_and_those_that_were_always_there() -> None:
    codes = {"absent_subscriber": 400, "unknown_subscriber": 90, "congestion": 19}
    before = {"absent_subscriber": 3_900, "unknown_subscriber": 50}
    found = failures(codes, 4_000, before, 40_000)
    assert [one.subject for one in found] == ["unknown_subscriber"]
    assert found[0].usual == pytest.approx(5.0)
    assert failures(codes, 4_000, {}, 0) == []


def test_hours_one_after_the_other_are_one_finding() -> None:
    past = [900] * DAYS
    hours = [traffic(f"{n:02}:00", now, past) for n, now in enumerate((900, 3, 2, 900, 5_000, 1))]
    found = together(hours)
    assert [(one.kind, one.subject, one.hours) for one in found] == [
        ("traffic_low", "01:00", 2), ("traffic_high", "04:00", 1), ("traffic_low", "05:00", 1),
    ]  # fmt: skip
    assert (found[0].now, found[0].usual) == (5, 1_800)
