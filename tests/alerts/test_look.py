"""What is judged not to be well, and what is quiet data: no alert."""

from pathlib import Path
from typing import Any

import msgspec

from cpaas.alerts import look
from cpaas.config import Settings
from cpaas.monitoring.ping import Pinged
from cpaas.monitoring.types import Running
from cpaas.reports.types import Figures
from cpaas.routes.types import RouteRow
from cpaas.settings.current import Current

UP, DOWN = Pinged(True, 1.0), Pinged(False, 0, "ConnectionRefusedError: refused")
BUSY = Figures(delivered=940, failed=60)


def current(home: Path = Path("/tmp"), **rows: Any) -> Current:
    return Current(Settings(home=home), frozenset(), rows)


def running(*, wished: bool = True) -> Running:
    return Running("cpaas-sms", 1, "1", 0, 0, wished, "admin:ann")


def route(state: str = "up", **changes: Any) -> RouteRow:
    made = RouteRow(
        1, "smpp1", "", "sms", "", "127.0.0.1", 2776, True, False, 0, 1, 10, "trx", "x", "", "",
        "", 0, True, state, 0, "connection refused",
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_a_service_that_shall_run_and_does_not_answer() -> None:
    found = look.services({"cpaas-sms": running()}, {"cpaas-sms": DOWN, "x": UP}, current())
    assert [(one.subject, one.after_s) for one in found] == [("cpaas-sms", 60.0)]
    assert "refused" in found[0].body
    assert look.services({"cpaas-sms": running(wished=False)}, {"cpaas-sms": DOWN}, current()) == []


def test_a_route_is_down_when_nothing_of_it_is_up() -> None:
    assert look.links([route("up"), route("throttled"), route("")], current()) == []
    down = look.links([route("down"), route("connecting", name="smpp2")], current())
    assert [one.subject for one in down] == ["smpp1", "smpp2"]
    assert look.links([route("down", active=False), route("down", simulated=True)], current()) == []


def test_queues_restarts_connections_and_dead_letters_by_their_thresholds() -> None:
    assert look.queues({"a": 300.0, "b": 301.0}, current())[0].subject == "b"
    assert look.restarts({"cpaas-sms": 3}, ["cpaas-sms"], current()) == []
    assert len(look.restarts({"cpaas-sms": 4}, ["cpaas-sms"], current())) == 1
    assert look.postgresql(89, 100, current()) == []
    assert look.postgresql(90, 100, current())[0].subject == "connections"
    assert look.dead_letters(0) == []
    assert "7 could not" in look.dead_letters(7)[0].body


def test_a_disk_is_full_and_stays_so_until_there_is_room(tmp_path: Path) -> None:
    assert look.disk(current(tmp_path, alert_disk_percent=1), was_full=False)
    assert look.disk(current(tmp_path / "missing", alert_disk_percent=1), was_full=False) == []
    assert look.disk(current(tmp_path, alert_disk_percent=100), was_full=False) == []


def test_a_delivery_drop_is_judged_against_the_route_s_own_past() -> None:
    bad = Figures(delivered=500, failed=500)
    found = look.drops(({"1": bad}, {"1": BUSY}), "route", {"1": "smpp1"})
    assert [one.subject for one in found] == ["route smpp1"]
    assert "50.0% of 1,000" in found[0].body
    assert look.drops(({"1": BUSY}, {"1": BUSY}), "route", {"1": "smpp1"}) == []
    assert look.drops(({"IN": BUSY}, {}), "country", {}) == []
