"""Signs webhooks as Standard Webhooks 1.0 says, so that customers verify with ready libraries.

The id stays the same over all attempts (the customer's key against duplicates); the timestamp is
that of the attempt, since receivers refuse old ones.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

KEY_BYTES: Final = 32
PREFIX: Final = "whsec_"


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


def signed_headers(
    event_id: bytes, attempt_at: int, body: bytes, keys: Sequence[bytes]
) -> list[tuple[bytes, bytes]]:
    """The three webhook-* headers; one signature per key, so that both hold while one changes."""
    timestamp = b"%d" % attempt_at
    signed = b"%b.%b.%b" % (event_id, timestamp, body)
    signatures = [
        b"v1," + binascii.b2a_base64(hmac.digest(key, signed, "sha256"), newline=False)
        for key in keys
    ]
    return [
        (b"webhook-id", event_id),
        (b"webhook-timestamp", timestamp),
        (b"webhook-signature", b" ".join(signatures)),
    ]
