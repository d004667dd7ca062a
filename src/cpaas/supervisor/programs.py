"""Turns the catalogue of services into programs to keep alive.

Apart from the supervisor, which knows nothing of services and is tested with others.
"""

import os
import sys

from cpaas.config import Settings
from cpaas.kit.child import Command
from cpaas.services import catalogue
from cpaas.supervisor.types import Program

#: the module that becomes a service when it is asked for a copy of itself.
TEMPLATE = "cpaas.cli.copies"


def programs(settings: Settings) -> tuple[Program, ...]:
    """Every active service as a child of this Python."""
    env = {**os.environ, "CPAAS_HOME": str(settings.home), "CPAAS_SUPERVISED": "1"}
    # Whoever looks for a home's processes by their environment shall find them, named or not.
    env["SPT_NOENV"] = "1"
    return tuple(
        Program(
            name=service.name,
            command=Command(argv=(sys.executable, "-m", "cpaas", *service.command), env=env),
            health=catalogue.health(service, settings),
            ports=catalogue.ports(service, settings),
            needs=service.needs,
            template=Command(
                argv=(
                    sys.executable,
                    "-m",
                    TEMPLATE,
                    "{socket}",
                    *catalogue.imports(service, settings),
                ),
                env=env,
            ),
            arguments=service.command,
        )
        for service in catalogue.active(settings)
    )
