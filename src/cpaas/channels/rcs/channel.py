"""RCS as the gateway sees it: opens a route's link, and understands what its hub tells.

There is no signature in this family: a callback is believed for its secret path, and for its
address where the route lists networks. Behind the path may stand the bot's id, for hubs whose
events do not name it.
"""

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, Final
from uuid import UUID

from cpaas.channels.base import (
    Callback,
    CallbackRefusedError,
    Heard,
    Inbound,
    Link,
    Sink,
    Tools,
)
from cpaas.channels.http import HttpLink
from cpaas.channels.rcs import callbacks
from cpaas.channels.rcs.bots import Bots, named
from cpaas.channels.rcs.config import check, settings_of
from cpaas.channels.rcs.content import read
from cpaas.channels.rcs.driver import RcsDriver
from cpaas.snapshot.types import Route

RAW_BYTES_MAX: Final = 4096


class RcsChannel:
    """RCS through hubs of the Virtuoso, Vi and Dotgo family."""

    name = "rcs"

    def open(self, route: Route, credentials: dict[str, str], sink: Sink, tools: Tools) -> Link:
        """A link for a route; RouteSettingsError when its settings cannot be used."""
        settings = settings_of(route)
        driver = RcsDriver(settings, Bots(route, tools))
        return HttpLink(route, driver, sink, answer_seconds=settings.response_timeout_seconds)

    def weigh(self, text: str, content: dict[str, Any]) -> int:
        """One unit, whatever it holds. Errors: InputError that names the field."""
        read(text, content)
        return 1

    def check_settings(self, document: dict[str, object], dialect: str = "") -> None:
        """A route's settings as they are entered. Errors: ValueError."""
        check(document)

    def identity(self, route: Route) -> object:
        """What must be equal for a link to live on when its route is changed."""
        return route.name, repr(route.settings), route.simulated

    def hear(
        self, route: Route, credentials: dict[str, str], callback: Callback, tools: Tools
    ) -> Heard:
        """What a callback tells. Errors: CallbackRefusedError."""
        networks = settings_of(route).callback_networks
        if networks and not _within(callback.peer, networks):
            raise CallbackRefusedError(403, f"{callback.peer} is not in callback_networks")
        if callback.method != "POST":
            # Hubs look whether the address is there when it is entered.
            return Heard()
        try:
            told = callbacks.read(callback.body, now_us=callback.at_us)
        except callbacks.CallbackError as error:
            raise CallbackRefusedError(400, str(error)) from None
        heard = Heard()
        if told.receipt is not None:
            told.receipt.message_id = own_id(told.receipt.provider_message_id)
            heard.receipts.append(told.receipt)
        if told.message is not None:
            bot_id = told.bot_id or callback.path.strip("/")
            heard.inbound.append(_inbound(told.message, named(route, tools, bot_id), callback.body))
        return heard


def own_id(message_id: str) -> bytes | None:
    """Our message's id of the hub's, which is ours; None when it cannot be one."""
    try:
        read = UUID(message_id)
    except ValueError:
        return None
    return read.bytes if read.version == 7 else None


def _inbound(message: callbacks.UserMessage, recipient: str, raw: bytes) -> Inbound:
    content: dict[str, str] = {}
    if message.kind != "text":
        content = {"type": message.kind}
    if message.postback:
        content["postback"] = message.postback
    if message.url:
        content["url"] = message.url
    return Inbound(
        message.sender, recipient, message.body, raw[:RAW_BYTES_MAX], [],
        content=content or None, key=message.message_id, at_us=message.at_us,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _within(peer: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ip_network(one) for one in networks)
