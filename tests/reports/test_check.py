"""A search as people write it: what is understood, and what is refused in which words."""

from datetime import UTC, datetime

import pytest
from tests.reports.world import ZONE

from cpaas.kit.errors import InputError
from cpaas.reports.check import read_filter, read_span

#: 00:30 of the 26th in Kolkata
NOW = datetime(2026, 11, 25, 19, 0, tzinfo=UTC)


def test_today_is_the_zone_s() -> None:
    since, until = read_span("", "", NOW, ZONE)
    assert since == datetime(2026, 11, 25, 18, 30, tzinfo=UTC)
    assert until == datetime(2026, 11, 26, 18, 30, tzinfo=UTC)


def test_a_last_day_is_within_and_a_last_time_is_not() -> None:
    since, until = read_span("2026-11-01", "2026-11-02", NOW, ZONE)
    assert (until - since).days == 2
    since, until = read_span("2026-11-01T10:00", "2026-11-01T11:00+00:00", NOW, ZONE)
    assert since == datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
    assert until == datetime(2026, 11, 1, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"number": "98+76"}, "number", "no number"),
        ({"number": "+91 98765 4321x"}, "number", "no number"),
        ({"id": "12"}, "id", "no message id"),
        ({"channel": "fax"}, "channel", "there is no channel 'fax'"),
        ({"status": "GONE"}, "status", "there is no status"),
        ({"route": "-1"}, "route", "no number of one"),
        ({"campaign": "9" * 19}, "campaign", "no number of one"),
        ({"from": "yesterday"}, "from", "no day and no time"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "to", "ends before it begins"),
        ({"reference": "a\0b"}, "reference", "NUL"),
        ({"error": "x" * 201}, "error", "too long"),
        ({"test": "maybe"}, "test", "cannot be"),
    ],
)
def test_what_is_refused_says_which_field(given: dict[str, str], field: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        read_filter(given, NOW, ZONE)
    assert refused.value.field == field
    assert words in refused.value.what
    assert refused.value.todo


def test_an_id_names_its_own_day() -> None:
    wanted = read_filter({"id": "019a0000-0000-7000-8000-000000000000"}, NOW, ZONE)
    assert wanted.message_id is not None
    assert wanted.until > wanted.since
    read_filter({"id": "ffffffff-ffff-ffff-ffff-ffffffffffff"}, NOW, ZONE)
