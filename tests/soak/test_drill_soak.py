"""A thousand kills over a million messages."""

from pathlib import Path

import pytest
from tests.journeys.drilling import drill


@pytest.mark.soak
@pytest.mark.timeout(10_800)
def test_a_thousand_kills_over_a_million_messages(tmp_path: Path) -> None:
    wishes = ("--messages", "1000000", "--kills", "1000", "--conns", "32")
    answer = drill(tmp_path, *wishes, "--seed", "1000")
    assert len(answer["blows"]) == 1_000


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_answers_of_the_database_are_lost(tmp_path: Path) -> None:
    wishes = ("--messages", "6000", "--kills", "40", "--victims", "database,core,sms,postgres")
    answer = drill(tmp_path, *wishes, "--seed", "31")
    assert len(answer["blows"]) == 40
