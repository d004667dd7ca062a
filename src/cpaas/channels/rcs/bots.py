"""Which bot a message's sender is, with its client's secret: read once for each identity."""

from collections.abc import Callable
from typing import Final

from cpaas.channels.base import Tools
from cpaas.channels.rcs.api import Bot
from cpaas.snapshot.types import Identity, Route

KEPT_MAX: Final = 10_000
#: the carrier for test keys lets any bot in.
TEST_SECRET: Final = "test"  # noqa: S105 - what the simulated hub takes from anybody


class Bots:
    """The bots of one route. A changed identity is another value, so it is read anew."""

    def __init__(self, route: Route, tools: Tools) -> None:
        self._route = route
        self._tools = tools
        self._known: dict[str, tuple[Identity, Bot]] = {}

    def __call__(self, name: str) -> Bot | None:
        """The bot that `from` names, if it is one of this route."""
        if self._route.simulated:
            return Bot(name, name, name, TEST_SECRET)
        identity = self._tools.identity(name)
        if identity is None or identity.route_id != self._route.id:
            return None
        known = self._known.get(name)
        if known is not None and known[0] is identity:
            return known[1]
        if len(self._known) >= KEPT_MAX:
            self._known.clear()
        bot = bot_of(identity, self._tools.secrets)
        self._known[name] = (identity, bot)
        return bot


def bot_of(identity: Identity, secrets: Callable[[Identity], dict[str, str]]) -> Bot:
    """An identity as a bot: for messages, its client is the bot itself unless said otherwise."""
    bot_id = str(identity.settings.get("bot_id") or identity.value)
    known = secrets(identity)
    client = known.get("client_id") or bot_id
    return Bot(
        identity.value, bot_id, client, known.get("client_secret", ""), _tps(identity.settings)
    )


def _tps(settings: dict[str, object]) -> float:
    """The bot's own rate, as it was entered: a number or its text."""
    try:
        return max(0.0, float(str(settings.get("tps") or 0)))
    except ValueError:
        return 0.0


def named(route: Route, tools: Tools, bot_id: str) -> str:
    """What `from` says for a bot of the hub; without one, the route's only bot ("" = unclear)."""
    bots = tools.identities(route.id)
    if not bot_id:
        return bots[0].value if len(bots) == 1 else ""
    for one in bots:
        if bot_id in (one.value, one.settings.get("bot_id")):
            return one.value
    return bot_id
