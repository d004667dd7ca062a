"""SQL of the consoles themselves: who acts, logins, sessions, second factors, saved views.

On the portal all of it runs under row-level security, for the account that was set.
"""

from typing import Any

import msgspec


class Login(msgspec.Struct, frozen=True):
    """What a login needs to be judged; times in Unix microseconds."""

    id: int
    username: str
    email: str
    password: str
    account_id: int
    account_active: bool
    member_role: str
    is_active: bool
    must_change_password: bool
    failed_logins: int
    locked_until: int | None
    has_second_factor: bool


class SessionRow(msgspec.Struct, frozen=True):
    """A session as its owner sees it."""

    session_key: str
    address: str
    agent: str
    created_at: int
    seen_at: int


_LOGIN = """
    SELECT u.id, u.username, u.email, u.password, coalesce(u.account_id, 0) AS account_id,
           coalesce(a.active, true) AS account_active, u.member_role, u.is_active,
           u.must_change_password, u.failed_logins, u.locked_until, u.has_second_factor
    FROM app_user u LEFT JOIN account a ON a.id = u.account_id
"""


async def act_as(connection: Any, account_id: int, actor: str, address: str, note: str) -> None:
    """Names who acts, until the transaction ends; the account is what row-level security knows."""
    await connection.execute(
        "SELECT set_config('app.account_id', $1, true), set_config('app.actor', $2, true),"
        " set_config('app.address', $3, true), set_config('app.note', $4, true)",
        str(account_id), actor, address, note,
    )  # fmt: skip


async def set_account(connection: Any, account_id: int) -> None:
    """Works for this account from here to the end of the transaction."""
    await connection.execute("SELECT set_config('app.account_id', $1, true)", str(account_id))


async def audit(connection: Any, action: str, what: str, row_id: str, note: str) -> None:
    """An entry of the audit log that no change of a row makes."""
    await connection.execute("SELECT cpaas_audit_event($1, $2, $3, $4)", action, what, row_id, note)


async def portal_ids(connection: Any, username: str) -> tuple[int, int] | None:
    """The user and account of a portal login, before any account is known."""
    row = await connection.fetchrow("SELECT id, account_id FROM cpaas_portal_login($1)", username)
    return None if row is None else (row[0], row[1])


async def portal_ids_by_mail(connection: Any, address: str) -> list[tuple[int, int]]:
    """The users and accounts with this mail address."""
    rows = await connection.fetch("SELECT id, account_id FROM cpaas_portal_mail($1)", address)
    return [(row[0], row[1]) for row in rows]


async def admin_ids(connection: Any, name: str) -> list[int]:
    """Admins of this username, or else of this mail address."""
    rows = await connection.fetch(
        "SELECT id FROM app_user WHERE role = 'ADMIN' AND (lower(username) = lower($1)"
        " OR (email <> '' AND lower(email) = lower($1))) ORDER BY id LIMIT 5",
        name,
    )
    return [row["id"] for row in rows]


async def login(connection: Any, user_id: int) -> Login | None:
    """A login by its id."""
    row = await connection.fetchrow(_LOGIN + " WHERE u.id = $1", user_id)
    return None if row is None else Login(**row)


async def lock_login(connection: Any, user_id: int) -> None:
    """One attempt at a time for one person, so that no failure goes uncounted."""
    await connection.execute("SELECT FROM app_user WHERE id = $1 FOR UPDATE", user_id)


async def note_failure(connection: Any, user_id: int, most: int, minutes: int) -> int | None:
    """Counts a failure; returns until when the login is locked now, if it is."""
    until: int | None = await connection.fetchval(
        "UPDATE app_user SET failed_logins = CASE WHEN failed_logins + 1 >= $2 THEN 0"
        " ELSE failed_logins + 1 END,"
        " locked_until = CASE WHEN failed_logins + 1 >= $2"
        " THEN now() + make_interval(mins => $3) ELSE locked_until END"
        " WHERE id = $1 RETURNING CASE WHEN locked_until > now() THEN locked_until END",
        user_id, most, minutes,
    )  # fmt: skip
    return until


async def note_login(connection: Any, user_id: int) -> None:
    """Forgets failures and remembers when."""
    await connection.execute(
        "UPDATE app_user SET failed_logins = 0, locked_until = NULL, last_login = now()"
        " WHERE id = $1",
        user_id,
    )


async def set_own_password(connection: Any, user_id: int, password_hash: str) -> None:
    """A password that its owner chose."""
    await connection.execute(
        "UPDATE app_user SET password = $2, must_change_password = false, failed_logins = 0,"
        " locked_until = NULL WHERE id = $1",
        user_id, password_hash,
    )  # fmt: skip


# --- second factors ---------------------------------------------------------------------------


async def second_factor(connection: Any, user_id: int) -> tuple[bytes, bool, int] | None:
    """Secret (encrypted), whether it is in use, and the last time step used."""
    row = await connection.fetchrow(
        "SELECT secret, confirmed, last_step FROM second_factor WHERE user_id = $1 FOR UPDATE",
        user_id,
    )
    return None if row is None else (bytes(row[0]), row[1], row[2])


async def put_second_factor(connection: Any, user_id: int, account_id: int, secret: bytes) -> None:
    """A new secret, not in use until a code confirmed it."""
    await connection.execute(
        "DELETE FROM second_factor WHERE user_id = $1 AND NOT confirmed", user_id
    )
    await connection.execute(
        "INSERT INTO second_factor (user_id, account_id, secret) VALUES ($1, $2, $3)",
        user_id, account_id, secret,
    )  # fmt: skip


async def use_step(connection: Any, user_id: int, step: int) -> None:
    """Marks a code as used, and the factor as in use."""
    await connection.execute(
        "UPDATE second_factor SET last_step = $2, confirmed = true WHERE user_id = $1",
        user_id, step,
    )  # fmt: skip
    await connection.execute(
        "UPDATE app_user SET has_second_factor = true WHERE id = $1 AND NOT has_second_factor",
        user_id,
    )


async def drop_second_factor(connection: Any, user_id: int) -> None:
    """The password alone is enough again."""
    await connection.execute("DELETE FROM second_factor WHERE user_id = $1", user_id)
    await connection.execute("UPDATE app_user SET has_second_factor = false WHERE id = $1", user_id)


# --- sessions ---------------------------------------------------------------------------------


async def sessions(connection: Any, table: str, user_id: int) -> list[SessionRow]:
    """A person's live sessions, the last used first."""
    rows = await connection.fetch(
        f"SELECT session_key, address, agent, created_at, seen_at FROM {table}"
        " WHERE user_id = $1 AND expire_date > now() ORDER BY seen_at DESC LIMIT 100",
        user_id,
    )
    return [SessionRow(**row) for row in rows]


async def end_sessions(
    connection: Any, table: str, user_id: int, *, only: str = "", but: str = ""
) -> int:
    """Ends one session of a person, or all but one; returns how many."""
    status: str = await connection.execute(
        f"DELETE FROM {table} WHERE user_id = $1 AND ($2 = '' OR session_key = $2)"
        " AND session_key <> $3",
        user_id, only, but,
    )  # fmt: skip
    return int(status.rpartition(" ")[2])


async def drop_expired(connection: Any, table: str) -> None:
    """Removes sessions that are over; on the portal those of the account."""
    await connection.execute(f"DELETE FROM {table} WHERE expire_date < now()")


# --- saved views ------------------------------------------------------------------------------


async def saved_views(connection: Any, user_id: int, screen: str) -> list[tuple[int, str, str]]:
    """Id, name and query of a person's views of a screen."""
    rows = await connection.fetch(
        "SELECT id, name, query FROM saved_view WHERE user_id = $1 AND screen = $2"
        " ORDER BY name LIMIT 50",
        user_id, screen,
    )  # fmt: skip
    return [(row[0], row[1], row[2]) for row in rows]


async def save_view(
    connection: Any, user_id: int, account_id: int, screen: str, name: str, query: str
) -> None:
    """Keeps a view under a name; the same name again means the new one."""
    await connection.execute(
        "DELETE FROM saved_view WHERE user_id = $1 AND screen = $2 AND name = $3",
        user_id, screen, name,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO saved_view (user_id, account_id, screen, name, query)"
        " VALUES ($1, $2, $3, $4, $5)",
        user_id, account_id, screen, name, query,
    )  # fmt: skip


async def forget_view(connection: Any, user_id: int, view_id: int) -> None:
    """Removes a view of this person."""
    await connection.execute(
        "DELETE FROM saved_view WHERE user_id = $1 AND id = $2", user_id, view_id
    )


async def balance(connection: Any, account_id: int) -> int:
    """An account's balance in micro-units."""
    return int(
        await connection.fetchval(
            "SELECT balance_micro FROM wallet WHERE account_id = $1", account_id
        )
        or 0
    )
