"""One RCS route's messages: asks whether a handset has RCS, then sends with the bot's own token.

A message keeps one id at the hub over all attempts. So what has an unknown outcome can be sent
again: a hub that has it refuses the second as a duplicate, and then it was accepted.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import msgspec

from cpaas.channels.base import NotEncodableError
from cpaas.channels.http import NOT_SENT, Said, refused
from cpaas.channels.rcs.api import Bot, HubApi
from cpaas.channels.rcs.capability import CapabilityCache, read_features
from cpaas.channels.rcs.config import RcsSettings
from cpaas.channels.rcs.payloads import Request, capability_path, revoke_path, send_request
from cpaas.channels.rcs.statuses import read_answer
from cpaas.channels.rcs.tokens import TokenError
from cpaas.kit.bucket import Bucket
from cpaas.kit.clock import now_us
from cpaas.messages.envelopes import Envelope, Outgoing

BOTS_MAX: Final = 10_000
#: nothing is sent for so long when the hub says that our account there is empty.
BALANCE_PAUSE_SECONDS: Final = 60.0
#: what waits for its bot's rate comes back no sooner.
HOLD_SECONDS_MIN: Final = 0.1


class Ready(msgspec.Struct, frozen=True):
    """What is sent: by which bot, to whom, and the request."""

    bot: Bot
    to: str
    request: Request


class RcsDriver:
    """Speaks one hub."""

    def __init__(
        self,
        settings: RcsSettings,
        bot_of: Callable[[str], Bot | None],
        *,
        clock_us: Callable[[], int] = now_us,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """bot_of: the bot that a message's sender names."""
        self._settings = settings
        self._bot_of = bot_of
        self._clock_us = clock_us
        self._clock = clock
        self._paces: dict[str, Bucket] = {}
        self._api = HubApi(settings)
        self._known: dict[str, CapabilityCache] = {}

    def prepare(self, envelope: Envelope, message: Outgoing) -> tuple[Ready, str]:
        """The request, and the bot whose conversation must be open ("" = none must).

        Errors: NotEncodableError.
        """
        bot = self._bot_of(message.sender)
        if bot is None:
            raise NotEncodableError(f"{message.sender!r} is no RCS bot of this route")
        request = send_request(self._settings, message, bot.bot_id, self._clock_us())
        free = not (message.content or {}).get("template")
        # As conversations are kept: what a handset wrote to is compared without case.
        window = message.sender.upper() if self._settings.conversation_only and free else ""
        return Ready(bot, message.to, request), window

    def hold(self, _envelope: Envelope, message: Outgoing) -> float:
        """Seconds that the message has to wait for its bot's own rate, within the route's."""
        bot = self._bot_of(message.sender)
        if bot is None or not bot.tps:
            return 0.0
        now = self._clock()
        pace = self._paces.get(bot.bot_id)
        if pace is None or pace.rate != bot.tps:
            if len(self._paces) >= BOTS_MAX:
                self._paces.clear()
            pace = self._paces[bot.bot_id] = Bucket(bot.tps, now)
        if pace.available(now) < 1:
            return max(pace.ready_in(now), HOLD_SECONDS_MIN)
        pace.take(1, now)
        return 0.0

    async def send(self, session: aiohttp.ClientSession, request: Ready) -> Said:
        """Sends one message; what aiohttp raises is sorted by the link."""
        self._api.session = session
        settings = self._settings
        try:
            if settings.capability == "ask" and not await self._capable(request.bot, request.to):
                return refused("not_capable", "the hub says that it has no RCS")
            call = request.request
            answer = await self._api.call(request.bot, "POST", call.path, call.body)
        except TokenError as failed:
            return Said(None, failed.error, str(failed))
        answered = read_answer(
            answer.status, answer.body, call.message_id, settings.duplicate_statuses
        )
        error = answered.error
        if error is None:
            return Said(answered.message_id, None, answered.code)
        if error.code == "not_capable":
            self._cache(request.bot).learn(request.to, capable=False)
        pause = BALANCE_PAUSE_SECONDS if error.code == "carrier_balance" else 0.0
        return Said(None, error, answered.code, pause)

    def revoke(
        self, provider_message_id: str, sender: str, recipient: str
    ) -> Callable[[aiohttp.ClientSession], Awaitable[None]] | None:
        """Asks the hub to take a message back, which it can while it is undelivered."""
        bot = self._bot_of(sender)
        if bot is None:
            return None
        path = revoke_path(bot.bot_id, recipient, provider_message_id)

        async def ask(session: aiohttp.ClientSession) -> None:
            self._api.session = session
            try:
                await self._api.call(bot, "DELETE", path)
            except TokenError:
                # Best effort: what becomes of the message, its receipt tells.
                return

        return ask

    async def _capable(self, bot: Bot, number: str) -> bool:
        """False only when the hub says so: without an answer the message itself is tried."""
        return await self._cache(bot).capable(number) is not False

    def _cache(self, bot: Bot) -> CapabilityCache:
        found = self._known.get(bot.bot_id)
        if found is None:
            if len(self._known) >= BOTS_MAX:
                self._known.pop(next(iter(self._known)))
            settings = self._settings
            found = self._known[bot.bot_id] = CapabilityCache(
                self._asker(bot), capable_seconds=settings.capable_seconds,
                not_capable_seconds=settings.not_capable_seconds,
            )  # fmt: skip
        return found

    def _asker(self, bot: Bot) -> Callable[[str], Awaitable[bool | None]]:
        async def ask(number: str) -> bool | None:
            try:
                answer = await self._api.call(bot, "GET", capability_path(bot.bot_id, number))
            except NOT_SENT:
                raise
            except (aiohttp.ClientError, TimeoutError, OSError):
                return None
            return read_features(answer.status, answer.body)

        return ask
