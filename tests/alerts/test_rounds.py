"""When a condition becomes an alert, and when it is over: by looks with handed-in times."""

from pathlib import Path

import msgspec

from cpaas.alerts.rounds import Rounds, to_repeat
from cpaas.alerts.tell import Told, subject, text, wanted
from cpaas.alerts.types import Alert, Condition
from cpaas.config import Settings
from cpaas.settings.current import Current

KEY = ("link_down", "smpp1")


def condition(after_s: float = 60.0, name: str = "smpp1") -> Condition:
    return Condition(
        kind="link_down", subject=name, title=f"Route {name} is down", body="Why.", after_s=after_s,
        link=f"/routes/{name}/",
    )  # fmt: skip


def alert(number: int = 1, **changes: int) -> Alert:
    made = Alert(
        number, "link_down", f"smpp{number}", f"Route smpp{number} is down", "Why.", "/routes/x/",
        0, 0, None, None, "",
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_it_opens_when_it_lasted_and_is_over_when_it_was_gone_for_as_long() -> None:
    rounds, seen = Rounds(), [condition()]
    assert rounds.look(0, seen, []) == ([], [])
    assert rounds.look(59, seen, []) == ([], [])
    assert rounds.look(60, seen, []) == (seen, [])
    assert rounds.look(70, seen, [KEY]) == ([], [])
    assert rounds.look(80, [], [KEY]) == ([], [])
    assert rounds.look(139, [], [KEY]) == ([], [])
    assert rounds.look(140, [], [KEY]) == ([], [KEY])


def test_what_flutters_is_one_alert() -> None:
    rounds = Rounds()
    opened = over = 0
    still: list[tuple[str, str]] = []
    for second in range(0, 3600, 10):
        # Down for a minute and a half, up for half a minute, for an hour.
        seen = [condition()] if second % 120 < 90 else []
        opens, gone = rounds.look(float(second), seen, still)
        opened, over = opened + len(opens), over + len(gone)
        still = [one.key for one in opens] + [key for key in still if key not in gone]
    assert (opened, over) == (1, 0)


def test_short_troubles_are_none() -> None:
    rounds = Rounds()
    for second in range(0, 3600, 10):
        seen = [condition()] if second % 120 < 50 else []
        assert rounds.look(float(second), seen, []) == ([], [])


def test_an_alert_of_a_process_before_ends_too() -> None:
    rounds = Rounds()
    assert rounds.look(0, [], [KEY]) == ([], [])
    assert rounds.look(2, [], [KEY]) == ([], [KEY])


def test_what_stays_open_is_repeated_unless_acknowledged() -> None:
    hour = 3_600_000_000
    known = {
        ("link_down", "1"): alert(1, told_us=0), ("link_down", "2"): alert(2, told_us=2 * hour),
        ("link_down", "3"): alert(3, told_us=0, acknowledged_us=1),
    }  # fmt: skip
    assert [one.id for one in to_repeat(known, 4 * hour, 4)] == [1]


def test_one_mail_tells_of_many() -> None:
    told = Told([alert(number) for number in range(1, 41)], [], [alert(50, closed_us=60_000_000)])
    assert subject(told, "Acme") == "[Acme] Alerts: 40 new, 1 over"
    said = text(told, "http://ops.example", "Asia/Kolkata")
    assert said.count("New: Route") == 30
    assert "and 10 more." in said
    assert (
        "It lasted from 01 Jan 1970 05:30:00 Asia/Kolkata to 01 Jan 1970 05:31:00 Asia/Kolkata."
        in said
    )
    assert subject(Told(closed=[alert(1)]), "Acme") == "[Acme] Over: Route smpp1 is down"


def test_a_look_with_nothing_new_tells_nobody(tmp_path: Path) -> None:
    rows = {"mail_host": "x", "alert_mail_to": "a@b.co", "alert_webhook_url": "http://x/"}
    current = Current(Settings(home=tmp_path), frozenset(), rows)
    assert wanted(Told(), current, 0) == []
    assert [one.kind for one in wanted(Told([alert()]), current, 0)] == ["mail", "webhook"]
