"""Shows every service of this home with what it is doing."""

from typing import Annotated

import typer

from cpaas.cli import output
from cpaas.supervisor.types import Row

app = typer.Typer()


@app.command()
def status(
    check: Annotated[
        bool, typer.Option("--check", help="Exit code 1 unless every service is well.")
    ] = False,
    json: output.Json = False,
) -> None:
    """Show what runs, with process ids and ports."""
    from cpaas.services import catalogue
    from cpaas.supervisor import lock

    settings = output.settings()
    state = lock.read_state(settings.run)
    running = {row.name: row for row in state.services} if state else {}
    known = [
        Row(name=row.name, status="STOPPED", pid=None, port=catalogue.ports(row, settings)[0][1])
        for row in catalogue.active(settings)
    ]
    if settings.embedded:
        first = Row(name="postgres", status="STOPPED", pid=None, port=settings.postgres_port)
        known.insert(0, first)
    names = {row.name for row in known}
    others = [row for row in running.values() if row.name not in names]
    rows = [running.get(row.name, row) for row in (*known[:1], *others, *known[1:])]
    # A service that the operator has stopped is as it should be.
    well = state is not None and all(row.status in ("UP", "STOPPED") for row in rows)
    if json:
        output.emit({"services": rows})
    else:
        _show(rows, started=state is not None)
    if check and not well:
        raise typer.Exit(1)


def _show(rows: list[Row], *, started: bool) -> None:
    output.table(
        ("service", "status", "pid", "port", "restarts"),
        [(row.name, row.status, row.pid, row.port, row.restarts) for row in rows],
    )
    if not started:
        output.step("nothing runs in this home; start it with `cpaas up`")
