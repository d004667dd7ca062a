"""Every victim is struck while five hundred messages of its own are on their way."""

from collections import Counter
from pathlib import Path

import pytest
from tests.journeys.drilling import drill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
VICTIMS = ("core", "sms", "postgres", "smsc", "webhook", "network")


def test_five_hundred_messages_for_each_victim(tmp_path: Path) -> None:
    """Two blows for each, 250 messages around every blow, one copy for all."""
    answer = drill(tmp_path, "--messages", "3000", "--kills", "12", "--seed", "26")
    struck = Counter(blow["victim"].partition(" ")[0] for blow in answer["blows"])
    assert struck == dict.fromkeys(VICTIMS, 2)
    assert answer["facts"]["messages DELIVERED"] > 2_000
    report = Path(answer["report"]["html"]).read_text()
    assert "The books agree" in report
    assert "--seed 26" in report
