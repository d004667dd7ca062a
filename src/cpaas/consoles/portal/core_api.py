"""Calls the core API in the name of the person at the portal: what it sends, programs can send.

The person's key lasts five minutes and is stored by its hash, in a transaction of its own, so that
the API knows it before the call is made.
"""

import http.client
import secrets
import time
from typing import Any, Final

import msgspec
from django.http import HttpRequest

from cpaas.accounts import queries
from cpaas.consoles.shared.runtime import account_id, change, runtime, user_id
from cpaas.kit.secrets import api_key_digest

TOKEN_SECONDS: Final = 300
#: a token is used no longer than this, so that none ends under way.
TOKEN_USED_SECONDS: Final = 240
CALL_SECONDS_MAX: Final = 20
#: the API learns of a new key within a second.
KNOWN_SECONDS_MAX: Final = 5.0
TOKENS_MAX: Final = 10_000
_UNAUTHORIZED: Final = 401
_tokens: dict[tuple[int, int], tuple[str, float]] = {}


class Answer(msgspec.Struct, frozen=True):
    """What the API said; `body` is its JSON."""

    status: int
    body: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether it did what it was asked."""
        return self.status < 300

    @property
    def detail(self) -> str:
        """Why not, in words."""
        return str(self.body.get("detail") or "The API did not say why.")


def call(
    request: HttpRequest, method: str, path: str, body: Any = None, *, once: str = ""
) -> Answer:
    """One call; `once` is its Idempotency-Key. An API that is away answers 503."""
    who = (account_id(request), user_id(request))
    deadline = time.monotonic() + KNOWN_SECONDS_MAX
    token = _token(request, who)
    while True:
        answer = _call(method, path, body, token, once)
        if answer.status != _UNAUTHORIZED or time.monotonic() > deadline:
            return answer
        if time.monotonic() > deadline - KNOWN_SECONDS_MAX / 2 and who in _tokens:
            # Not merely new: it was revoked, or its account's configuration changed.
            del _tokens[who]
            token = _token(request, who)
        time.sleep(0.05)


def upload(request: HttpRequest, path: str, file: Any) -> Answer:
    """A file as the body of a PUT, read as it goes. file: Django's, with `size` and `chunks`."""
    token = _token(request, (account_id(request), user_id(request)))
    headers = {
        "Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream",
        "Content-Length": str(file.size),
    }  # fmt: skip
    return _exchange("PUT", path, file.chunks(), headers)


def _token(request: HttpRequest, who: tuple[int, int]) -> str:
    known = _tokens.get(who)
    if known is not None and known[1] > time.monotonic():
        return known[0]
    token = f"portal_{secrets.token_urlsafe(32)}"
    digest = api_key_digest(token)
    change(request, lambda c: queries.insert_token(c, who[0], who[1], digest, TOKEN_SECONDS))
    if len(_tokens) >= TOKENS_MAX:
        _tokens.clear()
    _tokens[who] = token, time.monotonic() + TOKEN_USED_SECONDS
    return token


def _call(method: str, path: str, body: Any, token: str, once: str) -> Answer:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    if once:
        headers["Idempotency-Key"] = once
    data = None if body is None else msgspec.json.encode(body)
    return _exchange(method, path, data, headers)


def _exchange(method: str, path: str, data: Any, headers: dict[str, str]) -> Answer:
    settings = runtime().settings
    host = settings.reachable_host.strip("[]")
    connection = http.client.HTTPConnection(host, settings.core_port, timeout=CALL_SECONDS_MAX)
    try:
        connection.request(method, path, data, headers)
        got = connection.getresponse()
        found = msgspec.json.decode(got.read() or b"{}")
        return Answer(got.status, found if isinstance(found, dict) else {"data": found})
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return Answer(
            503, {"detail": "The API cannot be reached now. Nothing was sent; try again."}
        )
    finally:
        connection.close()
