"""Every error code that the source can answer with is documented, with its status."""

import ast
import re
from pathlib import Path

from cpaas.api.docs_errors import PROBLEMS
from cpaas.api.doors import jasmin, kannel, twilio
from cpaas.pipeline.refusals import REASONS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/errors.md"
DOCUMENTED = {code: status for status, code, _ in PROBLEMS}


def calls() -> list[tuple[str, list[ast.expr], ast.Call]]:
    trees = [
        ast.parse(path.read_text())
        for folder in ("api", "pipeline", "dlt")
        for path in (ROOT / "src/cpaas" / folder).glob("*.py")
    ]
    return [
        (node.func.id, node.args, node)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]


def value(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def test_every_code_that_is_used_is_documented() -> None:
    seen = 0
    for name, args, node in calls():
        if name == "ProblemError" and isinstance(value(args[1]), str):
            status, code = value(args[0]), str(value(args[1]))
            assert isinstance(status, int | None)
            assert DOCUMENTED.get(code) == (status or DOCUMENTED.get(code)), code
            seen += 1
        elif name == "refused":
            given = [value(k.value) for k in node.keywords if k.arg == "status"]
            assert DOCUMENTED[str(value(args[0]))] == (given[0] if given else 422)
            seen += 1
        elif name in {"RefusedError", "Fault"} and not isinstance(args[0], ast.Attribute):
            assert str(value(args[0])) in REASONS
            seen += 1
    assert seen > 40


def test_the_page_lists_the_codes() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| \S.* \|$", PAGE.read_text(), re.MULTILINE)
    assert {code: int(status) for code, status in rows} == DOCUMENTED


def door_rows() -> list[str]:
    """What each of the doors answers instead of a problem document, in its own words."""
    codes = sorted({*kannel._WORDS, *jasmin._STATUS, *jasmin._WORDS, *twilio._ERRORS})
    rows = []
    for code in codes:
        status, words = kannel._WORDS.get(code, (403, kannel.NOT_ROUTABLE))
        number = twilio._ERRORS.get(code, (400, 21620, ""))
        told = jasmin._WORDS.get(code, "our words")
        rows.append(
            f"| `{code}` | {status}: {words} | {jasmin._STATUS.get(code, 400)}: {told}"
            f" | {number[0]}, {number[1]} |"
        )
    return rows


def test_the_page_lists_the_doors_answers() -> None:
    page = PAGE.read_text()
    missing = [row for row in door_rows() if row not in page]
    assert not missing, "\n".join(missing)
