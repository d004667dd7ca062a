"""Signs webhooks as Standard Webhooks 1.0 says, so that customers verify with ready libraries.

The id stays the same over all attempts (the customer's key against duplicates); the timestamp is
that of the attempt, since receivers refuse old ones.
"""

import base64
import binascii
import hashlib
import secrets
from binascii import b2a_base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

KEY_BYTES: Final = 32
PREFIX: Final = "whsec_"
_BLOCK_BYTES: Final = 64
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))


def new_key() -> bytes:
    """A fresh signing key."""
    return secrets.token_bytes(KEY_BYTES)


def show_key(key: bytes) -> str:
    """The key as the customer gets it: whsec_ and base64."""
    return PREFIX + base64.b64encode(key).decode()


def read_key(text: str) -> bytes:
    """The key of a whsec_ text. Errors: ValueError."""
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"a signing secret is {PREFIX} and base64") from error


@lru_cache(maxsize=4096)
def _hashes(key: bytes) -> tuple[Any, Any]:
    """HMAC's inner and outer hash (RFC 2104) with the key taken in, to be copied."""
    block = (key if len(key) <= _BLOCK_BYTES else hashlib.sha256(key).digest()).ljust(
        _BLOCK_BYTES, b"\0"
    )
    return hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER))


def _digest(key: bytes, signed: bytes) -> bytes:
    # Setting a key up costs more than the hash of a webhook, and an account's key stays.
    inner, outer = _hashes(key)
    inner, outer = inner.copy(), outer.copy()
    inner.update(signed)
    outer.update(inner.digest())
    digest: bytes = outer.digest()
    return digest


def signed_headers(
    event_id: bytes, attempt_at: int, body: bytes, keys: Sequence[bytes]
) -> list[tuple[bytes, bytes]]:
    """The three webhook-* headers; one signature per key, so that both hold while one changes."""
    timestamp = b"%d" % attempt_at
    signed = b"%b.%b.%b" % (event_id, timestamp, body)
    signatures = [b"v1," + b2a_base64(_digest(key, signed), newline=False) for key in keys]
    return [
        (b"webhook-id", event_id),
        (b"webhook-timestamp", timestamp),
        (b"webhook-signature", b" ".join(signatures)),
    ]
