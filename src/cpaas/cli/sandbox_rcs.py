"""Lays the sandbox's RCS: a route to the simulated hub, and a bot that the account sends from."""

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
from cpaas.services.simulator_rcs import ROUTE, callback_token

BOT: Final = "sandbox_bot"
BOT_ID: Final = "SandboxBot000001"
WINDOW: Final = 100


async def lay(connection: Any, keyring: Keyring, settings: Settings, account_id: int) -> None:
    """Makes what is missing; what is there follows the hub to another port."""
    url = settings.url(settings.rcs_hub_port)
    reached: dict[str, object] = {
        "api_url": url,
        "token_url": f"{url}/oauth2/token",
        "directory_url": f"{url}/directory/secure/api/v1",
    }
    document = msgspec.json.encode(reached).decode()
    token = callback_token(keyring)
    if await route_queries.route_by_name(connection, ROUTE) is None:
        await edit.create_route(
            connection,
            keyring,
            NewRoute(
                name=ROUTE, channel="rcs", label="Sandbox", window_size=WINDOW, settings=reached
            ),
        )
        bot = NewIdentity(
            channel="rcs",
            value=BOT,
            route=ROUTE,
            label="Sandbox",
            settings={"bot_id": BOT_ID, "brand": "Sandbox"},
            secrets={
                "client_secret": "sandbox",  # the simulated hub takes any
                "directory_client_id": "c2FuZGJveEBleGFtcGxlLm5ldA==",
                "directory_client_secret": "sandbox",
            },
        )
        await identities.create(connection, keyring, bot)
        await identities.give(connection, account_id, "rcs", BOT, default=True)
        await sandbox_queries.note(connection, ROUTE, document)
    await sandbox_queries.follow(connection, ROUTE, document, token)
