"""Eight slow webhooks and two dead routes leave the others' p99 within twice its quiet value."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench" / "neighbours.py"


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_slow_webhooks_and_dead_routes_cost_the_others_little(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH), "--seconds", "30", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        sys.stdout.write(json.dumps(found) + "\n")
    for phase in ("quiet", "well", "busy"):
        assert (found[phase]["refused"], found[phase]["missing"]) == (0, 0)
    assert found["ratio"]["api_p99"] <= 2
    assert found["ratio"]["way_p99"] <= 2
