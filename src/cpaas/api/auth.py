"""Who calls: the key's digest is looked up in the snapshot, the address in the account's list.

No framework here: the hot path and every other call use the same function.
"""

import hashlib
from typing import Final

from cpaas.api.problem import ProblemError
from cpaas.kit.networks import within
from cpaas.snapshot.types import Account, AdminKey, ApiKey, Snapshot

_KEY_CHARS_MAX: Final = 200


class Caller:
    """An authenticated caller.

    A plain class: the framework would look into a struct's fields for what it has to validate.
    """

    __slots__ = ("account", "key")

    def __init__(self, account: Account, key: ApiKey) -> None:
        self.account = account
        self.key = key

    @property
    def is_test(self) -> bool:
        """Whether the call came with a test key."""
        return self.key.kind == "test"


def require_live(caller: Caller, what: str) -> None:
    """A test key must not change what live messages depend on. Errors: ProblemError 403."""
    if caller.is_test:
        raise ProblemError(
            403, "live_key_required", f"A test key cannot change {what}; use the live key.",
            title="The live key is needed",
        )  # fmt: skip


class Operator:
    """A caller with an admin key: it asks about the platform, never as an account."""

    __slots__ = ("key",)

    def __init__(self, key: AdminKey) -> None:
        self.key = key


def _unauthorized(detail: str) -> ProblemError:
    return ProblemError(401, "invalid_key", detail, title="The API key is not valid")


def presented_key(authorization: str | None, x_api_key: str | None) -> str:
    """The key in `Authorization: Bearer` or `X-API-Key`. Errors: ProblemError 401."""
    if authorization:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() == "bearer" and key.strip():
            return key.strip()
        raise _unauthorized("Write the header as 'Authorization: Bearer <key>'.")
    if x_api_key:
        return x_api_key.strip()
    raise ProblemError(
        401, "missing_key", "Send your API key as 'Authorization: Bearer <key>' or 'X-API-Key'.",
        title="An API key is needed",
    )  # fmt: skip


def authenticate(
    snapshot: Snapshot, authorization: str | None, x_api_key: str | None, client: str
) -> Caller:
    """The caller of a request from address `client`. Errors: ProblemError 401 or 403."""
    digest = _digest(authorization, x_api_key)
    found = snapshot.keys.get(digest)
    if found is None:
        if digest in snapshot.admin_keys:
            raise ProblemError(
                403, "account_key_required",
                "This is an admin key; it opens the operator's calls, no account's.",
                title="An account's key is needed",
            )  # fmt: skip
        raise _unauthorized("No such key, or it was revoked. Ask for a new one.")
    account = snapshot.accounts.get(found.account_id)
    if account is None or not account.active:
        raise ProblemError(
            403, "account_inactive", "This account is inactive; ask its operator.",
            title="The account is inactive",
        )  # fmt: skip
    # A person on the portal may be anywhere; the list is for programs.
    if account.networks and not found.user_id and not within(client, account.networks):
        raise ProblemError(
            403, "ip_not_allowed",
            f"Calls from {client or 'this address'} are not allowed for this account; "
            "add the address to its whitelisted IPs.",
            title="The address is not allowed",
        )  # fmt: skip
    return Caller(account, found)


def authenticate_operator(
    snapshot: Snapshot, authorization: str | None, x_api_key: str | None, client: str
) -> Operator:
    """The operator of a request from address `client`. Errors: ProblemError 401 or 403."""
    digest = _digest(authorization, x_api_key)
    found = snapshot.admin_keys.get(digest)
    if found is None:
        if digest in snapshot.keys:
            raise ProblemError(
                403, "admin_key_required",
                "This call is the operator's; make a key with `cpaas admin key create`.",
                title="An admin key is needed",
            )  # fmt: skip
        raise _unauthorized("No such key, or it was revoked. Ask for a new one.")
    if found.networks and not within(client, found.networks):
        raise ProblemError(
            403, "ip_not_allowed",
            f"Calls from {client or 'this address'} are not allowed with this admin key.",
            title="The address is not allowed",
        )  # fmt: skip
    return Operator(found)


def _digest(authorization: str | None, x_api_key: str | None) -> bytes:
    key = presented_key(authorization, x_api_key)
    if len(key) > _KEY_CHARS_MAX:
        raise _unauthorized("This is not a key of this platform.")
    return hashlib.sha256(key.encode(errors="replace")).digest()
