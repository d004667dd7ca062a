"""Who calls by a user and a password: an account's name and API key, or its SMPP credentials.

An SMPP password is argon2id, which is too slow for each message; so what fitted once is remembered
as an HMAC under a key of this process, for as long as the stored hash stays the same.
"""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

import msgspec

from cpaas.api.auth import authenticate
from cpaas.api.problem import ProblemError
from cpaas.kit.networks import within
from cpaas.kit.secrets import verify_password
from cpaas.pipeline.drafts import Author
from cpaas.snapshot.types import Account, Snapshot

KNOWN_MAX: Final = 10_000
PASSWORDS_AT_ONCE: Final = 2
#: wrong passwords from one address within a minute, after which it is not heard for its rest.
FAILURES_MAX: Final = 20
FAILURES_SECONDS: Final = 60.0
ADDRESSES_MAX: Final = 10_000


class NotLetInError(Exception):
    """The user and the password are not let in; `busy`: too many wrong ones, later perhaps."""

    def __init__(self, why: str, *, busy: bool = False) -> None:
        super().__init__(why)
        self.busy = busy


class Guest(msgspec.Struct, frozen=True):
    """Who was let in; `system_id` "" = by an API key."""

    account: Account
    author: Author
    system_id: str = ""


class Access:
    """Lets in by password, for all doors of the process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._key = secrets.token_bytes(32)
        self._known: dict[tuple[str, str], bytes] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self._hashing = asyncio.Semaphore(PASSWORDS_AT_ONCE)

    async def let_in(self, snapshot: Snapshot, user: str, password: str, client: str) -> Guest:
        """The account behind user and password, from address `client`. Errors: NotLetInError."""
        if self._too_many(client):
            raise NotLetInError("too many wrong passwords from this address", busy=True)
        try:
            if password.startswith(("live_", "test_")):
                return _by_key(snapshot, user, password, client)
            return await self._by_system_id(snapshot, user, password, client)
        except NotLetInError:
            self._note(client)
            raise

    def twilio(self, snapshot: Snapshot, account_id: int, token: str, client: str) -> Guest:
        """The account of an AccountSid and its AuthToken. Errors: NotLetInError."""
        if self._too_many(client):
            raise NotLetInError("too many wrong tokens from this address", busy=True)
        known = snapshot.twilio.get(account_id)
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        if known is None or not hmac.compare_digest(known.digest, digest):
            self._note(client)
            raise NotLetInError("no such AccountSid, or another AuthToken")
        return _guest(snapshot, account_id, client)

    async def _by_system_id(
        self, snapshot: Snapshot, user: str, password: str, client: str
    ) -> Guest:
        credential = snapshot.smpp_credentials.get(user)
        if credential is None:
            raise NotLetInError("unknown user")
        mark = hmac.digest(self._key, password.encode(errors="replace"), "sha256")
        key = (user, credential.password_hash)
        known = self._known.get(key)
        if known is None or not hmac.compare_digest(known, mark):
            async with self._hashing:
                fits = await asyncio.to_thread(verify_password, credential.password_hash, password)
            if not fits:
                raise NotLetInError("wrong password")
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[key] = mark
        guest = _guest(snapshot, credential.account_id, client)
        return msgspec.structs.replace(guest, system_id=user)

    def _too_many(self, client: str) -> bool:
        count, since = self._failures.get(client, (0, 0.0))
        return count >= FAILURES_MAX and self._monotonic() - since < FAILURES_SECONDS

    def _note(self, client: str) -> None:
        now = self._monotonic()
        count, since = self._failures.get(client, (0, now))
        if now - since >= FAILURES_SECONDS:
            count, since = 0, now
        if len(self._failures) >= ADDRESSES_MAX:
            self._failures.clear()
        self._failures[client] = (count + 1, since)


def _by_key(snapshot: Snapshot, user: str, password: str, client: str) -> Guest:
    try:
        caller = authenticate(snapshot, None, password, client)
    except ProblemError as error:
        raise NotLetInError(error.problem.detail) from None
    account = caller.account
    own = {one.system_id for one in snapshot.smpp_credentials.values()
           if one.account_id == account.id}  # fmt: skip
    if user != account.name and user not in own:
        raise NotLetInError("the key is of another account")
    return Guest(account, Author(account.id, "api", caller.is_test, caller.key.id))


def _guest(snapshot: Snapshot, account_id: int, client: str) -> Guest:
    account = snapshot.accounts.get(account_id)
    if account is None or not account.active:
        raise NotLetInError("the account is inactive")
    if account.networks and not within(client, account.networks):
        raise NotLetInError("the address is not allowed")
    return Guest(account, Author(account_id, "api"))
