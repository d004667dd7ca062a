"""House habits as a test over the tree: sizes, names, where SQL lives, what is documented."""

import ast
import re
import tomllib
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
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\b", re.DOTALL
)


def modules() -> list[Path]:
    return [p for p in sorted(SOURCE.rglob("*.py")) if "migrations" not in p.parts]


def files_of_tests() -> list[Path]:
    return [p for p in sorted((ROOT / "tests").rglob("*.py")) if "node_modules" not in p.parts]


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_module_is_small_named_and_documented(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) <= MODULE_LINES_MAX, "split it by what it is about"
    assert path.stem not in FORBIDDEN_NAMES, "name it for what it is about"
    assert ast.get_docstring(tree), "one sentence: what, and why"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_public_functions_say_what(path: Path) -> None:
    tree = ast.parse(path.read_text())
    owners: list[ast.AST] = [tree]
    owners += [n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]
    for owner in owners:
        for node in getattr(owner, "body", []):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                public = not node.name.startswith("_") and node.name != "Meta"
                assert not public or ast.get_docstring(node), f"{node.name} has no docstring"


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_sql_lives_in_queries(path: Path) -> None:
    name = relative(path)
    if path.name == "queries.py" or path.stem.endswith("_queries") or name.startswith(SQL_ALLOWED):
        return
    tree = ast.parse(path.read_text())
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in documentation:
            assert not SQL.search(text), f"line {node.lineno}: SQL outside queries.py"


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
    for line in (ROOT / "requirements.in").read_text().split():
        name = re.split(r"[\[<>=,]", line)[0]
        assert name in page, f"{name}: say in docs/decisions/0002-dependencies.md why it is used"


def test_every_folder_has_a_layer() -> None:
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    text = str(layers["contracts"][0]["layers"])
    for folder in SOURCE.iterdir():
        if folder.is_dir() and (folder / "__init__.py").exists():
            assert re.search(rf"\b{folder.name}\b", text), f"{folder.name} has no layer"
