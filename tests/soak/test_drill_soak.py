"""A thousand kills over a million messages."""

from pathlib import Path

import pytest
from tests.journeys.drilling import drill

GROWING = ("cpaas-core", "cpaas-sms", "supervisor")
#: the most of some hundred lives of a process; a life under a backlog holds more than others.
GROWTH = 1.25


@pytest.mark.soak
@pytest.mark.timeout(10_800)
def test_a_thousand_kills_over_a_million_messages(tmp_path: Path) -> None:
    answer = drill(tmp_path, "--soak", "--seed", "1000")
    assert (answer["messages"], len(answer["blows"])) == (1_000_000, 1_000)
    for name in GROWING:
        _, second, _, last = answer["memory_mb"][name]
        assert last <= second * GROWTH, answer["memory_mb"]


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_answers_of_the_database_are_lost(tmp_path: Path) -> None:
    wishes = ("--messages", "6000", "--kills", "40", "--victims", "database,core,sms,postgres")
    answer = drill(tmp_path, *wishes, "--seed", "31")
    assert len(answer["blows"]) == 40
