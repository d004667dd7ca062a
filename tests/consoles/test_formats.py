"""Money, times and shares as the screens write them."""

from datetime import UTC, datetime

import pytest

from cpaas.consoles.shared import formats
from cpaas.consoles.shared.agents import browser
from cpaas.consoles.shared.attempts import FAILURES_MAX, Attempts
from cpaas.consoles.shared.charts import Chart, Series, _scale

ZONE = "Asia/Kolkata"
NOON = int(datetime(2026, 11, 26, 12, 0, tzinfo=UTC).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("micro", "currency", "text"),
    [
        (240_000, "INR", "₹0.2400"),
        (-1_092_480_000, "INR", "−₹1,092.4800"),
        (123_456_789, "USD", "$123.456789"),
        (0, "AED", "AED 0.0000"),
    ],
)
def test_money(micro: int, currency: str, text: str) -> None:
    assert formats.amount(micro, currency) == text


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (38_000, "38 ms"), (1_130_000, "1.13 s"), (12_300_000, "12.3 s"),
        (252_000_000, "4 min 12 s"),
        (12_000_000_000, "3 h 20 min"), (540_000_000_000, "6 d 6 h"), (3_600_000_000, "1 h"),
    ],
)  # fmt: skip
def test_spans(micros: int, text: str) -> None:
    assert formats.span(micros) == text


def test_times_are_of_the_readers_zone() -> None:
    now = datetime(2026, 11, 26, 13, 0, tzinfo=UTC)
    assert formats.clock(NOON + 204_000, ZONE) == "17:30:00.204"
    assert formats.when(NOON, ZONE, now) == "17:30"
    assert formats.when(NOON - 7 * 3_600_000_000, ZONE, now) == "10:30"
    assert formats.when(NOON - 86_400_000_000, ZONE, now) == "25 Nov 17:30"
    assert formats.when(NOON - 366 * 86_400_000_000, ZONE, now) == "25 Nov 2025 17:30"
    assert formats.when(None, ZONE, now) == "—"


def test_shares_and_masks() -> None:
    assert formats.share(947, 1000) == "94.7%"
    assert formats.share(0, 0) == "—"
    assert formats.masked("+919876543210") == "+91987•••••10"
    assert formats.masked("12345") == "•••••"


@pytest.mark.parametrize("highest", [0, 1, 3, 5, 9, 10, 12, 47, 99, 250, 1234, 4381, 99_999])
def test_a_charts_scale_is_round_and_holds_the_highest(highest: int) -> None:
    top, step = _scale(highest)
    assert top >= highest
    assert top / step <= 4
    assert step == int(step)


def test_stacked_bars_are_measured_together() -> None:
    chart = Chart(
        kind="bar", labels=["a", "b"], said="",
        series=[Series("x", [30, 4], "red"), Series("y", [30, 4], "green")],
    )  # fmt: skip
    assert (
        '"max":100' in chart.options or '"max":75' in chart.options or '"max":60' in chart.options
    )


def test_one_address_is_slowed_down_and_no_other() -> None:
    attempts = Attempts()
    for _ in range(FAILURES_MAX):
        assert attempts.wait_seconds("203.0.113.9") == 0
        attempts.failed("203.0.113.9")
    assert attempts.wait_seconds("203.0.113.9") > 500
    assert attempts.wait_seconds("203.0.113.10") == 0


def test_browsers_by_name() -> None:
    agent = "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/131.0"
    assert browser(agent) == "Firefox on Windows"
    assert browser("") == "Unknown browser"
