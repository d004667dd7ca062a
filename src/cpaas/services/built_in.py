"""The carriers for test keys: one built into each channel's service, on a port of its own."""

from typing import Protocol

from cpaas.snapshot.types import Route


class BuiltIn(Protocol):
    """A simulated carrier inside a channel's service."""

    async def start(self) -> None:
        """Listens on a free port of this machine only."""

    async def stop(self) -> None:
        """Ends it."""

    def located(self, route: Route) -> Route | None:
        """A simulated route as it can be reached, None where it cannot; any other as it is."""

    def credentials(self) -> dict[str, str]:
        """What the simulated route logs in with."""


class NoCarrier:
    """No carrier is built in: test keys have no route on this channel."""

    def __init__(self, *_: object) -> None:
        return

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to end."""

    def located(self, route: Route) -> Route | None:
        """Any route but a simulated one."""
        return None if route.simulated else route

    def credentials(self) -> dict[str, str]:
        """None."""
        return {}
