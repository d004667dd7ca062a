"""Every victim is struck while five hundred messages of its own are on their way."""

from collections import Counter
from pathlib import Path

import pytest
from tests.journeys.drilling import drill
from tests.parts import require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
VICTIMS: tuple[str, ...] = ("core", "sms", "postgres", "smsc", "webhook", "network")


@pytest.mark.parametrize("queue", ["embedded", "rabbitmq"])
def test_five_hundred_messages_for_each_victim(tmp_path: Path, queue: str) -> None:
    """Two blows for each, 250 messages around every blow, one copy for all."""
    victims = VICTIMS
    if queue == "rabbitmq":
        require("rabbitmq")
        victims = (*VICTIMS, "rabbitmq")
    messages, kills = str(500 * len(victims)), str(2 * len(victims))
    answer = drill(
        tmp_path, "--queue", queue, "--messages", messages, "--kills", kills, "--seed", "26"
    )
    struck = Counter(blow["victim"].partition(" ")[0] for blow in answer["blows"])
    assert struck == dict.fromkeys(victims, 2)
    assert answer["messages"] == 500 * len(victims)
    assert answer["facts"]["messages DELIVERED"] > 2_000
    # Money that only stays where it is would prove little.
    (refunded,) = (one for one in answer["checks"] if one["what"].startswith("refunded, micro"))
    assert refunded["found"] > 0
    report = Path(answer["report"]["html"]).read_text()
    assert "The books agree" in report
    assert "--seed 26" in report
