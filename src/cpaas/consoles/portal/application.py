"""The User Portal as a WSGI application."""

from typing import Any, Final

from cpaas.consoles.shared.application import make
from cpaas.consoles.shared.database import Database
from cpaas.consoles.shared.follow import Followed
from cpaas.consoles.shared.runtime import Console, Runtime
from cpaas.kit.secrets import Keyring
from cpaas.monitoring.types import Watched

CONSOLE: Final = Console(
    name="portal",
    title="User Portal",
    role="USER",
    service="cpaas-portal",
    icon="storefront",
    screens="cpaas.consoles.portal.screens",
    session_table="portal_session",
)


def application(
    followed: Followed, database: Database, keyring: Keyring, watched: tuple[Watched, ...]
) -> Any:
    """The application of this process."""
    return make(
        Runtime(
            console=CONSOLE, settings=followed.current.applied(), database=database,
            keyring=keyring, watched=watched, current=followed.current,
        ),
        followed,
    )  # fmt: skip
