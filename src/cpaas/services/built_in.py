"""The carriers for test keys: one built into each channel's service, on a port of its own."""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from aiohttp import web

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


class BuiltInHttp:
    """A simulated carrier over HTTP: an application on a free loopback port.

    told: learns the route's settings for its port, and the address of its callbacks.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        credentials: dict[str, str],
        told: Callable[[Route, int], dict[str, object]],
        **changes: Any,
    ) -> None:
        self._app = app
        self._credentials = credentials
        self._told = told
        self._changes = changes
        self._runner = web.AppRunner(app, access_log=None)
        self._port = 0

    async def start(self) -> None:
        """Listens on a free port of this machine only."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, shutdown_timeout=0.5).start()
        self._port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Ends it."""
        await self._runner.cleanup()

    def located(self, route: Route) -> Route | None:
        """A simulated route at our port, with settings to match."""
        if not route.simulated:
            return route
        return msgspec.structs.replace(
            route, host="127.0.0.1", port=self._port, settings=self._told(route, self._port),
            **self._changes,
        )  # fmt: skip

    def credentials(self) -> dict[str, str]:
        """What the simulated route logs in with."""
        return self._credentials
