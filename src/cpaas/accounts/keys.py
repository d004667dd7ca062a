"""Issues and replaces the credentials of programs: REST keys and SMPP passwords.

A key is shown once; the database holds only its digest.
"""

import hashlib
import secrets
from typing import Final

import asyncpg

from cpaas.accounts import queries
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import (
    KeyKind,
    Keyring,
    api_key_digest,
    api_key_prefix,
    hash_password,
    new_api_key,
    new_smpp_password,
)

TWILIO_TABLE: Final = "twilio_credential"


async def issue(connection: asyncpg.Connection, account_id: int, kind: KeyKind) -> str:
    """A further key of the account."""
    key = new_api_key(kind)
    await queries.insert_api_key(
        connection, account_id, kind, digest=api_key_digest(key), prefix=api_key_prefix(key)
    )
    return key


async def revoke(connection: asyncpg.Connection, key: str) -> None:
    """Takes one key out of force."""
    await queries.revoke_api_key(connection, api_key_digest(key))


async def regenerate(connection: asyncpg.Connection, account_id: int, kind: KeyKind) -> str:
    """A new key in place of all of its kind, which stop working within a second."""
    await queries.revoke_api_keys(connection, account_id, kind)
    return await issue(connection, account_id, kind)


async def regenerate_smpp(connection: asyncpg.Connection, account_id: int) -> tuple[str, str]:
    """The account's system id and its new password."""
    password = new_smpp_password()
    system_id = await queries.set_smpp_password(connection, account_id, hash_password(password))
    if system_id is None:
        raise InputError("this account has no SMPP credentials", "make them in the User Portal")
    return system_id, password


async def new_twilio_token(
    connection: asyncpg.Connection, keyring: Keyring, account_id: int
) -> str:
    """A new auth token of the Twilio interface, 32 hex digits; the one before ends."""
    token = secrets.token_hex(16)
    sealed = keyring.encrypt(token.encode(), table=TWILIO_TABLE, row=str(account_id))
    digest = hashlib.sha256(token.encode()).digest()
    await queries.set_twilio_credential(connection, account_id, digest, sealed)
    return token
