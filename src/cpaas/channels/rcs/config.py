"""The settings of an RCS route: which hub, at which addresses, and what is not confirmed of it.

All hubs of the family speak one protocol; how one differs is a value here, never a subclass.
"""

from ipaddress import ip_network
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from cpaas.channels.base import RouteSettingsError
from cpaas.snapshot.types import Route

Status = Annotated[int, msgspec.Meta(ge=400, le=599)]
Url = Annotated[str, msgspec.Meta(max_length=500)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class Hub(msgspec.Struct, frozen=True):
    """Where a hub of the family is; directory "" = it has no API for templates."""

    token_url: str
    api_url: str
    directory_url: str


HUBS: Final[dict[str, Hub]] = {
    "virtuoso": Hub(
        "https://auth.virtuosorbm.com/oauth2/token",
        "https://api.virtuosorbm.com",
        "https://api.virtuosorbm.com/directory/secure/api/v1",
    ),
    # Whether Vi takes templates by its API is told both ways: they are approved in its portal
    # unless a directory is set.
    "vi": Hub("https://auth.virbm.in/auth/oauth/token", "https://api.virbm.in/rcs", ""),
    "dotgo": Hub(
        "https://auth.dotgo.com/auth/oauth/token",
        "https://api.dotgo.com/rcs",
        "https://developer-api.dotgo.com/directory/secure/api/v1",
    ),
}


class RcsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document `route.settings` of an RCS route.

    token_url, api_url, directory_url: "" = the hub's own. capability: "ask" before sending and
    remember, "send" with the message (`doCapCheck`), or "off". query: sent along with every
    message, such as {"sendGipLink": "false"} for Vi. duplicate_statuses: how the hub refuses a
    messageId that it has already. callback_networks: who may call the webhook; empty = anybody
    who knows its path. ttl_seconds_max: the hub's longest life of a message.
    template_use_case: told with each template that is submitted, as multi-use agents need it.
    conversation_only: what is no template goes only to who wrote within a day; else the hub says.
    """

    hub: Literal["virtuoso", "vi", "dotgo"] = "virtuoso"
    token_url: Url = ""
    api_url: Url = ""
    directory_url: Url = ""
    capability: Literal["ask", "send", "off"] = "ask"
    capable_seconds: Annotated[int, msgspec.Meta(ge=0, le=2_592_000)] = 86_400
    not_capable_seconds: Annotated[int, msgspec.Meta(ge=0, le=2_592_000)] = 3_600
    send_ttl: bool = True
    ttl_seconds_max: Annotated[int, msgspec.Meta(ge=10, le=1_296_000)] = 1_296_000
    query: dict[str, Annotated[str, msgspec.Meta(max_length=200)]] = {}
    duplicate_statuses: tuple[Status, ...] = (409,)
    token_seconds: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 300
    response_timeout_seconds: Seconds = 30.0
    conversation_only: bool = False
    template_use_case: Literal["", "Transactional", "Promotional", "OTP"] = ""
    callback_networks: tuple[str, ...] = ()

    @property
    def addresses(self) -> Hub:
        """Where this route's hub is."""
        own = HUBS[self.hub]
        return Hub(
            self.token_url or own.token_url,
            (self.api_url or own.api_url).rstrip("/"),
            (self.directory_url or own.directory_url).rstrip("/"),
        )


def settings_of(route: Route) -> RcsSettings:
    """The settings of a route. Errors: RouteSettingsError."""
    try:
        return check(route.settings or {})
    except ValueError as error:
        raise RouteSettingsError(f"route {route.name}: settings: {error}") from None


def check(document: dict[str, object]) -> RcsSettings:
    """A document of settings. Errors: ValueError that names the field."""
    settings = msgspec.convert(document, RcsSettings)
    for name in ("token_url", "api_url", "directory_url"):
        _check_url(name, getattr(settings, name))
    for text in settings.callback_networks:
        try:
            ip_network(text)
        except ValueError as error:
            raise ValueError(f"callback_networks: {error}") from None
    return settings


def _check_url(name: str, url: str) -> None:
    if not url:
        return
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError(f"{name} must be http(s)://host/path, not {url!r}")
