"""A guide with pictures says what its tests do: the same steps in order, each with its picture."""

import re

import pytest
from tests.browser.guides.steps import GUIDES, MODULES, steps

BYTES_MAX = 6_000_000
_STEP = re.compile(r"^### (.+)$", re.MULTILINE)
_PICTURE = re.compile(r"!\[[^\]]+\]\(([^)]+)\)")


@pytest.mark.parametrize("guide", MODULES)
def test_a_guides_steps_are_its_tests(guide: str) -> None:
    text = (GUIDES / f"{guide}.md").read_text()
    assert _STEP.findall(text) == [one.heading for one in steps(guide)]
    assert _PICTURE.findall(text) == [one.picture for one in steps(guide)]
    assert sorted(path.relative_to(GUIDES).as_posix() for path in (GUIDES / guide).iterdir()) == (
        sorted(one.picture for one in steps(guide))
    )


def test_pictures_are_small() -> None:
    sizes = [path.stat().st_size for guide in MODULES for path in (GUIDES / guide).glob("*.png")]
    assert sum(sizes) < BYTES_MAX
