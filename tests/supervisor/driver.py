"""Runs the supervisor on fake services as a process of its own, so that it can be killed.

Settings come from the environment; arguments are `name:port:mode` of each service.
"""

import asyncio
import os
import signal
import sys

from tests.supervisor.fakes import fake_program

from cpaas import config
from cpaas.supervisor.supervise import Supervisor
from cpaas.supervisor.types import StartError


def say(line: str) -> None:
    """Tells the test, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def prepare(_settings: config.Settings, _dsn: str) -> None:
    """Nothing to make: these services have no accounts."""


async def save(_settings: config.Settings) -> str:
    """Nothing is saved: the tests' database is of this version."""
    return ""


async def main() -> None:
    """Prints `ready` when all is up, ends on SIGTERM."""
    programs = []
    for argument in sys.argv[1:]:
        name, port, mode = argument.split(":")
        programs.append(fake_program(name, int(port), mode))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    supervisor = Supervisor(
        config.load(os.environ),
        programs,
        save=save,
        prepare=prepare,
        report=lambda step: None,
        back_off_first_seconds=0.05,
    )
    try:
        await supervisor.run(stop, lambda: say("ready"))
    except StartError as error:
        say(f"{error.what} | {error.todo}")


if __name__ == "__main__":
    asyncio.run(main())
