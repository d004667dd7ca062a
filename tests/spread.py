"""Spreads the tests over the workers: a file as a whole to one of them, the longest files first.

A long file that comes last keeps one worker busy while the others have nothing left to do.
"""

import os

import pytest
from xdist.scheduler import LoadFileScheduling

#: files of more than half a minute of waiting or work, in the order of their start.
LONGEST = (
    "tests/journeys/test_drill.py",
    "tests/browser/",
    "tests/cli/test_bench.py",
    "tests/journeys/",
    "tests/contracts/",
    "tests/supervisor/",
    "tests/services/",
    "tests/gateway/",
    "tests/db/",
    "tests/cli/",
)


def rank(file: str) -> int:
    """A file's place in the order of the start; what is not named comes last."""
    return next((at for at, start in enumerate(LONGEST) if file.startswith(start)), len(LONGEST))


class LongestFirst(LoadFileScheduling):  # type: ignore[misc] # the library has no types
    """Gives out files by the order above instead of by their number of tests."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)


def workers() -> int:
    """One more than there are cores: most of the long tests wait for another process."""
    return len(os.sched_getaffinity(0)) + 1


def sort(items: list[pytest.Item]) -> None:
    """Puts the longest files first; within a file the order stays."""
    items.sort(key=lambda item: rank(item.nodeid))
