"""Calls of the hub with a bot's token, which is fetched anew once when the hub finds it stale."""

import base64
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import msgspec
from yarl import URL

from cpaas.channels.http import NOT_SENT
from cpaas.channels.rcs.config import RcsSettings
from cpaas.channels.rcs.tokens import TokenAnswer, TokenKeeper

ANSWER_BYTES_MAX: Final = 64 * 1024
BOTS_MAX: Final = 10_000


class Bot(msgspec.Struct, frozen=True):
    """An RCS bot: `name` is what `from` says; the secret is of its client. tps 0 = unlimited."""

    name: str
    bot_id: str
    client_id: str
    secret: str
    tps: float = 0.0


class HubAnswer(msgspec.Struct, frozen=True):
    """What the hub answered."""

    status: int
    body: bytes


class HubApi:
    """Calls of one route's hub."""

    def __init__(self, settings: RcsSettings) -> None:
        self._settings = settings
        self._keepers: dict[tuple[str, str], TokenKeeper] = {}
        #: the link's; it comes with its first message.
        self.session: aiohttp.ClientSession | None = None

    async def call(
        self, bot: Bot, method: str, path: str, body: bytes | None = None
    ) -> HubAnswer:  # fmt: skip
        """A call of the message API.

        Errors: TokenError, and what aiohttp raises.
        """
        headers = {"Content-Type": "application/json"}
        url = self._settings.addresses.api_url + path
        return await self._call(bot, method, url, headers, lambda: body)

    async def call_directory(
        self, client: Bot, method: str, path: str, data: dict[str, Any] | None = None
    ) -> HubAnswer:
        """A call of the template directory, whose client is the provider's account.

        data: a template, which goes as one part of a form.

        Errors: TokenError, and what aiohttp raises.
        """
        url = self._settings.addresses.directory_url + path
        return await self._call(client, method, url, {}, lambda: data and _form(data))

    async def _call(
        self, bot: Bot, method: str, url: str, headers: dict[str, str], body: Callable[[], Any]
    ) -> HubAnswer:
        keeper = self._keeper(bot)
        answer = HubAnswer(0, b"")
        for _ in range(2):
            token = await keeper.token()
            answer = await self._ask(
                method, url, headers | {"Authorization": f"Bearer {token}"}, body()
            )
            if not _stale(answer):
                return answer
            keeper.stale(token)
        return answer

    def _keeper(self, bot: Bot) -> TokenKeeper:
        key = (bot.client_id, bot.secret)
        keeper = self._keepers.get(key)
        if keeper is None:
            if len(self._keepers) >= BOTS_MAX:
                self._keepers.pop(next(iter(self._keepers)))

            async def fetch() -> TokenAnswer:
                return await self._fetch_token(bot)

            keeper = self._keepers[key] = TokenKeeper(
                fetch, fallback_seconds=self._settings.token_seconds
            )
        return keeper

    async def _fetch_token(self, bot: Bot) -> TokenAnswer:
        basic = base64.b64encode(f"{bot.client_id}:{bot.secret}".encode()).decode()
        url = self._settings.addresses.token_url + "?grant_type=client_credentials"
        try:
            answer = await self._ask("POST", url, {"Authorization": f"Basic {basic}"}, b"")
        except NOT_SENT:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The message itself has not gone out, so its outcome is not unknown.
            return TokenAnswer(0, msgspec.json.encode({"error": type(error).__name__}))
        return TokenAnswer(answer.status, answer.body)

    async def _ask(self, method: str, url: str, headers: dict[str, str], body: Any) -> HubAnswer:
        session = self.session
        if session is None:
            raise RuntimeError("the link is not started")
        # In small letters, or a call whose kept connection breaks would be repeated unseen.
        async with session.request(
            method.lower(), URL(url, encoded=True), headers=headers, data=body,
            allow_redirects=False,
        ) as answer:  # fmt: skip
            return HubAnswer(answer.status, await _read(answer))


def _form(data: dict[str, Any]) -> aiohttp.FormData:
    # Made for each try: a form can be written only once.
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("rich_template_data", msgspec.json.encode(data).decode())
    return form


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = b""
    while len(body) < ANSWER_BYTES_MAX:
        more = await answer.content.read(ANSWER_BYTES_MAX - len(body))
        if not more:
            break
        body += more
    return body


def _stale(answer: HubAnswer) -> bool:
    return answer.status == 401 or (
        b"invalid_token" in answer.body[:2000] and 200 <= answer.status < 404
    )
