"""A bot's access token: fetched once however many wait for it, kept until shortly before its end.

The endpoint takes 60 calls a minute for a client, so a failure is kept for a moment, too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from cpaas.channels.errors import CarrierError
from cpaas.channels.rcs.statuses import token_error

EARLY_SECONDS: Final = 60.0
FALLBACK_SECONDS: Final = 300
LIFE_SECONDS_MAX: Final = 86_400
#: after a failure nobody asks again for so long.
PAUSE_SECONDS: Final = 2.0


class TokenAnswer(msgspec.Struct, frozen=True):
    """What the token endpoint said; status 0 = nothing came."""

    status: int
    body: bytes


class TokenError(Exception):
    """There is no token; `error` is what that means for a message."""

    def __init__(self, text: str, error: CarrierError) -> None:
        super().__init__(text)
        self.error = error


class _Held(msgspec.Struct, frozen=True):
    token: str
    until: float


class TokenKeeper:
    """The token of one client."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[TokenAnswer]],
        *,
        fallback_seconds: int = FALLBACK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """fallback_seconds: how long a token holds whose answer does not say."""
        self._fetch = fetch
        self._fallback = fallback_seconds
        self._clock = clock
        self._held: _Held | None = None
        self._failed: tuple[float, TokenError] | None = None
        self._fetching: asyncio.Task[_Held] | None = None

    async def token(self) -> str:
        """A token that holds. Errors: TokenError."""
        now = self._clock()
        if self._held is not None and now < self._held.until:
            return self._held.token
        if self._failed is not None and now < self._failed[0]:
            raise self._failed[1]
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._refresh())
            self._fetching.add_done_callback(self._done)
        # Shielded: one caller that gives up must not end it for the others.
        return (await asyncio.shield(self._fetching)).token

    def stale(self, token: str) -> None:
        """The hub does not take this token any more; a newer one stays."""
        if self._held is not None and self._held.token == token:
            self._held = None

    async def close(self) -> None:
        """Ends a refresh that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _done(self, task: "asyncio.Task[_Held]") -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()

    async def _refresh(self) -> _Held:
        try:
            held = self._read(await self._fetch())
        except TokenError as error:
            self._failed = (self._clock() + PAUSE_SECONDS, error)
            raise
        self._failed = None
        self._held = held
        return held

    def _read(self, answer: TokenAnswer) -> _Held:
        body = _object(answer.body)
        token = body.get("access_token")
        if answer.status == 200 and isinstance(token, str) and _usable(token):
            life = body.get("expires_in")
            seconds = float(life) if isinstance(life, (int, float)) else float(self._fallback)
            seconds = min(max(seconds, 0.0), LIFE_SECONDS_MAX)
            early = min(EARLY_SECONDS, seconds / 2)
            return _Held(token, self._clock() + seconds - early)
        said = body.get("error_description") or body.get("error") or "no access_token"
        text = f"no token: HTTP {answer.status}, {said}" if answer.status else f"no token: {said}"
        status = 500 if answer.status == 200 else answer.status
        raise TokenError(text[:300], token_error(status))


def _usable(token: str) -> bool:
    return 0 < len(token) <= 8_192 and token.isascii() and token.isprintable() and " " not in token


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}
