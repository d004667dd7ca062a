"""Time-based codes (RFC 6238): the secret lives encrypted, and no code works twice."""

import base64
import secrets
import time
from typing import Any, Final
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from cpaas.consoles.shared import queries
from cpaas.consoles.shared.runtime import runtime

SECRET_BYTES: Final = 20
STEP_SECONDS: Final = 30
DIGITS: Final = 6
#: steps that a person's clock may be off, either way.
DRIFT_STEPS: Final = 1
_TABLE: Final = "second_factor"


async def new_secret(connection: Any, user_id: int, account_id: int) -> str:
    """A secret that waits for its first code; returns it in base32."""
    plain = secrets.token_bytes(SECRET_BYTES)
    sealed = runtime().keyring.encrypt(plain, table=_TABLE, row=str(user_id))
    await queries.put_second_factor(connection, user_id, account_id, sealed)
    return base64.b32encode(plain).decode()


async def waiting_secret(connection: Any, user_id: int) -> str:
    """The secret that still waits for its first code, in base32; "" if there is none."""
    row = await queries.second_factor(connection, user_id)
    if row is None or row[1]:
        return ""
    plain = runtime().keyring.decrypt(row[0], table=_TABLE, row=str(user_id))
    return base64.b32encode(plain).decode()


async def verify_code(connection: Any, user_id: int, code: str) -> bool:
    """Whether the code is one of now, and not used before; marks it as used."""
    row = await queries.second_factor(connection, user_id)
    digits = code.replace(" ", "")
    if row is None or not digits.isdecimal() or len(digits) != DIGITS:
        return False
    sealed, _, last_step = row
    plain = runtime().keyring.decrypt(sealed, table=_TABLE, row=str(user_id))
    now = int(time.time())
    for drift in range(-DRIFT_STEPS, DRIFT_STEPS + 1):
        step = now // STEP_SECONDS + drift
        good = HOTP(plain, DIGITS, SHA1()).generate(step).decode()  # noqa: S303 - as apps expect
        if secrets.compare_digest(good, digits) and step > last_step:
            await queries.use_step(connection, user_id, step)
            return True
    return False


def address(username: str, secret: str) -> str:
    """The otpauth:// address that authenticator apps read from the QR code."""
    issuer = f"CPaaS {runtime().console.title}"
    return (
        f"otpauth://totp/{quote(issuer)}:{quote(username)}"
        f"?secret={secret}&issuer={quote(issuer)}&algorithm=SHA1&digits=6&period={STEP_SECONDS}"
    )
