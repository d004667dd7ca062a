"""Seals an identity's tokens for the database and opens them for its channel's service."""

from typing import Final

import msgspec

from cpaas.kit.secrets import Keyring

TABLE: Final = "identity"


def seal(keyring: Keyring, channel: str, value: str, secrets: dict[str, str]) -> bytes:
    """The encrypted document; empty when there is nothing to keep."""
    known = {name: text for name, text in secrets.items() if text}
    if not known:
        return b""
    return keyring.encrypt(msgspec.json.encode(known), table=TABLE, row=f"{channel}:{value}")


def unseal(keyring: Keyring, channel: str, value: str, secret: bytes) -> dict[str, str]:
    """The tokens; empty when none are kept. SecretsError says what to do."""
    if not secret:
        return {}
    plain = keyring.decrypt(secret, table=TABLE, row=f"{channel}:{value}")
    return msgspec.json.decode(plain, type=dict[str, str])
