"""Makes connection pools with the settings that every process of the data plane wants.

One place, so that statement caching, time stamps and session hygiene are the same everywhere.
"""

from typing import Any

import asyncpg

from cpaas.db.codecs import set_codecs

CONNECT_SECONDS_MAX = 10
COMMAND_SECONDS_MAX = 60
STATEMENT_CACHE_SIZE = 512


async def create_pool(
    dsn: str,
    *,
    min_size: int,
    max_size: int,
    application_name: str,
    data_plane: bool = False,
) -> asyncpg.Pool:
    """A pool whose connections are not reset between users: set nothing that outlives its
    transaction, and take session-level advisory locks on a connection of their own.

    With `data_plane` a timestamptz is an int of microseconds since 1970, an id 16 bytes and JSON a
    Python value (`codecs.set_codecs`).
    """

    async def initialise(connection: asyncpg.Connection) -> None:
        if data_plane:
            await set_codecs(connection)

    pool: asyncpg.Pool = await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        init=initialise,
        # The default costs a round trip per use; an open transaction is still rolled back.
        reset=_keep_session,
        statement_cache_size=STATEMENT_CACHE_SIZE,
        max_cached_statement_lifetime=0,
        max_inactive_connection_lifetime=0,
        timeout=CONNECT_SECONDS_MAX,
        command_timeout=COMMAND_SECONDS_MAX,
        # A plan cached while a table was empty would scan it whole once it has a million rows;
        # joins are of a batch in hand with its rows, found one by one by an index.
        server_settings={
            "application_name": application_name,
            "jit": "off",
            # Planning a batch anew over all days costs five times its execution.
            "plan_cache_mode": "force_generic_plan",
            "enable_seqscan": "off",
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
        },
    )
    return pool


async def _keep_session(_connection: Any) -> None:
    return None
