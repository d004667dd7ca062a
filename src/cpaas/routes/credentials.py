"""Seals a route's credentials for the database and opens them for the gateway.

The document {"password": …} is bound to the route's name, which never changes.
"""

from typing import Final

import msgspec

from cpaas.kit.secrets import Keyring

TABLE: Final = "route"


def seal(keyring: Keyring, route_name: str, credentials: dict[str, str]) -> bytes:
    """The encrypted document; empty when there is nothing to keep."""
    known = {name: value for name, value in credentials.items() if value}
    if not known:
        return b""
    return keyring.encrypt(msgspec.json.encode(known), table=TABLE, row=route_name)


def unseal(keyring: Keyring, route_name: str, secret: bytes) -> dict[str, str]:
    """The credentials of a route; empty when none are kept. SecretsError says what to do."""
    if not secret:
        return {}
    plain = keyring.decrypt(secret, table=TABLE, row=route_name)
    return msgspec.json.decode(plain, type=dict[str, str])
