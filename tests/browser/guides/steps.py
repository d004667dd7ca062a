"""A guide's steps as its test module tells them: one test a step, its docstring the heading."""

import ast
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

GUIDES = Path(__file__).resolve().parents[3] / "docs" / "guides"
#: guide -> the modules whose tests perform its steps, in order.
PARTS = {
    "admin": ("admin_customers", "admin_traffic"),
    "portal": ("portal_messages", "portal_account"),
}
#: guide -> the module in which they all run.
MODULES = {guide: Path(__file__).with_name(f"test_{guide}_guide.py") for guide in PARTS}


class Step(NamedTuple):
    """A test of a guide's module."""

    test: str
    heading: str
    picture: str


def steps(guide: str) -> list[Step]:
    """All of them, in order; a picture is named after its place and its test."""
    found = [
        node
        for part in PARTS[guide]
        for node in ast.parse(Path(__file__).with_name(f"{part}.py").read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    return [
        Step(
            node.name,
            (ast.get_docstring(node) or "").splitlines()[0].rstrip("."),
            f"{guide}/{number:02d}-{node.name.removeprefix('test_').replace('_', '-')}.png",
        )
        for number, node in enumerate(found, 1)
    ]


def gathered(guide: str) -> dict[str, Callable[..., None]]:
    """The tests of all its parts by name, in order."""
    modules = [importlib.import_module(f"tests.browser.guides.{part}") for part in PARTS[guide]]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if name.startswith("test_")
    }
