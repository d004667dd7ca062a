"""Makes an account with all it needs to send: owner, wallet, prices, keys, SMPP credentials.

The caller holds the transaction (`db.actor.acting`), so that a half-made account never exists.
"""

import re

import asyncpg

from cpaas.accounts import check, keys, queries
from cpaas.accounts.types import Changes, MadeAccount, NewAccount
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import (
    SMPP_SYSTEM_ID_MAX,
    hash_password,
    new_smpp_password,
    new_temporary_password,
)

_SYSTEM_ID_TRIES = 1000


async def create_account(connection: asyncpg.Connection, new: NewAccount) -> MadeAccount:
    """The account with its secrets in the clear: the only time that anybody sees them."""
    name = check.account_name(new.name)
    username = check.username(new.username)
    email = check.email(new.email)
    password = check.password(new.password, [username]) if new.password else ""
    if await queries.account_name_taken(connection, name):
        raise InputError(f"an account {name!r} exists already", "choose another name", "name")
    await refuse_taken(connection, username)
    password = password or new_temporary_password()
    try:
        account_id = await queries.insert_account(connection, name, is_sandbox=new.is_sandbox)
        await queries.insert_user(
            connection,
            username,
            hash_password(password),
            role="USER",
            account_id=account_id,
            email=email,
            phone=check.phone(new.phone),
            must_change_password=True,
        )
    except asyncpg.UniqueViolationError as error:
        raise InputError(
            f"{name!r} was made just now by somebody else", "look at the list"
        ) from error
    system_id, smpp_password = await _smpp(connection, account_id, username)
    return MadeAccount(
        id=account_id,
        name=name,
        username=username,
        password=password,
        api_key=await keys.issue(connection, account_id, "live"),
        test_key=await keys.issue(connection, account_id, "test"),
        smpp_system_id=system_id,
        smpp_password=smpp_password,
    )


async def change_account(connection: asyncpg.Connection, account_id: int, changes: Changes) -> None:
    """Applies checked changes; services obey them within a second."""
    if not await queries.change_account(connection, account_id, check.changes(changes)):
        raise InputError("there is no such account", "list them: cpaas account list")


async def refuse_taken(connection: asyncpg.Connection, username: str) -> None:
    """InputError when somebody logs in under this name."""
    if await queries.username_taken(connection, username):
        raise InputError(f"the username {username!r} is taken", "choose another", "username")


async def _smpp(connection: asyncpg.Connection, account_id: int, username: str) -> tuple[str, str]:
    stem = re.sub(r"[^A-Za-z0-9_]", "", username)[:SMPP_SYSTEM_ID_MAX] or "esme"
    system_id = stem
    for number in range(2, _SYSTEM_ID_TRIES):
        if not await queries.system_id_taken(connection, system_id):
            break
        system_id = f"{stem[: SMPP_SYSTEM_ID_MAX - 4]}{number}"
    password = new_smpp_password()
    await queries.insert_smpp_credential(connection, account_id, system_id, hash_password(password))
    return system_id, password
