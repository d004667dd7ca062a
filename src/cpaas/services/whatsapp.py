"""cpaas-whatsapp: WhatsApp through the Meta Cloud API; Meta's webhooks come in here."""

import asyncio
import secrets
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import msgspec

from cpaas.channels.base import Reviewed, TemplateNotice
from cpaas.channels.whatsapp import review
from cpaas.channels.whatsapp.channel import PHONE, SECRET, TOKEN
from cpaas.config import Settings
from cpaas.gateway.callbacks import callback_path
from cpaas.gateway.reviews import Reviews, content_of
from cpaas.kit.log import get_logger
from cpaas.services.channel import ChannelService, Spec, serve
from cpaas.simulators.whatsapp import CloudServer, CloudSettings, Number
from cpaas.snapshot.types import Route
from cpaas.templates.types import TemplateRow

SERVICE: Final = "cpaas-whatsapp"
CHANNEL: Final = "whatsapp"
TEST_WINDOW: Final = 100
TEST_NUMBER_ID: Final = "1"
_log = get_logger("whatsapp")


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


class _Whatsapp(ChannelService):
    """The channel with Meta's reviews of templates."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._reviews = Reviews(self.pool, CHANNEL, self._submit)

    def more_tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Templates are handed over."""
        return {"reviews": self._reviews.run()}

    async def templates_told(self, route: Route, notices: Sequence[TemplateNotice]) -> None:
        """What Meta's webhooks say of templates."""
        await self._reviews.notices(route, notices)

    async def _submit(self, row: TemplateRow) -> Reviewed | None:
        snapshot = self.snapshot()
        for identity in snapshot.own_identities.get((row.account_id, CHANNEL), ()):
            route = snapshot.routes.get(identity.route_id)
            if route is None or not route.active:
                continue
            try:
                return await review.submit(
                    row.name, row.language, row.version.category, content_of(row),
                    account_id=row.account_id, identity=identity, route=route, tools=self.tools,
                )  # fmt: skip
            except review.LaterError as error:
                _log.warning("template_later", template=row.id, name=row.name, why=str(error))
                return None
        _log.warning("template_without_number", template=row.id, account=row.account_id)
        return None


SPEC: Final = Spec(SERVICE, CHANNEL, "whatsapp_port", _TestCloud, windowed=True)


async def run(settings: Settings, stop: asyncio.Event | None = None) -> int:
    """Serves until SIGTERM or SIGINT (or `stop`); 1 when a part of it ended by itself."""
    return await serve(SPEC, settings, stop, _Whatsapp)
