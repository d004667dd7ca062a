"""House habits as a test over the tree: sizes, names, where SQL lives, what is documented."""

import ast
import functools
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "cpaas"
MODULE_LINES_MAX = 400
TEST_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "service", "misc"}
#: where SQL may stand besides files named queries.py: the schema itself, and the queue's carrier.
SQL_ALLOWED = ("schema/", "broker/embedded_queries.py", "db/")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\b", re.DOTALL
)


def modules() -> list[Path]:
    return [p for p in sorted(SOURCE.rglob("*.py")) if "migrations" not in p.parts]


def files_of_tests() -> list[Path]:
    return [p for p in sorted((ROOT / "tests").rglob("*.py")) if "node_modules" not in p.parts]


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def module_faults(path: Path) -> Iterator[str]:
    text = path.read_text()
    tree = tree_of(path)
    if len(text.splitlines()) > MODULE_LINES_MAX:
        yield f"more than {MODULE_LINES_MAX} lines: split it by what it is about"
    if path.stem in FORBIDDEN_NAMES:
        yield "name it for what it is about"
    if not ast.get_docstring(tree):
        yield "no docstring: one sentence that says what, and why"
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{node.name} has {length} lines"


def undocumented(path: Path) -> Iterator[str]:
    tree = tree_of(path)
    public = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name[0] != "_"]
    bodies = [tree.body, *(one.body for one in public)]
    for body in bodies:
        for node in body:
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                hidden = node.name.startswith("_") or node.name == "Meta"
                if not hidden and not ast.get_docstring(node):
                    yield f"{node.name} has no docstring"


def stray_sql(path: Path) -> Iterator[str]:
    if path.stem.endswith("queries") or relative(path).startswith(SQL_ALLOWED):
        return
    tree = tree_of(path)
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in documentation:
            continue
        if isinstance(node.value, str) and SQL.search(node.value):
            yield f"line {node.lineno}: SQL outside a queries.py"


@pytest.mark.parametrize("faults", [module_faults, undocumented, stray_sql])
def test_modules(faults: Callable[[Path], Iterator[str]]) -> None:
    found = [f"{relative(path)}: {fault}" for path in modules() for fault in faults(path)]
    assert not found, "\n".join(found)


def test_tests_are_small() -> None:
    for path in files_of_tests():
        assert len(path.read_text().splitlines()) <= TEST_LINES_MAX, path


def test_nothing_left_for_later() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
    for path in [*modules(), *files_of_tests()]:
        assert not marks.search(path.read_text()), path


def test_the_project_stands_alone() -> None:
    """No package registry's host, no path of one machine, in anything that is tracked as text."""
    hosts = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian\.org|/work/|/root/")
    kinds = {".py", ".md", ".toml", ".lock", ".in", ".json", ".js", ".sql", ".yaml", ".yml", ".sh"}
    skip = {".venv", ".git", "node_modules", ".cpaas", ".hypothesis", ".mypy_cache", ".ruff_cache"}
    for path in ROOT.rglob("*"):
        if path.suffix not in kinds or skip & set(path.parts) or path == Path(__file__):
            continue
        found = hosts.search(path.read_text(errors="replace"))
        assert not found, f"{path}: {found.group() if found else ''}"


def test_every_dependency_is_explained() -> None:
    page = (ROOT / "docs/decisions/0002-dependencies.md").read_text()
    for line in (ROOT / "requirements.in").read_text().splitlines():
        name = re.split(r"[\[<>=,; ]", line)[0]
        assert name in page, f"{name}: say in docs/decisions/0002-dependencies.md why it is used"


def test_every_folder_has_a_layer() -> None:
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    text = str(layers["contracts"][0]["layers"])
    for folder in SOURCE.iterdir():
        if folder.is_dir() and (folder / "__init__.py").exists():
            assert re.search(rf"\b{folder.name}\b", text), f"{folder.name} has no layer"


def test_a_wait_gives_way_to_a_stop() -> None:
    """Python 3.11's wait_for forgets that it was cancelled if what it waits for comes just then."""
    for path in modules():
        assert "asyncio.wait_for(" not in path.read_text(), f"{path}: use asyncio.timeout"
