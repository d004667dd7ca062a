"""Lays the sandbox's WhatsApp: a route to the simulated Cloud API, and a number to send from."""

from typing import Any, Final

import msgspec

from cpaas.cli import sandbox_queries
from cpaas.config import Settings
from cpaas.identities import edit as identities
from cpaas.identities.types import NewIdentity
from cpaas.kit.secrets import Keyring
from cpaas.routes import edit
from cpaas.routes import queries as route_queries
from cpaas.routes.types import NewRoute
from cpaas.services.simulator_whatsapp import (
    DISPLAY,
    NUMBER_ID,
    ROUTE,
    SECRET,
    TOKEN,
    WABA_ID,
    callback_token,
)

WINDOW: Final = 100


async def lay(connection: Any, keyring: Keyring, settings: Settings, account_id: int) -> None:
    """Makes what is missing; what is there follows the simulated service to another port."""
    reached: dict[str, object] = {"base_url": settings.url(settings.whatsapp_cloud_port)}
    document = msgspec.json.encode(reached).decode()
    if await route_queries.route_by_name(connection, ROUTE) is None:
        route = NewRoute(
            name=ROUTE, channel="whatsapp", label="Sandbox", dialect="cloud", window_size=WINDOW,
            settings=reached,
        )  # fmt: skip
        await edit.create_route(connection, keyring, route)
        number = NewIdentity(
            channel="whatsapp", value=DISPLAY, route=ROUTE, label="Sandbox",
            settings={"phone_number_id": NUMBER_ID, "waba_id": WABA_ID, "app_id": "app"},
            secrets={"access_token": TOKEN, "app_secret": SECRET},
        )  # fmt: skip
        await identities.create(connection, keyring, number)
        await identities.give(connection, account_id, "whatsapp", DISPLAY, default=True)
        await sandbox_queries.note(connection, ROUTE, document)
    await sandbox_queries.follow(connection, ROUTE, document, callback_token(keyring))
