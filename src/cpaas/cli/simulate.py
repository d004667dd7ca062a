"""Runs a simulated carrier or customer, for the sandbox, for trials and for benches."""

import asyncio
from typing import Annotated

import typer

from cpaas.cli import output

app = typer.Typer(no_args_is_help=True)


@app.command()
def smsc() -> None:
    """Run the simulated SMSC that the sandbox's route connects to."""
    from cpaas.cli.serve import run_entry
    from cpaas.services.catalogue import BY_NAME

    row = BY_NAME["simulator-smsc"]
    raise typer.Exit(run_entry(row.name, row.entry))


@app.command()
def whatsapp() -> None:
    """Run the simulated WhatsApp Cloud API that the sandbox's route connects to."""
    from cpaas.cli.serve import run_entry
    from cpaas.services.catalogue import BY_NAME

    row = BY_NAME["simulator-whatsapp"]
    raise typer.Exit(run_entry(row.name, row.entry))


@app.command()
def voice() -> None:
    """Run the simulated provider of calls that the sandbox's route calls through."""
    from cpaas.cli.serve import run_entry
    from cpaas.services.catalogue import BY_NAME

    row = BY_NAME["simulator-voice"]
    raise typer.Exit(run_entry(row.name, row.entry))


@app.command()
def customer(
    port: Annotated[int, typer.Option(help="Port to receive webhooks on.")] = 8089,
) -> None:
    """Run a receiver of webhooks that tells what came, on GET /counts."""
    from cpaas.simulators.customer.serve import CustomerSettings, serve

    host = output.settings().host
    output.step(f"receiving on http://{host}:{port}")
    asyncio.run(serve(CustomerSettings(host=host, port=port)))


@app.command()
def rcs() -> None:
    """Run the simulated RCS hub that the sandbox's route sends through."""
    from cpaas.cli.serve import run_entry
    from cpaas.services.catalogue import BY_NAME

    row = BY_NAME["simulator-rcs"]
    raise typer.Exit(run_entry(row.name, row.entry))
