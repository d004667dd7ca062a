"""Templates at the hub's directory, for identities whose provider has one and gave a client.

Each version goes under a code of its own, so that the one before stays in use until it is approved.
"""

from collections.abc import Callable
from typing import Any, Final

import aiohttp

from cpaas.channels.base import NotEncodableError, TemplateNotice
from cpaas.channels.rcs import directory
from cpaas.channels.rcs.api import Bot, HubApi
from cpaas.channels.rcs.config import RcsSettings, settings_of
from cpaas.channels.rcs.tokens import TokenError
from cpaas.snapshot.types import Identity, Route

TIMEOUT: Final = aiohttp.ClientTimeout(total=30)


class RcsReviews:
    """Submits templates and asks for decisions. None = nothing is known, to be asked again."""

    def __init__(self, secrets: Callable[[Identity], dict[str, str]]) -> None:
        self._secrets = secrets
        self._apis: dict[str, HubApi] = {}
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Ends its connections."""
        if self._session is not None:
            await self._session.close()

    async def submit(
        self, identity: Identity, route: Route, name: str, kind: str, number: int,
        content: dict[str, Any],
    ) -> TemplateNotice | None:  # fmt: skip
        """Hands a version in; what the directory refuses at once is rejected."""
        found = self._client(identity, route)
        if found is None:
            return None
        api, client = found
        code = code_of(name, number)
        try:
            data = directory.template_data(code, kind, content)
            if use_case := settings_of(route).template_use_case:
                data["templateUseCase"] = use_case
            word = await directory.submit(api, client, data, again=False)
        except NotEncodableError as error:
            return TemplateNotice(identity.value, name, "", "rejected", str(error), code)
        except (TokenError, aiohttp.ClientError, TimeoutError, OSError):
            return None
        # It exists: an earlier try's answer was lost, and its review is under way.
        status = "pending" if word.status == "exists" else word.status
        return _notice(identity, name, status, word.reason, code)

    async def ask(self, identity: Identity, route: Route, code: str) -> TemplateNotice | None:
        """Where the review of a code stands."""
        found = self._client(identity, route)
        if found is None:
            return None
        try:
            word = await directory.ask(*found, code)
        except (TokenError, aiohttp.ClientError, TimeoutError, OSError):
            return None
        return _notice(identity, code, word.status, word.reason, code)

    def _client(self, identity: Identity, route: Route) -> tuple[HubApi, Bot] | None:
        """None: its templates are approved in the hub's portal, and the code is pasted here."""
        settings = settings_of(route)
        known = self._secrets(identity)
        client, secret = known.get("directory_client_id"), known.get("directory_client_secret")
        if not settings.addresses.directory_url or not client or not secret:
            return None
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


def _notice(
    identity: Identity, name: str, status: str, reason: str, code: str
) -> TemplateNotice | None:
    if status == "approved":
        return TemplateNotice(identity.value, name, "", "approved", reason, code)
    if status == "rejected":
        return TemplateNotice(identity.value, name, "", "rejected", reason, code)
    if status in ("paused", "disabled"):
        return TemplateNotice(identity.value, name, "", "paused", reason, code)
    return TemplateNotice(identity.value, name, "", "pending", reason, code) if status else None
