"""The guides' tests: each performs one step, in order, and takes the guide's picture of it.

`CPAAS_GUIDE_PICTURES=1 ./cpaas test tests/browser/guides` takes the pictures anew, on a copy with
weeks of traffic; without it the files stay as they are.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser.console import Copy, Visitor
from tests.browser.guides import history
from tests.browser.guides.reader import Reader
from tests.browser.guides.steps import GUIDES, MODULES, PARTS, steps
from tests.browser.pictures import looks, take

PICTURES = bool(os.environ.get("CPAAS_GUIDE_PICTURES"))
_STOPPED = pytest.StashKey[str]()

for _parts in PARTS.values():
    pytest.register_assert_rewrite(*(f"tests.browser.guides.{one}" for one in _parts))


@pytest.fixture(scope="session")
def past(copy: Copy) -> None:
    """Customers with weeks behind them, for the pictures only."""
    if PICTURES:
        history.lay(copy)


@pytest.fixture(scope="module")
def reader(browser: Any, copy: Copy, past: None) -> Iterator[Callable[..., Reader]]:
    """Somebody at a console: `reader("admin")`; the same one at each step of a guide."""
    found: dict[tuple[str, str], Reader] = {}

    def at(console: str, who: str = "") -> Reader:
        if (console, who) not in found:
            found[console, who] = Reader(Visitor(browser, copy, console))
        return found[console, who]

    yield at
    for one in found.values():
        one.visitor.close()


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Iterator[Callable[..., None]]:
    """Takes the step's picture, exactly once in each step; only asked for it keeps the file.

    `name`: the screen's in docs/images, where it stands in light, dark and on a phone.
    """
    guide = next(name for name, path in MODULES.items() if path == request.path)
    here = next(one for one in steps(guide) if one.test == request.node.name)
    taken: list[str] = []

    def shoot(reader: Reader, near: Any = None, *, name: str = "") -> None:
        taken.append(here.picture)
        if PICTURES:
            take(reader.page, GUIDES / here.picture, near)
        if PICTURES and name:
            looks(reader.page, name)
        reader.visitor.sound()

    yield shoot
    if not request.node.stash.get(_STOPPED, ""):
        assert len(taken) == 1, "each step has one picture"


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> None:
    """A guide is repeated whole, never from its middle: a step stands on those before it."""
    failed = getattr(parent.config.pluginmanager.get_plugin("lfplugin"), "lastfailed", {})
    guide = next((name for name, path in MODULES.items() if path == module_path), None)
    if guide is None:
        return
    name = module_path.relative_to(parent.config.rootpath).as_posix()
    ids = [f"{name}::{one.test}" for one in steps(guide)]
    if any(one in failed for one in ids):
        failed.update(dict.fromkeys(ids, True))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """After a step that failed none can be taken; they say so at once."""
    module = item.getparent(pytest.Module)
    failed = module.stash.get(_STOPPED, "") if module else ""
    if failed:
        pytest.fail(f"the step before failed: {failed}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Remembers the first step that failed."""
    report = yield
    module = item.getparent(pytest.Module)
    if report.failed and module and not module.stash.get(_STOPPED, ""):
        module.stash[_STOPPED] = item.stash[_STOPPED] = item.name
    return report
