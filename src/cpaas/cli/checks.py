"""Checks and tests this copy of the project: style, types, layers, then the tests.

One command for a person and for automation alike; what a machine lacks is skipped and named.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from cpaas.cli import output

app = typer.Typer()

# The tests need the files beside the package, so this command works in a checkout only.
ROOT = Path(__file__).resolve().parents[3]
FAST = "not slow and not soak"
USUAL = "not soak"
SOAK = "soak"
# A file as a whole to one worker (tests/spread.py); what was skipped is listed at the end.
SPREAD = ("-n", "auto", "--dist", "loadfile", "-rs")
FAILED = ("--last-failed", "--last-failed-no-failures=none", "-rs")
# pytest's own code for "no test was selected", which a narrow choice may mean.
NOTHING_SELECTED = 5


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def check(
    ctx: typer.Context,
    fast: Annotated[bool, typer.Option("--fast", help="Leave out the slow tests.")] = False,
    soak: Annotated[bool, typer.Option("--soak", help="Only the tests that take minutes.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Only what failed last time.")] = False,
    json: output.Json = False,
) -> None:
    """Run style, types, layers and tests; further arguments go to pytest, which then runs alone."""
    if not (ROOT / "tests").is_dir():
        raise output.CliError(f"there are no tests beside {ROOT}", "run it in a checkout", code=2)
    marks = SOAK if soak else FAST if fast else USUAL
    how = ctx.args or (FAILED if again else SPREAD)
    steps = [("tests", [sys.executable, "-m", "pytest", "-m", marks, *how])]
    if not ctx.args and not soak:
        steps = [*_checks(), *steps]
    results = []
    for name, argv in steps:
        output.step(f"-- {name}")
        started = time.monotonic()
        # With --json, standard output belongs to the one object alone.
        code = subprocess.run(
            argv, cwd=ROOT, stdout=sys.stderr if json else None, check=False, env=os.environ
        ).returncode
        good = code in {0, NOTHING_SELECTED} if ctx.args and name == "tests" else code == 0
        results.append({"step": name, "ok": good, "seconds": round(time.monotonic() - started, 1)})
    _summarise(results, json=json)


def _checks() -> list[tuple[str, list[str]]]:
    python, scripts = sys.executable, Path(sys.executable).parent
    return [
        ("style", [python, "-m", "ruff", "check", "."]),
        ("format", [python, "-m", "ruff", "format", "--check", "."]),
        ("types", [python, "-m", "mypy"]),
        ("layers", [str(scripts / "lint-imports")]),
    ]


def _summarise(results: list[dict[str, object]], *, json: bool) -> None:
    good = all(result["ok"] for result in results)
    if json:
        output.emit({"ok": good, "steps": results})
    else:
        for result in results:
            verdict = "passed" if result["ok"] else "FAILED"
            output.text(f"{result['step']:8} {verdict}  {result['seconds']:>7} s")
    if not good:
        raise typer.Exit(1)
