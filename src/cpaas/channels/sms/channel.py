"""SMS as the gateway sees it: opens a route's link and says when a change needs a new one."""

from typing import Any

from cpaas.channels.base import Callback, CallbackRefusedError, Heard, Link, Sink, Tools
from cpaas.channels.sms.config import settings_of
from cpaas.channels.sms.http_hear import hear
from cpaas.channels.sms.http_types import HTTP_DIALECTS
from cpaas.channels.sms.link import SmppLink
from cpaas.kit.errors import InputError
from cpaas.smpp.text import plan
from cpaas.snapshot.types import Route


class SmsChannel:
    """SMS over SMPP or HTTP, as the route's dialect says."""

    name = "sms"

    def open(self, route: Route, credentials: dict[str, str], sink: Sink, tools: Tools) -> Link:
        """A link for a route; RouteSettingsError when its settings cannot be used."""
        if route.dialect in HTTP_DIALECTS:
            # Who has no such route need not load an HTTP client.
            from cpaas.channels.sms.http_link import HttpLink

            return HttpLink(route, credentials | {"callback": tools.callback_url(route)}, sink)
        return SmppLink(route, settings_of(route), credentials.get("password", ""), sink)

    def weigh(self, text: str, content: dict[str, Any]) -> int:
        """Its segments; a text message carries nothing else."""
        for field in ("media", "whatsapp", "rcs", "voice"):
            if content.get(field):
                raise InputError(
                    f"an SMS has no {field}", "leave it out, or use its channel", field
                )
        return plan(text).segments

    def identity(self, route: Route) -> object:
        """What must be equal for the binds to live on when the route is changed."""
        return (
            route.name, route.dialect, route.host, route.port, route.binds, route.window_size,
            route.bind_type, route.system_id, route.system_type, route.message_id_mode,
            repr(route.settings), route.secret, route.callback_token,
        )  # fmt: skip

    def hear(
        self, route: Route, credentials: dict[str, str], callback: Callback, tools: Tools
    ) -> Heard:
        """The receipts that an HTTP route's carrier brings. Errors: CallbackRefusedError."""
        if route.dialect not in HTTP_DIALECTS or route.simulated:
            raise CallbackRefusedError(404, "This route's receipts do not come by HTTP.")
        return hear(route, callback)
