"""Moments as callers write them: an instant, whatever zone and summer time say."""

import pytest

from cpaas.api.problem import ProblemError
from cpaas.api.times import iso, micros

HOUR_US = 3_600_000_000


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    first = micros("2026-10-25T02:30:00+02:00", "send_at")
    second = micros("2026-10-25T02:30:00+01:00", "send_at")
    assert second - first == HOUR_US


def test_the_hour_that_is_left_out_is_no_gap() -> None:
    before = micros("2026-03-29T01:59:59+01:00", "send_at")
    after = micros("2026-03-29T03:00:00+02:00", "send_at")
    assert after - before == 1_000_000


@pytest.mark.parametrize(
    "text",
    ["2026-12-01T09:00:00Z", "2026-12-01T14:30:00+05:30", "2026-12-01T09:00:00.000+00:00"],
)
def test_one_instant_in_many_forms(text: str) -> None:
    assert iso(micros(text, "send_at")) == "2026-12-01T09:00:00.000Z"


@pytest.mark.parametrize("text", ["2026-12-01T09:00:00", "tomorrow", "", "2026-13-01T00:00:00Z"])
def test_no_instants(text: str) -> None:
    with pytest.raises(ProblemError):
        micros(text, "send_at")
