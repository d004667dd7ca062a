"""Runs one service in the foreground; the supervisor runs each service through this as well.

A supervised service also watches its standard input, which ends with the supervisor, so that no
service is left behind on systems whose kernel does not tell.
"""

import importlib
import inspect
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from cpaas.cli import output
from cpaas.config import Settings

app = typer.Typer()

Run = Callable[[Settings], Awaitable[int | None] | int | None]


@app.command()
def serve(service: Annotated[str, typer.Argument(help="Name as in `cpaas status`.")]) -> None:
    """Run one service in the foreground."""
    from cpaas.services.catalogue import BY_NAME

    row = BY_NAME.get(service)
    if row is None:
        raise output.CliError(
            f"there is no service {service}", f"it is one of: {', '.join(BY_NAME)}", code=2
        )
    raise typer.Exit(run_entry(row.name, row.entry))


def run_entry(name: str, entry: str) -> int:
    """Runs `module:function` with the settings until it ends; returns its exit code."""
    from cpaas.kit import log

    settings = output.settings()
    log.configure(settings.log_level, name)
    if os.environ.get("CPAAS_SUPERVISED") == "1":
        end_with_supervisor(settings.stop_seconds)
    try:
        result = _run(entry, settings)
    except Exception as error:
        if isinstance(getattr(error, "what", None), str):
            raise  # It says itself what is wrong and what to do.
        log.get_logger("serve").exception("ended by an error")
        raise output.CliError(
            f"{type(error).__name__}: {error}", f"the line before this has the details of {name}"
        ) from error
    return result if isinstance(result, int) else 0


def _run(entry: str, settings: Settings) -> object:
    module, _, function = entry.partition(":")
    run: Run = getattr(importlib.import_module(module), function)
    result = run(settings)
    if inspect.iscoroutine(result):
        import uvloop

        result = uvloop.run(result)
    return result


def end_with_supervisor(stop_seconds: float) -> None:
    """Ends this process when the supervisor's end of standard input closes."""

    def watch() -> None:
        # Not sys.stdin: a thread that waits in its buffer makes the interpreter's end an abort.
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(stop_seconds)
        os._exit(1)

    threading.Thread(target=watch, name="supervisor watch", daemon=True).start()
