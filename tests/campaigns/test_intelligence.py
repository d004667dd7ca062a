"""Forecasts are arithmetic that can be followed, and a likeness to spam names its reasons."""

from datetime import UTC, datetime

import pytest

from cpaas.campaigns.forecast import delivery, finish_us, wilson
from cpaas.campaigns.spam import judge
from cpaas.kit.hours import ALWAYS, read

TEN = int(datetime(2026, 11, 26, 10, tzinfo=UTC).timestamp()) * 1_000_000
HOUR = 3_600_000_000


def test_the_slower_of_routes_and_rate_decides() -> None:
    def hours(**more: int) -> float:
        given = {"tps": 0, "rate": 0} | more
        end = finish_us(TEN, 36_000, 72_000, hours=ALWAYS, zone="UTC", **given)
        assert end is not None
        return (end - TEN) / HOUR

    assert hours(tps=20) == 1
    assert hours(rate=5) == 2
    assert hours(tps=20, rate=5) == 2
    assert finish_us(TEN, 10, 10, tps=0, rate=0, hours=ALWAYS, zone="UTC") is None


def test_closed_hours_are_waited_for() -> None:
    end = finish_us(TEN, 36_000, 36_000, tps=5, rate=0, hours=read([], ["09:00-11:00"]), zone="UTC")
    # Two hours of work: one today, one tomorrow from nine on.
    assert end == TEN + 24 * HOUR
    assert finish_us(TEN, 1, 1, tps=1, rate=0, hours=read(["sun"], []), zone="UTC") is not None


def test_delivery_is_weighted_by_country_and_honest_about_what_it_stands_on() -> None:
    known = delivery({"IN": 75, "DE": 25}, {"IN": (10_000, 8_000), "DE": (10_000, 10_000)})
    assert known.share == 0.85
    assert known.low is not None
    assert known.high is not None
    assert known.low < 0.85 < known.high
    assert (known.confidence, known.messages, known.covered) == ("high", 20_000, 1.0)
    assert delivery({"IN": 10}, {"IN": (500, 400)}).confidence == "medium"
    assert delivery({"IN": 10}, {"IN": (5, 5)}).confidence == "low"
    assert delivery({"IN": 10, "DE": 90}, {"IN": (9_000, 9_000)}).confidence == "low"
    assert delivery({"IN": 10}, {}).share is None


def test_wilson_never_promises_everything() -> None:
    share, low, high = wilson(10, 10)
    assert share == 1
    assert 0.6 < low < 0.8
    assert high <= 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Get it at bit.ly/x", "short_link"),
        ("See http://10.1.2.3/x", "bare_address"),
        ("Verify your bank account now", "asks_for_account"),
        ("You are a WINNER", "lure"),
        ("BUY NOW EVERYTHING MUST GO TODAY", "capitals"),
        ("Hurry!!", "shouting"),
        ("p\u200bay", "hidden_characters"),
        ("\u0440aypal login", "mixed_alphabets"),
        ("V I A G R A here", "spaced_letters"),
        ("a.in/x and b.in/y", "many_links"),
    ],
)
def test_each_sign_is_told(text: str, code: str) -> None:
    found = judge(text)
    assert code in [sign.code for sign in found.signs]
    assert all(sign.what and sign.todo for sign in found.signs)
    assert 0 < found.score <= 100


@pytest.mark.parametrize(
    "text",
    [
        "Your order 17 is on its way.",
        "Ihr Termin ist am 3.12. um 10:00.",
        "नमस्ते, आपका ऑर्डर तैयार है।",
    ],
)
def test_plain_texts_are_not_suspected(text: str) -> None:
    assert judge(text).score == 0


def test_a_promotional_text_needs_a_way_out() -> None:
    assert [sign.code for sign in judge("Sale on shoes", "promotional").signs] == ["no_way_out"]
    assert not judge("Sale on shoes. Reply STOP to opt out", "promotional").signs


def test_much_at_once_is_high() -> None:
    text = "CONGRATULATIONS WINNER!!! CLAIM YOUR FREE PRIZE NOW bit.ly/x"
    assert judge(text).level == "high"
