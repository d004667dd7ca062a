"""A number's limits, against a clock that only moves when told."""

from cpaas.channels.whatsapp.config import NumberSettings
from cpaas.channels.whatsapp.limits import NumberLimits, Portfolio


def number(portfolio: Portfolio | None = None, **changes: float) -> NumberLimits:
    values: dict[str, float] = {"tps": 0, "pair_seconds": 0, **changes}
    settings = NumberSettings("1", **values)  # type: ignore[arg-type]
    return NumberLimits(settings, portfolio or Portfolio(settings.daily_limit))


def test_a_backlog_gets_places_at_the_numbers_rate() -> None:
    limits = number(tps=10)
    waits = [limits.hold(f"+9{n}", "", 100.0) for n in range(51)]
    assert waits[0] == 0.0
    # The last of fifty that wait comes five seconds later, not after fifty tries.
    assert [round(one, 3) for one in waits[1:4]] == [0.1, 0.2, 0.3]
    assert round(waits[-1], 3) == 5.0
    gone, now = 0, 100.0
    come = sorted((100.0 + wait, n) for n, wait in enumerate(waits) if wait)
    for at, n in come:
        now = at
        gone += limits.hold(f"+9{n}", "", now) == 0.0
    assert gone >= 45


def test_one_recipient_gets_a_burst_and_then_one_in_six_seconds() -> None:
    limits = number(pair_seconds=6, pair_burst=3)
    assert [limits.hold("+91", "", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 6.0]
    assert limits.hold("+92", "", 0.0) == 0.0
    assert limits.hold("+91", "", 6.0) == 0.0
    assert limits.hold("+91", "", 6.0) == 6.0


def test_recipients_of_a_day_are_counted_over_the_numbers_of_a_business() -> None:
    shared = Portfolio(2)
    one, two = number(shared, daily_limit=2), number(shared, daily_limit=2)
    assert one.hold("+91", "offer", 0.0) == 0.0
    assert two.hold("+92", "offer", 0.0) == 0.0
    assert one.hold("+93", "offer", 10.0) == 900.0
    # Who was written to today is no further recipient, and free text does not count.
    assert two.hold("+91", "offer", 10.0) == 0.0
    assert one.hold("+93", "", 10.0) == 0.0
    assert one.hold("+93", "offer", 86_401.0) == 0.0


def test_a_day_goes_on_after_a_restart() -> None:
    shared = Portfolio(2)
    one = number(shared, daily_limit=2)
    assert shared.begin()
    assert not shared.begin(), "asked for once"
    assert one.hold("+91", "offer", 100.0) == 1.0, "nobody knows yet how many there were"
    assert one.hold("+91", "", 100.0) == 0.0, "free text does not count"
    shared.go_on([("+92", 86_000.0), ("+93", 10.0)], 100.0)
    assert not shared.begin()
    assert one.hold("+91", "offer", 100.0) == 400.0, "the first leaves the day then"
    assert one.hold("+93", "offer", 100.0) == 0.0
    assert one.hold("+91", "offer", 501.0) == 0.0


def test_a_template_has_a_rate_of_its_own() -> None:
    limits = number(template_tps=1)
    assert limits.hold("+91", "offer", 0.0) == 0.0
    assert limits.hold("+92", "offer", 0.0) == 1.0
    assert limits.hold("+92", "otp", 0.0) == 0.0


def test_a_paused_number_sends_nothing() -> None:
    limits = number()
    limits.pause(60.0, "190 token", 10.0)
    assert limits.hold("+91", "", 20.0) == 50.0
    assert limits.hold("+91", "", 70.0) == 0.0
