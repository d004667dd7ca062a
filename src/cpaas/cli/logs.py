"""Shows what a service wrote, and follows it."""

import time
from collections import deque
from pathlib import Path
from typing import Annotated

import typer

from cpaas.cli import output

app = typer.Typer()

POLL_SECONDS = 0.25
LINES_MAX = 10_000


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="One service; empty for all.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=LINES_MAX)] = 50,
    json: output.Json = False,
) -> None:
    """Show the last lines of the logs."""
    paths = _paths(output.settings().logs, service)
    positions = {}
    for path in paths:
        with path.open(errors="replace") as file:
            for line in deque(file, maxlen=lines):
                _print(path, line, named=len(paths) > 1, json=json)
            positions[path] = file.tell()
    while follow:
        for path in paths:
            positions[path] = _new_lines(path, positions[path], named=len(paths) > 1, json=json)
        time.sleep(POLL_SECONDS)


def _paths(folder: Path, service: str) -> list[Path]:
    found = {path.stem: path for path in sorted(folder.glob("*.log"))}
    if not service:
        return list(found.values())
    if service not in found:
        known = ", ".join(found) or "nothing has written a log yet"
        raise output.CliError(f"there is no log of {service}", f"there is: {known}", code=2)
    return [found[service]]


def _new_lines(path: Path, position: int, *, named: bool, json: bool) -> int:
    if not path.exists() or path.stat().st_size < position:
        return 0  # Rotated: the new file is read from its start.
    with path.open(errors="replace") as file:
        file.seek(position)
        while line := file.readline():
            if not line.endswith("\n"):
                break  # Half a line; it is read again when the rest is there.
            _print(path, line, named=named, json=json)
            position = file.tell()
    return position


def _print(path: Path, line: str, *, named: bool, json: bool) -> None:
    if json:
        output.emit({"service": path.stem, "line": line.rstrip("\n")})
    else:
        output.text(f"{path.stem:14} {line.rstrip()}" if named else line.rstrip())
