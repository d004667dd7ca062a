"""Lets compiled Python be kept for the run where the environment forbids to write it.

A copy of the platform is twelve processes, and each of them would compile the same two thousand
modules again: half of the CPU that its start takes. Nothing is written beside the sources.
"""

import os
import sys
import tempfile
from pathlib import Path


def keep() -> None:
    """For this process, its workers and every program that the tests start."""
    if not sys.dont_write_bytecode:
        return
    folder = Path(tempfile.gettempdir()) / f"cpaas-test-bytecode-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        return
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(folder)
    sys.dont_write_bytecode = False
