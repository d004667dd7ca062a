"""Every screen is among those whose server time bench/console_pages.py measures."""

import re

import pytest
from bench.console_pages import ADMIN, PORTAL
from tests.journeys.platform import ROOT

SLUG = re.compile(r'^    slug="([a-z-]+)"', re.MULTILINE)


@pytest.mark.parametrize(("console", "paths"), [("admin", ADMIN), ("portal", PORTAL)])
def test_every_screen_is_measured(console: str, paths: tuple[str, ...]) -> None:
    folder = ROOT / "src" / "cpaas" / "consoles" / console
    slugs = {found[1] for path in folder.glob("*.py") for found in SLUG.finditer(path.read_text())}
    assert len(slugs) > 13
    assert slugs == {path.split("/")[1] for path in paths}
