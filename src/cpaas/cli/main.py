"""Finds the command that was asked for, imports only that, and turns every failure into two lines.

A table of names instead of imports keeps `cpaas status` as quick as Python itself.
"""

import contextlib
import importlib
import sys
import time
import traceback
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from cpaas.cli import output
from cpaas.config_values import ConfigError


class Entry(NamedTuple):
    """Where a command is: a module of this package with a typer `app`."""

    module: str
    # Read when the list of commands is shown, without importing them.
    help: str


COMMANDS: dict[str, Entry] = {
    "up": Entry("up", "Start the platform."),
    "down": Entry("down", "Stop the platform."),
    "status": Entry("status", "Show what runs."),
    "logs": Entry("logs", "Show the logs of a service."),
    "service": Entry("services", "Start, stop or restart one service."),
    "doctor": Entry("doctor", "Find what is wrong and say what to do."),
    "settings": Entry("settings", "Show every setting."),
    "admin": Entry("admin", "Make admins, reset passwords."),
    "account": Entry("account", "Make and change accounts."),
    "price": Entry("price", "Set and show prices."),
    "invoice": Entry("invoice", "Issue invoices; say who sells and who buys."),
    "topup": Entry("topup", "Grant or decline requests for balance."),
    "blacklist": Entry("blacklist", "Block numbers."),
    "dlt": Entry("dlt", "India's DLT: ids, templates, checks."),
    "template": Entry("template", "Make, submit and approve message templates."),
    "sender": Entry("sender", "Request and approve sender ids."),
    "identity": Entry("identity", "WhatsApp numbers and RCS bots."),
    "route": Entry("route", "Connect to carriers."),
    "import": Entry("import_", "Take over routes and accounts of a kannel.conf."),
    "rule": Entry("rule", "Say which messages take which route."),
    "strategy": Entry("strategy", "Choose among several routes."),
    "webhook": Entry("webhook", "Show and set where an account's events go."),
    "send": Entry("send", "Send a message and follow it."),
    "campaign": Entry("campaign", "Make, start, follow and stop campaigns."),
    "message": Entry("message", "Look at messages."),
    "number": Entry("number", "Numbers that get replies, and their keywords."),
    "inbound": Entry("inbound", "Look at replies; set STOP's words."),
    "deadletter": Entry("deadletter", "Look at dead letters, replay, discard."),
    "receipt": Entry("receipt", "Look at receipts without a message."),
    "held": Entry("held", "Decide about messages that a restored backup had under way."),
    "audit": Entry("audit", "Show and check the audit log."),
    "db": Entry("db", "Work on the database."),
    "serve": Entry("serve", "Run one service in the foreground."),
    "simulate": Entry("simulate", "Run a simulated carrier."),
    "bench": Entry("bench", "Measure a private copy, end to end."),
    "drill": Entry("drill.command", "Kill parts of a private copy; prove that nothing is lost."),
    "test": Entry("checks", "Check and test this copy of the project."),
}


class LazyGroup(TyperGroup):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, None if there is none."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"cpaas.cli.{entry.module}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        command.help = command.help or entry.help
        return command


app = typer.Typer(
    name="cpaas",
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def cpaas() -> None:
    """A self-hosted communications platform: SMS, WhatsApp, RCS and Voice."""


def main() -> int:
    """Runs the command line; every failure becomes what is wrong and what to do."""
    json = "--json" in sys.argv[1:]
    try:
        app(prog_name="cpaas")
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 0
    except output.CliError as error:
        output.error(error.what, error.todo, json=json)
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has seen enough.
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 a person must never meet a traceback
        return _failed(error, json=json)
    return 0


def _failed(error: Exception, *, json: bool) -> int:
    what, todo = getattr(error, "what", None), getattr(error, "todo", None)
    if isinstance(what, str) and isinstance(todo, str):
        output.error(what, todo, json=json)
        return 2 if isinstance(error, ConfigError) else 1
    where = _write_traceback(error)
    output.error(f"unexpected {type(error).__name__}: {error}", where, json=json)
    return 1


def _write_traceback(error: Exception) -> str:
    with contextlib.suppress(OSError, output.CliError):
        path = output.settings().logs / "cli.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {' '.join(sys.argv[1:2])}\n")
            traceback.print_exception(error, file=file)
        return f"the details are in {path}"
    return "run it again; if it fails again, report it with this line"
