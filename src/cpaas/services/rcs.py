"""cpaas-rcs: RCS through hubs of the Virtuoso, Vi and Dotgo family; their webhooks come in here."""

import asyncio
from typing import Final

import msgspec

from cpaas.channels.base import Tools
from cpaas.channels.rcs.bots import TEST_SECRET
from cpaas.channels.rcs.reviews import RcsReviews
from cpaas.config import Settings
from cpaas.gateway.callbacks import callback_path
from cpaas.services.channel import Spec, serve
from cpaas.simulators.rcs import RcsServer, RcsSettings
from cpaas.snapshot.types import Route

SERVICE: Final = "cpaas-rcs"
CHANNEL: Final = "rcs"
TEST_WINDOW: Final = 100


class _TestHub:
    """The carrier for test keys, built in: it takes any bot and any template's code."""

    def __init__(self, settings: Settings) -> None:
        self._own = settings.url(settings.rcs_port)
        self._server = RcsServer(RcsSettings(any_template=True, token_calls=0))
        self._port = 0

    async def start(self) -> None:
        """Listens on a free port of this machine only."""
        self._port = await self._server.start()

    async def stop(self) -> None:
        """Ends it."""
        await self._server.stop()

    def located(self, route: Route) -> Route | None:
        """A simulated route at our port, whose events come back to us; any other as it is."""
        if not route.simulated:
            return route
        self._server.hub.configure(callback_url=self._own + callback_path(route))
        url = f"http://127.0.0.1:{self._port}"
        return msgspec.structs.replace(
            route, window_size=TEST_WINDOW,
            settings={"api_url": url, "token_url": f"{url}/oauth2/token"},
        )  # fmt: skip

    def credentials(self) -> dict[str, str]:
        """What any bot logs in with."""
        return {"client_secret": TEST_SECRET}


def _reviewer(tools: Tools) -> RcsReviews:
    return RcsReviews(tools.secrets)


SPEC: Final = Spec(SERVICE, CHANNEL, "rcs_port", _TestHub, windowed=True, reviewer=_reviewer)


async def run(settings: Settings, stop: asyncio.Event | None = None) -> int:
    """Serves until SIGTERM or SIGINT (or `stop`); 1 when a part of it ended by itself."""
    return await serve(SPEC, settings, stop)
