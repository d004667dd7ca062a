"""An account is made whole or not at all."""

import asyncpg
import pytest

from cpaas.accounts.create import create_account
from cpaas.accounts.types import NewAccount
from cpaas.db.actor import acting
from cpaas.kit.errors import InputError


async def test_nothing_is_left_of_a_refused_account(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        async with acting(connection, "test"):
            await create_account(connection, NewAccount(name="one", username="ann"))
        with pytest.raises(InputError, match="taken"):
            async with acting(connection, "test"):
                await create_account(connection, NewAccount(name="two", username="ANN"))
    assert await pool.fetchval("SELECT count(*) FROM account") == 1


async def test_system_ids_fit_smpp_and_differ(pool: asyncpg.Pool) -> None:
    names = ["a.very.long.user.name-1", "a.very.long.user.name-2", "...x"[3:], "x@y"]
    async with pool.acquire() as connection:
        made = []
        for name in names:
            async with acting(connection, "test"):
                made.append(await create_account(connection, NewAccount(name=name, username=name)))
    ids = [account.smpp_system_id for account in made]
    assert len(set(ids)) == len(ids)
    assert all(1 <= len(one) <= 15 and one.isalnum() for one in ids)
    assert all(len(account.smpp_password) == 8 for account in made)
