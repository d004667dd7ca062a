"""A campaign of a million rows: read, checked, priced and launched, fast and in little memory."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.platform import free_offset

BENCH = Path(__file__).parents[2] / "bench" / "campaigns.py"


def measured(*more: str) -> dict[str, Any]:
    """The figures of a private copy, on a disk: it shall be as durable as a customer's."""
    with tempfile.TemporaryDirectory(prefix="cpm") as folder:
        # PostgreSQL's own user must get there.
        Path(folder).chmod(0o755)
        home, offset = str(Path(folder, "h")), str(free_offset())
        done = subprocess.run(
            [sys.executable, str(BENCH), *more], capture_output=True, text=True, check=False,
            env={**os.environ, "CPAAS_HOME": home, "CPAAS_PORT_OFFSET": offset},
        )  # fmt: skip
    assert done.stdout.strip().endswith("}"), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_csv_is_staged_and_launched(capsys: pytest.CaptureFixture[str]) -> None:
    found = measured()
    with capsys.disabled():
        sys.stdout.write(json.dumps(found) + "\n")
    assert found["whole_rows_s"] >= 10_000
    assert max(found["reader_peak_mb"], found["core_peak_mb"]) < 300


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_an_xlsx_is_staged(capsys: pytest.CaptureFixture[str]) -> None:
    found = measured("--xlsx", "--no-launch")
    with capsys.disabled():
        sys.stdout.write(json.dumps(found) + "\n")
    assert max(found["reader_peak_mb"], found["core_peak_mb"]) < 700
