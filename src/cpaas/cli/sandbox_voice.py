"""Lays the sandbox's Voice: a route to the simulated provider, and a number to call from."""

from typing import Any, Final

from cpaas.cli import queries
from cpaas.config import Settings
from cpaas.kit.secrets import Keyring
from cpaas.routes import edit, rules
from cpaas.routes import queries as route_queries
from cpaas.routes.types import NewRoute, NewRule
from cpaas.senders import decide

ROUTE: Final = "voice"
CALLER: Final = "+911140000000"
WINDOW: Final = 50


async def lay(
    connection: Any, keyring: Keyring, settings: Settings, account_id: int, *, rule_priority: int
) -> None:
    """Makes what is missing; what is there follows the provider to another port."""
    url = f"http://127.0.0.1:{settings.call_provider_port}"
    known = await route_queries.route_by_name(connection, ROUTE)
    if known is not None:
        await queries.move_sandbox_calls(connection, ROUTE, url)
        return
    route = NewRoute(
        name=ROUTE, channel="voice", dialect="http", label="Sandbox", window_size=WINDOW,
        system_id="ACsandbox", password="sandbox",  # noqa: S106 the simulated provider takes any
        default_sender=CALLER, settings={"base_url": url},
    )  # fmt: skip
    await edit.create_route(connection, keyring, route)
    await queries.note_sandbox_calls(connection, url)
    await rules.create_rule(
        connection, NewRule(channel="voice", route=ROUTE, priority=rule_priority)
    )
    await decide.request(connection, account_id, "voice", CALLER)
    await decide.approve(connection, account_id, "voice", CALLER)
