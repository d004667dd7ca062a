"""WhatsApp as the gateway sees it: opens a route's link and reads what Meta tells."""

from typing import Any, Final

import msgspec

from cpaas.channels.base import Callback, Heard, Link, Sink, Tools
from cpaas.channels.http import HttpLink
from cpaas.channels.whatsapp import callbacks, content
from cpaas.channels.whatsapp.config import WhatsappSettings, settings_of
from cpaas.channels.whatsapp.driver import CloudApi
from cpaas.snapshot.types import Identity, Route

#: credentials of a simulated route, whose one number needs no identity.
TOKEN: Final = "access_token"  # noqa: S105 - its name
SECRET: Final = "app_secret"  # noqa: S105 - its name
PHONE: Final = "phone_number_id"


class WhatsappChannel:
    """WhatsApp over the Meta Cloud API."""

    name = "whatsapp"

    def open(self, route: Route, credentials: dict[str, str], sink: Sink, tools: Tools) -> Link:
        """A link for a route; RouteSettingsError when its settings cannot be used."""
        settings = settings_of(route)
        fallback = None
        if route.simulated:
            fallback = Identity(
                0, self.name, route.default_sender, "", route.id, active=True,
                settings={
                    "phone_number_id": credentials.get(PHONE, ""), "tps": 0, "pair_seconds": 0
                },
                secret=b"", accounts={},
            )  # fmt: skip
        driver = CloudApi(
            route, settings, tools, fallback=fallback,
            fallback_token=credentials.get(TOKEN, ""),
        )  # fmt: skip
        return HttpLink(route, driver, sink, answer_seconds=settings.answer_seconds)

    def hear(
        self, route: Route, credentials: dict[str, str], callback: Callback, tools: Tools
    ) -> Heard:
        """What a webhook tells. Errors: CallbackRefusedError."""
        secret = credentials.get(SECRET, "") if route.simulated else ""
        return callbacks.hear(route, settings_of(route), callback, tools, fallback_secret=secret)

    def weigh(self, text: str, given: dict[str, Any]) -> int:
        """One message is one unit. Errors: InputError names the field."""
        content.check(text, content.read(given))
        return 1

    def check_settings(self, document: dict[str, object], dialect: str = "") -> None:
        """Errors: ValidationError names the field."""
        msgspec.convert(document, WhatsappSettings)

    def identity(self, route: Route) -> object:
        """What must be equal for the link to live on when the route is changed."""
        return route.name, route.host, route.port, repr(route.settings), route.secret
