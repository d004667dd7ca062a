"""SQL of the people who run the platform."""

from typing import Any

import msgspec


class AdminRow(msgspec.Struct, frozen=True):
    """An admin as the Admins screen shows it; times in Unix microseconds."""

    id: int
    username: str
    email: str
    is_active: bool
    has_second_factor: bool
    must_change_password: bool
    last_login: int | None
    created_at: int


_ADMIN = (
    "SELECT id, username, email, is_active, has_second_factor, must_change_password, last_login,"
    " created_at FROM app_user WHERE role = 'ADMIN'"
)


async def admins(connection: Any, after: str, most: int) -> list[AdminRow]:
    """Admins in order of their names, from after one."""
    rows = await connection.fetch(
        _ADMIN + " AND username > $1 ORDER BY username LIMIT $2", after, most
    )
    return [AdminRow(**row) for row in rows]


async def admin(connection: Any, user_id: int) -> AdminRow | None:
    """One admin; None when there is none of that id."""
    row = await connection.fetchrow(_ADMIN + " AND id = $1", user_id)
    return None if row is None else AdminRow(**row)


async def active_admins(connection: Any) -> list[int]:
    """The ids of the admins who may log in, locked: none is switched off meanwhile."""
    rows = await connection.fetch(
        "SELECT id FROM app_user WHERE role = 'ADMIN' AND is_active ORDER BY id FOR UPDATE"
    )
    return [row[0] for row in rows]


async def set_active(connection: Any, user_id: int, *, active: bool) -> None:
    """Opens or closes a login; closing ends its sessions."""
    await connection.execute(
        "UPDATE app_user SET is_active = $2 WHERE id = $1 AND is_active <> $2", user_id, active
    )
    if not active:
        await connection.execute("DELETE FROM admin_session WHERE user_id = $1", user_id)
