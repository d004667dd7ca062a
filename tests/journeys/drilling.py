"""Runs a drill as a person would and wants its books to agree."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import memory


def drill(home: Path, *words: str) -> dict[str, Any]:
    """What `cpaas drill --json` tells; every line of its books agrees, and nothing is left."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CPAAS_")}
    # Its own, since other tests have copies beside it; short and passable, as a copy's home is.
    folder = memory.folder("cpd")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "cpaas", "drill", "--json", "--folder", str(folder), *words],
            env=environment | {"CPAAS_HOME": str(home)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        left = list(folder.iterdir())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    told = json.dumps(answer, indent=1) + done.stderr[-3_000:]
    assert done.returncode == 0, told
    assert answer["good"], told
    assert not left, "nothing is left"
    return answer
