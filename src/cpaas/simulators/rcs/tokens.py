"""OAuth2 client credentials as the hub has them: short-lived tokens per bot, and few of them."""

import base64
import binascii
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

import msgspec

from cpaas.simulators.rcs.settings import RcsSettings

TOKENS_KEPT_MAX: Final = 10_000
MINUTE_SECONDS: Final = 60.0


class Grant(msgspec.Struct, frozen=True):
    """Whose token it is; `bot` "" for one of the template directory."""

    client: str
    bot: str
    ends_at: float


class TokenDesk:
    """Issues tokens and knows those that still hold."""

    def __init__(self, settings: RcsSettings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.issued = 0
        self._clock = clock
        self._grants: OrderedDict[str, Grant] = OrderedDict()
        self._calls: dict[str, deque[float]] = {}

    def issue(self, authorization: str, grant_type: str | None) -> tuple[int, dict[str, object]]:
        """Status and body of a token request."""
        if grant_type != "client_credentials":
            return 400, {"error": "invalid_request", "error_description": "Missing grant type"}
        client, secret = _basic(authorization)
        bot = self._bot(client, secret)
        if bot is None:
            return 401, {"error": "invalid_client",
                         "error_description": "Bad client credentials"}  # fmt: skip
        if self._too_many(client):
            return 429, {"error": "too_many_requests"}
        token = ".".join(secrets.token_urlsafe(size) for size in (9, 24, 24))
        self._grants[token] = Grant(client, bot, self._clock() + self.settings.token_seconds)
        if len(self._grants) > TOKENS_KEPT_MAX:
            self._grants.popitem(last=False)
        self.issued += 1
        return 200, {
            "access_token": token, "token_type": "Bearer",
            "expires_in": int(self.settings.token_seconds), "scope": "Chatbot-message google",
        }  # fmt: skip

    def grant(self, authorization: str) -> Grant | None:
        """Whose a bearer token is; None when it is none of ours or stale."""
        kind, _, token = authorization.partition(" ")
        grant = self._grants.get(token) if kind == "Bearer" else None
        return grant if grant is not None and self._clock() < grant.ends_at else None

    def forget(self) -> int:
        """Makes every token stale; how many there were."""
        count = len(self._grants)
        self._grants.clear()
        return count

    def _bot(self, client: str, secret: str) -> str | None:
        """The client's bot, "" for an account of the directory, None for neither."""
        if not client or not secret:
            return None
        account = _decoded(client)
        if "@" in account:
            known = self.settings.accounts
            return "" if not known or known.get(account) == secret else None
        known = self.settings.bots
        return client if not known or known.get(client) == secret else None

    def _too_many(self, client: str) -> bool:
        limit, now = self.settings.token_calls, self._clock()
        calls = self._calls.setdefault(client, deque())
        while calls and calls[0] <= now - MINUTE_SECONDS:
            calls.popleft()
        if limit and len(calls) >= limit:
            return True
        calls.append(now)
        return False


def _basic(authorization: str) -> tuple[str, str]:
    kind, _, value = authorization.partition(" ")
    client, _, secret = _decoded(value).partition(":") if kind == "Basic" else ("", "", "")
    return client, secret


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
