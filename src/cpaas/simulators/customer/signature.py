"""Checks Standard Webhooks signatures as a customer would.

Written apart from the code that signs, or a mistake there would agree with itself here.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256

TOLERANCE_SECONDS = 300


def signature_fault(
    headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now: float
) -> str:
    """Why a request is not to be trusted; "" when one of the whsec_ secrets signed it."""
    identity = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not identity or not signatures or not timestamp.isdigit():
        return "a webhook-* header is missing"
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return f"the timestamp {timestamp} is too far from now"
    signed = f"{identity}.{timestamp}.".encode() + body
    for secret in secrets:
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            return "the secret is not base64"
        expected = base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
        for signature in signatures.split(" "):
            version, _, value = signature.partition(",")
            if version == "v1" and hmac.compare_digest(value, expected):
                return ""
    return "no signature fits the secret"
