"""What the command line prints: tables and steps for people, one JSON object for programs.

Results go to standard output, everything else to standard error, so that output can be piped.
"""

import functools
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
import typer

from cpaas.config import Settings, load, unknown_names
from cpaas.config_values import ConfigError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


class CliError(Exception):
    """A command cannot do what was asked: what is wrong, what to do, and the exit code."""

    def __init__(self, what: str, todo: str, code: int = 1) -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo
        self.code = code


@functools.cache
def settings() -> Settings:
    """The settings of this run, read once; unknown CPAAS_ names are told."""
    for warning in unknown_names(os.environ):
        step(f"warning: {warning}")
    try:
        return load(os.environ)
    except ConfigError as error:
        raise CliError(error.what, error.todo, code=2) from error


def emit(value: Any) -> None:
    """Prints a value as one line of JSON."""
    text(msgspec.json.encode(value, enc_hook=str).decode())


def text(value: str, *, end: str = "\n") -> None:
    """Prints a result."""
    sys.stdout.write(value + end)
    sys.stdout.flush()


def step(value: str) -> None:
    """Tells progress, on standard error."""
    sys.stderr.write(value + "\n")
    sys.stderr.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints rows under their headings, as wide as the terminal allows."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    made = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else str(cell) for cell in row))
    # Piped output is for programs and searches: no wrapping there.
    Console(width=None if sys.stdout.isatty() else 200).print(made)


def error(what: str, todo: str, *, json: bool) -> None:
    """Tells what is wrong and what to do."""
    if json:
        emit({"error": what, "todo": todo})
    else:
        step(f"cpaas: {what}")
        if todo:
            step(f"  -> {todo}")
