"""Switches admins on and off; one who may log in is always left."""

from typing import Any

from cpaas.accounts import admin_queries as queries
from cpaas.kit.errors import InputError


async def set_active(connection: Any, user_id: int, *, active: bool) -> None:
    """Opens or closes an admin's login. Errors: InputError for the last active one."""
    if not active and await queries.active_admins(connection) == [user_id]:
        raise InputError(
            "this is the last active admin", "make or activate another one first", "username"
        )
    await queries.set_active(connection, user_id, active=active)
