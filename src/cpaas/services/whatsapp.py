"""cpaas-whatsapp: WhatsApp through the Meta Cloud API; Meta's webhooks come in here."""

import asyncio
import secrets
from typing import Final

import msgspec

from cpaas.channels.whatsapp.channel import PHONE, SECRET, TOKEN
from cpaas.channels.whatsapp.reviews import WhatsappReviews
from cpaas.config import Settings
from cpaas.gateway.callbacks import callback_path
from cpaas.services.channel import Spec, serve
from cpaas.simulators.whatsapp import CloudServer, CloudSettings, Number
from cpaas.snapshot.types import Route

SERVICE: Final = "cpaas-whatsapp"
CHANNEL: Final = "whatsapp"
TEST_WINDOW: Final = 100
TEST_NUMBER_ID: Final = "1"


class _TestCloud:
    """The carrier for test keys, built in: one number, any template, no conversation needed."""

    def __init__(self, settings: Settings) -> None:
        self._own = settings.url(settings.whatsapp_port)
        self._token, self._secret = secrets.token_hex(8), secrets.token_hex(16)
        number = Number(display="+15550000001", waba_id="1", token=self._token)
        self._server = CloudServer(
            CloudSettings(
                numbers={TEST_NUMBER_ID: number}, app_secret=self._secret, windows=False,
                any_template=True,
            )
        )  # fmt: skip
        self._port = 0

    async def start(self) -> None:
        """Listens on a free port of this machine only."""
        self._port = await self._server.start()

    async def stop(self) -> None:
        """Ends it."""
        await self._server.stop()

    def located(self, route: Route) -> Route | None:
        """A simulated route at our port, whose webhooks come back to us; any other as it is."""
        if not route.simulated:
            return route
        self._server.cloud.configure(callback_url=self._own + callback_path(route))
        return msgspec.structs.replace(
            route, window_size=TEST_WINDOW,
            settings={"base_url": f"http://127.0.0.1:{self._port}"},
        )  # fmt: skip

    def credentials(self) -> dict[str, str]:
        """Token and secret of its number."""
        return {TOKEN: self._token, SECRET: self._secret, PHONE: TEST_NUMBER_ID}


SPEC: Final = Spec(SERVICE, CHANNEL, "whatsapp_port", _TestCloud, windowed=True,
                   reviewer=WhatsappReviews)  # fmt: skip


async def run(settings: Settings, stop: asyncio.Event | None = None) -> int:
    """Serves until SIGTERM or SIGINT (or `stop`); 1 when a part of it ended by itself."""
    return await serve(SPEC, settings, stop)
