"""Runs a drill as a person would and wants its books to agree."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def drill(home: Path, *words: str) -> dict[str, Any]:
    """What `cpaas drill --json` tells; every line of its books agrees, and nothing is left."""
    before = set(Path(tempfile.gettempdir()).glob("cpb*"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CPAAS_")}
    done = subprocess.run(
        [sys.executable, "-m", "cpaas", "drill", "--json", *words],
        env=environment | {"CPAAS_HOME": str(home)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    told = json.dumps(answer, indent=1) + done.stderr[-3_000:]
    assert done.returncode == 0, told
    assert answer["good"], told
    assert set(Path(tempfile.gettempdir()).glob("cpb*")) <= before, "nothing is left"
    return answer
