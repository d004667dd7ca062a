"""All SQL about accounts, the people who log in and programs' credentials."""

import asyncpg
import msgspec

from cpaas.accounts.types import (
    AccessRow,
    AccountRow,
    BindShown,
    Changes,
    KeyRow,
    SmppRow,
)

_ROW = """
    SELECT a.id, a.name, a.active, a.is_sandbox, a.billing_mode,
           coalesce(w.balance_micro, 0) AS balance_micro,
           coalesce(w.credit_limit_micro, 0) AS credit_limit_micro,
           coalesce(w.low_balance_micro, 0) AS low_balance_micro, a.refund_failed,
           a.stop_reply, a.start_reply,
           a.tps, a.daily_cap, a.allowed_ips, a.countries,
           a.sms_enabled, a.whatsapp_enabled, a.rcs_enabled, a.voice_enabled
    FROM account a LEFT JOIN wallet w ON w.account_id = a.id
"""


async def account_name_taken(connection: asyncpg.Connection, name: str) -> bool:
    """Whether an account has this name in whatever case."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM account WHERE lower(name) = lower($1))", name
        )
    )


async def username_taken(connection: asyncpg.Connection, username: str) -> bool:
    """Whether somebody logs in under this name in whatever case."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM app_user WHERE lower(username) = lower($1))", username
        )
    )


async def insert_account(connection: asyncpg.Connection, name: str, *, is_sandbox: bool) -> int:
    """A new account with an empty wallet and the platform's default prices; returns its id."""
    account_id = int(
        await connection.fetchval(
            "INSERT INTO account (name, is_sandbox) VALUES ($1, $2) RETURNING id", name, is_sandbox
        )
    )
    await connection.execute("INSERT INTO wallet (account_id) VALUES ($1)", account_id)
    await connection.execute(
        "INSERT INTO price (account_id, channel, category, country, prefix, amount_micro)"
        " SELECT $1, channel, category, country, prefix, amount_micro FROM price"
        " WHERE account_id IS NULL ORDER BY id",
        account_id,
    )
    return account_id


async def account_by_name(connection: asyncpg.Connection, name: str) -> AccountRow | None:
    """The account of that exact name."""
    row = await connection.fetchrow(_ROW + " WHERE a.name = $1", name)
    return None if row is None else AccountRow(**row)


async def accounts(
    connection: asyncpg.Connection, *, after_name: str = "", most: int = 500
) -> list[AccountRow]:
    """Accounts in order of name, from after one."""
    rows = await connection.fetch(
        _ROW + " WHERE a.name > $1 ORDER BY a.name LIMIT $2", after_name, most
    )
    return [AccountRow(**row) for row in rows]


async def change_account(connection: asyncpg.Connection, account_id: int, changes: Changes) -> bool:
    """Sets what is not None; False when there is no such account."""
    given = {
        name: value for name, value in msgspec.structs.asdict(changes).items() if value is not None
    }
    if not given:
        return True
    # The names are the fields of Changes, never input.
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(given, 2))
    status = await connection.execute(
        f"UPDATE account SET {sets} WHERE id = $1", account_id, *given.values()
    )
    return bool(status != "UPDATE 0")


async def insert_user(
    connection: asyncpg.Connection,
    username: str,
    password_hash: str,
    *,
    role: str,
    account_id: int | None,
    email: str,
    phone: str,
    must_change_password: bool,
) -> int:
    """A person who may log in; `account_id` None for role ADMIN."""
    return int(
        await connection.fetchval(
            "INSERT INTO app_user (username, password, role, account_id, email, phone,"
            " must_change_password) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
            username, password_hash, role, account_id, email, phone, must_change_password,
        )
    )  # fmt: skip


async def set_password(
    connection: asyncpg.Connection, username: str, password_hash: str, *, must_change: bool
) -> bool:
    """Gives a login a new password and lifts its lock; False when there is none of that name."""
    status = await connection.execute(
        "UPDATE app_user SET password = $2, must_change_password = $3, failed_logins = 0,"
        " locked_until = NULL WHERE username = $1",
        username, password_hash, must_change,
    )  # fmt: skip
    return bool(status != "UPDATE 0")


async def admin_names(connection: asyncpg.Connection, most: int = 100) -> list[str]:
    """Usernames of the active admins, oldest first."""
    rows = await connection.fetch(
        "SELECT username FROM app_user WHERE role = 'ADMIN' AND is_active ORDER BY id LIMIT $1",
        most,
    )
    return [row["username"] for row in rows]


async def insert_api_key(
    connection: asyncpg.Connection, account_id: int, kind: str, *, digest: bytes, prefix: str
) -> int:
    """Stores a key by its digest; returns the key's id."""
    return int(
        await connection.fetchval(
            "INSERT INTO api_key (account_id, kind, digest, prefix) VALUES ($1, $2, $3, $4)"
            " RETURNING id",
            account_id, kind, digest, prefix,
        )
    )  # fmt: skip


async def api_keys(connection: asyncpg.Connection, account_id: int) -> list[KeyRow]:
    """The account's keys in force, without people's tokens."""
    rows = await connection.fetch(
        "SELECT id, kind, prefix, (extract(epoch FROM created_at) * 1000000)::bigint AS made_us"
        " FROM api_key WHERE account_id = $1 AND revoked_at IS NULL AND user_id = 0 ORDER BY id",
        account_id,
    )
    return [KeyRow(**row) for row in rows]


async def access(connection: asyncpg.Connection, account_id: int) -> AccessRow:
    """From where programs of the account may come, and its SMPP login."""
    row = await connection.fetchrow(
        "SELECT a.allowed_ips, coalesce(s.system_id, '') AS system_id,"
        " coalesce(s.active, false) AS smpp_active FROM account a"
        " LEFT JOIN smpp_credential s ON s.account_id = a.id WHERE a.id = $1 ORDER BY s.id LIMIT 1",
        account_id,
    )
    return AccessRow([], "", smpp_active=False) if row is None else AccessRow(*row)


async def delete_old_tokens(connection: asyncpg.Connection) -> None:
    """Throw away tokens that ended a day ago; asks first, since a DELETE alone reloads all keys."""
    old = "user_id <> 0 AND expires_at < now() - interval '1 day'"
    if await connection.fetchval(f"SELECT EXISTS (SELECT FROM api_key WHERE {old})"):
        await connection.execute(f"DELETE FROM api_key WHERE {old}")


async def insert_token(
    connection: asyncpg.Connection, account_id: int, user_id: int, digest: bytes, seconds: int
) -> None:
    """A person's key of a few minutes."""
    await connection.execute(
        "INSERT INTO api_key (account_id, kind, digest, prefix, name, user_id, expires_at)"
        " VALUES ($1, 'live', $2, 'portal', 'portal', $3, now() + $4 * interval '1 second')",
        account_id, digest, user_id, seconds,
    )  # fmt: skip


async def revoke_api_keys(connection: asyncpg.Connection, account_id: int, kind: str) -> int:
    """Revokes all keys of a kind; returns how many there were."""
    status = await connection.execute(
        "UPDATE api_key SET revoked_at = now()"
        " WHERE account_id = $1 AND kind = $2 AND revoked_at IS NULL AND user_id = 0",
        account_id, kind,
    )  # fmt: skip
    return int(status.split()[-1])


async def system_id_taken(connection: asyncpg.Connection, system_id: str) -> bool:
    """Whether an ESME binds under this system id."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM smpp_credential WHERE system_id = $1)", system_id
        )
    )


async def insert_smpp_credential(
    connection: asyncpg.Connection, account_id: int, system_id: str, password_hash: str
) -> None:
    """The credentials with which an account's ESME binds."""
    await connection.execute(
        "INSERT INTO smpp_credential (account_id, system_id, password_hash) VALUES ($1, $2, $3)",
        account_id, system_id, password_hash,
    )  # fmt: skip


async def set_smpp_password(
    connection: asyncpg.Connection, account_id: int, password_hash: str
) -> str | None:
    """Gives the account's oldest credentials a new password; returns their system id."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "UPDATE smpp_credential SET password_hash = $2 WHERE id = (SELECT min(id)"
        " FROM smpp_credential WHERE account_id = $1) RETURNING system_id",
        account_id, password_hash,
    )  # fmt: skip


async def set_twilio_credential(
    connection: asyncpg.Connection, account_id: int, digest: bytes, secret: bytes
) -> None:
    """Gives the account's Twilio interface an auth token, in place of the one before."""
    await connection.execute(
        "INSERT INTO twilio_credential (account_id, digest, secret) VALUES ($1, $2, $3)"
        " ON CONFLICT (account_id) DO UPDATE SET digest = excluded.digest,"
        " secret = excluded.secret, created_at = now()",
        account_id, digest, secret,
    )  # fmt: skip


async def revoke_api_key(connection: asyncpg.Connection, digest: bytes) -> bool:
    """Revokes one key; False when there is none of that digest in force."""
    status = await connection.execute(
        "UPDATE api_key SET revoked_at = now() WHERE digest = $1 AND revoked_at IS NULL", digest
    )
    return bool(status != "UPDATE 0")


async def change_smpp_credential(
    connection: asyncpg.Connection, account_id: int, changes: dict[str, object]
) -> SmppRow | None:
    """Sets max_binds, tps or active of the account's oldest credentials."""
    # The names are those of the command's options, never input.
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(changes, 2))
    if sets:
        await connection.execute(
            f"UPDATE smpp_credential SET {sets} WHERE id = (SELECT min(id) FROM smpp_credential"
            " WHERE account_id = $1)",
            account_id, *changes.values(),
        )  # fmt: skip
    row = await connection.fetchrow(
        'SELECT system_id, max_binds, tps, active, "window" FROM smpp_credential'
        " WHERE account_id = $1"
        " ORDER BY id LIMIT 1",
        account_id,
    )
    return None if row is None else SmppRow(**row)


async def smpp_binds(connection: asyncpg.Connection, account_id: int = 0) -> list[BindShown]:
    """The binds of an account (0 = of all), as their servers saw them last."""
    rows = await connection.fetch(
        """SELECT a.name AS account, b.system_id, b.bind_type, b.address, b.submitted, b.refused,
             b.delivered, b.unanswered, b.last_refusal,
             (extract(epoch FROM b.bound_at) * 1000000)::bigint AS bound_us
           FROM smpp_bind b JOIN account a ON a.id = b.account_id
             JOIN service_instance s ON s.id = b.instance_id
           WHERE ($1::bigint = 0 OR b.account_id = $1) AND s.stopped_at IS NULL
             AND s.heartbeat_at > now() - interval '1 minute'
           ORDER BY a.name, b.bound_at""",
        account_id,
    )
    return [BindShown(**row) for row in rows]
