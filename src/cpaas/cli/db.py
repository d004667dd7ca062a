"""Works on the database itself: its schema and its address."""

import asyncio
from typing import Annotated

import typer

from cpaas.cli import output

app = typer.Typer(no_args_is_help=True)


@app.command()
def migrate(
    verbose: Annotated[bool, typer.Option(help="Show everything that is said.")] = False,
    json: output.Json = False,
) -> None:
    """Bring the schema up to date and make the coming days' partitions."""
    from cpaas.db import migrate as migrations

    applied: list[str] = []

    def report(line: str) -> None:
        applied.append(line.removeprefix("Applying "))
        if not json:
            output.step(line)

    asyncio.run(
        migrations.migrate(
            output.settings().dsn(), report, said=output.step if verbose else migrations.silent
        )
    )
    if json:
        output.emit({"applied": applied})
    else:
        output.text(f"{len(applied)} applied" if applied else "up to date")


@app.command(name="shell-dsn")
def shell_dsn(json: output.Json = False) -> None:
    """Print the address with its password, for psql: psql "$(cpaas db shell-dsn)"."""
    dsn = output.settings().dsn()
    output.emit({"dsn": dsn}) if json else output.text(dsn)
