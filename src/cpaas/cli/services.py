"""Starts, stops and restarts one service by a wish in the database that every supervisor obeys."""

import asyncio
import getpass
from typing import Annotated

import typer

from cpaas.cli import output

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name as in `cpaas status`.")]


@app.command()
def start(name: Name, json: output.Json = False) -> None:
    """Start a service, and let it start with the platform again."""
    _wish(name, running=True, restart=False, json=json)


@app.command()
def stop(name: Name, json: output.Json = False) -> None:
    """Stop a service; it stays stopped, also over `cpaas up`, until it is started."""
    _wish(name, running=False, restart=False, json=json)


@app.command()
def restart(name: Name, json: output.Json = False) -> None:
    """Restart a service."""
    _wish(name, running=True, restart=True, json=json)


def _wish(name: str, *, running: bool, restart: bool, json: bool) -> None:
    from cpaas.services.catalogue import BY_NAME

    if name not in BY_NAME:
        raise output.CliError(
            f"there is no service {name}", f"it is one of: {', '.join(BY_NAME)}", code=2
        )
    asyncio.run(_write(name, running=running, restart=restart))
    desired = "running" if running else "stopped"
    if json:
        output.emit({"service": name, "desired": desired, "restart": restart})
    else:
        output.text(f"{name} shall be {'restarted' if restart else desired}")


async def _write(name: str, *, running: bool, restart: bool) -> None:
    from cpaas.cli import database
    from cpaas.db.actor import acting
    from cpaas.monitoring.queries import set_desired

    actor = f"cli:{getpass.getuser()}"
    async with database.connected(output.settings()) as connection, acting(connection, actor):
        await set_desired(connection, name, running=running, restart=restart, actor=actor)
