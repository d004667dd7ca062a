"""What the headline figures say of their change, and what a refused page leaves in the log."""

import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cpaas.config import load
from cpaas.consoles.portal.application import CONSOLE
from cpaas.consoles.shared import overview, runtime, summary
from cpaas.consoles.shared.failures import OneLine
from cpaas.reports.types import Comparison, Figures

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path) -> Iterator[None]:
    before = list(runtime._current)
    nothing: Any = None
    runtime.begin(
        runtime.Runtime(
            console=CONSOLE, settings=load({"CPAAS_HOME": str(tmp_path)}), database=nothing,
            keyring=nothing, current=nothing,
        )
    )  # fmt: skip
    yield
    runtime._current[:] = before


def _against(now: int, week_ago: int) -> Comparison:
    return Comparison(
        now=Figures(charged_micro=now), week_ago=Figures(charged_micro=week_ago), until=NOW
    )


def test_less_revenue_is_bad_and_less_cost_is_not() -> None:
    fell, rose = _against(1_000_000, 4_000_000), _against(4_000_000, 1_000_000)
    assert overview.money_card("Revenue", fell.now, fell).tone == "bad-text"
    assert overview.money_card("Revenue", rose.now, rose).tone == "ok-text"
    for against in (fell, rose):
        card = overview.money_card("Cost Today", against.now, against, is_cost=True)
        assert card.tone == "grey"
        assert card.change in {"−75.0%", "+300.0%"}
    assert summary.card("Cost", 1, 4, "₹1", is_cost=True).tone == "grey"
    assert summary.card("Failed", 1, 4, "1", fewer_is_better=True).tone == "ok-text"
    assert summary.card("Messages", 1, 4, "1").tone == "bad-text"


def test_a_refused_page_is_one_line_and_a_defect_keeps_its_traceback() -> None:
    def record(status: int) -> logging.LogRecord:
        try:
            raise PermissionError("The role viewer does not open this page.")
        except PermissionError:
            made = logging.LogRecord(
                "django.request", logging.WARNING, __file__, 1, "Forbidden: %s", ("/quick/",),
                sys.exc_info(),
            )  # fmt: skip
            made.status_code = status
            return made

    refused, defect = record(403), record(500)
    assert OneLine().filter(refused)
    assert OneLine().filter(defect)
    assert refused.getMessage() == "Forbidden: /quick/: The role viewer does not open this page."
    assert refused.exc_info is None
    assert defect.exc_info
