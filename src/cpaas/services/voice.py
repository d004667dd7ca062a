"""cpaas-voice: calls over SIP trunks and by providers' Calls APIs, whose callbacks come in here."""

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any, Final

import msgspec

from cpaas.config import Settings
from cpaas.gateway import unheard
from cpaas.services.channel import ChannelService, Spec, serve
from cpaas.simulators.voice import CallProvider, ProviderSettings
from cpaas.snapshot.types import Route

SERVICE: Final = "cpaas-voice"
CHANNEL: Final = "voice"
TEST_SID: Final = "ACtest"
TEST_WINDOW: Final = 100
#: from whom test calls come where nobody says.
TEST_CALLER: Final = "+999000000000"


class _TestProvider:
    """The carrier for test keys, built in: on a port of its own that nobody else is told."""

    def __init__(self, _settings: Settings) -> None:
        self._token = secrets.token_hex(16)
        self._provider = CallProvider(ProviderSettings(accounts={TEST_SID: self._token}))
        self._port = 0

    async def start(self) -> None:
        """Listens on a free port of this machine only."""
        self._port = await self._provider.start()

    async def stop(self) -> None:
        """Ends it, with its calls."""
        await self._provider.stop()

    def located(self, route: Route) -> Route | None:
        """A simulated route at our port; any other as it is."""
        if not route.simulated:
            return route
        return msgspec.structs.replace(
            route, dialect="http", system_id=TEST_SID, window_size=TEST_WINDOW,
            settings={"base_url": f"http://127.0.0.1:{self._port}"},
        )  # fmt: skip

    def credentials(self) -> dict[str, str]:
        """What it lets in."""
        return {"password": self._token}


class _Voice(ChannelService):
    """The channel, which also asks for calls that nobody told the end of."""

    def more_tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Asks providers."""
        return {
            "unheard": unheard.ask_for_ever(
                self.pool, self.host.link, every_seconds=unheard.EVERY_SECONDS,
                after_seconds=unheard.AFTER_SECONDS,
            )
        }  # fmt: skip


SPEC: Final = Spec(SERVICE, CHANNEL, "voice_port", _TestProvider)


async def run(settings: Settings, stop: asyncio.Event | None = None) -> int:
    """Serves until SIGTERM or SIGINT (or `stop`); 1 when a part of it ended by itself."""
    return await serve(SPEC, settings, stop, _Voice)
