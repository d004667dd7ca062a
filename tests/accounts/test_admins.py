"""The last active admin stays, also when two deactivate each other at once."""

import asyncio

import asyncpg
import pytest

from cpaas.accounts import admin_queries, admins, people
from cpaas.kit.errors import InputError


async def test_one_active_admin_is_always_left(pool: asyncpg.Pool) -> None:
    async def off(number: int) -> str:
        async with pool.acquire() as connection, connection.transaction():
            try:
                await admins.set_active(connection, number, active=False)
            except InputError as error:
                return error.what
        return ""

    for name in ("ann", "ben"):
        await people.create_admin(pool, name)
    ids = [one.id for one in await admin_queries.admins(pool, "", 10)]
    said = await asyncio.gather(*(off(one) for one in ids))
    assert sorted(said) == ["", "this is the last active admin"]
    assert len(await admin_queries.active_admins(pool)) == 1


async def test_the_last_one_alone_is_refused(pool: asyncpg.Pool) -> None:
    await people.create_admin(pool, "ann")
    (only,) = await admin_queries.admins(pool, "", 10)
    with pytest.raises(InputError, match="last active admin"):
        await admins.set_active(pool, only.id, active=False)
