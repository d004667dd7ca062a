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
_MULTIPLE_CHOICES: Final = 300
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


_AWAY: Final = Answer(
    503, {"detail": "The API cannot be reached now. Nothing was sent; try again."}
)


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


def download(request: HttpRequest, path: str) -> bytes | Answer:
    """A file that the API makes; what it said instead, if it made none."""
    known = call(request, "GET", "/v1/balance")  # Once it is answered, the token is known.
    if not known.ok:
        return known
    token = _token(request, (account_id(request), user_id(request)))
    status, content = _raw("GET", path, None, {"Authorization": f"Bearer {token}"})
    return content if status < _MULTIPLE_CHOICES else _read(status, content)


def upload(
    request: HttpRequest, path: str, file: Any, *, method: str = "PUT",
    kind: str = "application/octet-stream",
) -> Answer:  # fmt: skip
    """A file as the body, read as it goes. file: Django's, with `size` and `chunks`."""
    token = _token(request, (account_id(request), user_id(request)))
    headers = {
        "Authorization": f"Bearer {token}", "Content-Type": kind, "Content-Length": str(file.size),
    }  # fmt: skip
    return _exchange(method, path, file.chunks(), headers)


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
    return _read(*_raw(method, path, data, headers))


def _read(status: int, content: bytes) -> Answer:
    try:
        found = msgspec.json.decode(content or b"{}")
    except msgspec.DecodeError:
        return _AWAY
    return Answer(status, found if isinstance(found, dict) else {"data": found})


def _raw(method: str, path: str, data: Any, headers: dict[str, str]) -> tuple[int, bytes]:
    settings = runtime().settings
    host = settings.reachable_host.strip("[]")
    connection = http.client.HTTPConnection(host, settings.core_port, timeout=CALL_SECONDS_MAX)
    try:
        connection.request(method, path, data, headers)
        got = connection.getresponse()
        return got.status, got.read()
    except (OSError, http.client.HTTPException):
        return _AWAY.status, msgspec.json.encode(_AWAY.body)
    finally:
        connection.close()
