"""One running copy and one browser for all tests of pages, whichever worker runs them.

A page of these tests fails on any console error, any failed request and any request to the outside.
"""

import fcntl
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import memory
from tests.browser.console import Copy, Visitor
from tests.journeys.platform import ALL_CHANNELS, Platform, is_free
from tests.parts import require

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of pages is slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def copy(postgres: str) -> Iterator[Copy]:
    """The running copy; the first worker starts it, the last one stops it."""
    require("playwright")
    require("chromium")
    folder = Path(tempfile.gettempdir()) / f"cpaas-browser-{memory.run_name()}"
    folder.mkdir(exist_ok=True)
    state = folder / "state.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if state.exists():
            known = json.loads(state.read_text())
            platform = Platform(home=Path(known["home"]), offset=known["offset"])
            platform.answer = known["answer"]
            users = known["users"]
        else:
            # A guide's pictures show the usual ports, where nobody else has them.
            usual = 0 if os.environ.get("CPAAS_GUIDE_PICTURES") and is_free(0) else None
            platform = Platform(CPAAS_CONSOLES="on", CPAAS_CHANNELS=ALL_CHANNELS, offset=usual)
            platform.lay_database()
            users = 0
            platform.up()
        found = {
            "home": str(platform.home), "offset": platform.offset, "answer": platform.answer,
            "users": users + 1,
        }  # fmt: skip
        state.write_text(json.dumps(found))
    yield Copy(platform)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = json.loads(state.read_text())
        known["users"] -= 1
        state.write_text(json.dumps(known))
        if known["users"] == 0:
            state.unlink()
            platform.down()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, once per file: its loop must not run beside other files' async tests."""
    require("playwright")
    require("chromium")
    from playwright.sync_api import sync_playwright

    program = next(one for one in CHROMIUM if Path(one).exists())
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield made
        made.close()


@pytest.fixture
def visit(browser: Any, copy: Copy) -> Iterator[Any]:
    """Opens a new visitor: `visit("admin")`, `visit("portal", phone=True)`."""
    opened: list[Visitor] = []

    def open_one(console: str, **options: Any) -> Visitor:
        opened.append(Visitor(browser, copy, console, **options))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def customer(copy: Copy) -> dict[str, Any]:
    """A new account with money and a chosen password, whose owner may log in at once."""
    name = f"c{uuid.uuid4().hex[:8]}"
    return copy.customer(name)
