"""Templates at the hub's directory, for identities whose provider has one and gave a client.

Each version goes under a code of its own, so that the one before stays in use until it is approved.
"""

from collections.abc import Callable
from typing import Final

import aiohttp

from cpaas.channels.base import (
    Asked,
    NotEncodableError,
    Reviewed,
    ReviewLaterError,
    RouteSettingsError,
)
from cpaas.channels.rcs import directory
from cpaas.channels.rcs.api import Bot, HubApi
from cpaas.channels.rcs.config import RcsSettings, settings_of
from cpaas.channels.rcs.tokens import TokenError
from cpaas.snapshot.types import Identity, Route

TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
#: the hub tells no verdict by itself.
ASK_SECONDS: Final = 60.0
BY_PORTAL: Final = (
    "Give it one, or have the template approved in the hub's portal and enter its code and verdict"
)


class RcsReviews:
    """Submits templates and asks for decisions."""

    def __init__(self, secrets: Callable[[Identity], dict[str, str]]) -> None:
        self.ask_seconds = ASK_SECONDS
        self._secrets = secrets
        self._apis: dict[str, HubApi] = {}
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Ends its connections."""
        if self._session is not None:
            await self._session.close()

    async def submit(self, identity: Identity, route: Route, asked: Asked) -> Reviewed:
        """Hands a version in; what the directory refuses at once is rejected.

        Errors: ReviewLaterError.
        """
        code = code_of(asked.name, asked.number)
        try:
            api, client = self._client(identity, route)
            data = directory.template_data(code, asked.type, asked.content)
            if use_case := settings_of(route).template_use_case:
                data["templateUseCase"] = use_case
            word = await directory.submit(api, client, data, again=False)
        except NotEncodableError as error:
            return Reviewed("rejected", code, str(error), "", identity.value)
        except RouteSettingsError as error:
            raise ReviewLaterError(str(error)) from error
        except (TokenError, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ReviewLaterError(
                f"the hub's directory: {type(error).__name__}: {error}"
            ) from error
        # It exists: an earlier try's answer was lost, and its review is under way.
        status = "pending" if word.status == "exists" else word.status
        if not status:
            raise ReviewLaterError(f"the hub's directory: {word.reason}")
        return Reviewed(
            status, code, word.reason if status == "rejected" else "", "", identity.value
        )

    async def ask(
        self, identity: Identity, route: Route, asked: Asked, carrier_id: str
    ) -> Reviewed | None:
        """Where the review of a code stands."""
        try:
            word = await directory.ask(*self._client(identity, route), carrier_id)
        except (
            ReviewLaterError, RouteSettingsError, TokenError, aiohttp.ClientError, TimeoutError,
            OSError,
        ):  # fmt: skip
            return None
        if not word.status:
            return None
        return Reviewed(word.status, carrier_id, word.reason, "", identity.value)

    def _client(self, identity: Identity, route: Route) -> tuple[HubApi, Bot]:
        """Errors: ReviewLaterError where templates are approved in the hub's portal only."""
        settings = settings_of(route)
        known = self._secrets(identity)
        client, secret = known.get("directory_client_id"), known.get("directory_client_secret")
        if not settings.addresses.directory_url:
            raise ReviewLaterError(f"route {route.name} has no directory_url. {BY_PORTAL}")
        if not client or not secret:
            raise ReviewLaterError(
                f"the bot {identity.value} has no directory_client_id and"
                f" directory_client_secret. {BY_PORTAL}"
            )
        bot_id = str(identity.settings.get("bot_id") or identity.value)
        return self._api(settings), Bot(identity.value, bot_id, client, secret)

    def _api(self, settings: RcsSettings) -> HubApi:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        key = f"{settings.addresses.token_url} {settings.addresses.directory_url}"
        api = self._apis.get(key)
        if api is None:
            api = self._apis[key] = HubApi(settings)
            api.session = self._session
        return api


def code_of(name: str, number: int) -> str:
    """The hub's code of a version: its name, with its number from the second on."""
    if number <= 1:
        return name
    tail = f"_v{number}"
    return name[: directory.NAME_CHARS_MAX - len(tail)] + tail
