"""Opens a transaction whose changes the audit triggers write down under a name.

Every writer of configuration goes through here, so that the audit log always says who.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from cpaas.db import queries


@asynccontextmanager
async def acting(
    connection: asyncpg.Connection, actor: str, address: str = "", note: str = ""
) -> AsyncIterator[None]:
    """A transaction in the name of an actor such as "cli:root", "admin:ann" or "system"."""
    async with connection.transaction():
        await queries.set_actor(connection, actor, address, note)
        yield
