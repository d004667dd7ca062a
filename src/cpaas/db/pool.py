"""Makes connection pools with the settings that every process of the data plane wants.

One place, so that statement caching, time stamps and session hygiene are the same everywhere.
"""

from typing import Any

import asyncpg

from cpaas.db.codecs import set_codecs

# PostgreSQL counts microseconds from 2000-01-01; we count them from 1970-01-01.
EPOCH_2000_MICROS = 946_684_800_000_000
CONNECT_SECONDS_MAX = 10
COMMAND_SECONDS_MAX = 60
STATEMENT_CACHE_SIZE = 512


async def create_pool(
    dsn: str,
    *,
    min_size: int,
    max_size: int,
    application_name: str,
    encode_timestamps_as_micros: bool = False,
    data_plane: bool = False,
) -> asyncpg.Pool:
    """A pool whose connections are not reset between users: set nothing that outlives its
    transaction, and take session-level advisory locks on a connection of their own.

    With `encode_timestamps_as_micros` a timestamptz is an int of microseconds since 1970;
    with `data_plane` that, ids as 16 bytes and JSON as Python values (`codecs.set_codecs`).
    """

    async def initialise(connection: asyncpg.Connection) -> None:
        if data_plane:
            await set_codecs(connection)
        elif encode_timestamps_as_micros:
            await timestamps_as_micros(connection)

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


async def timestamps_as_micros(connection: asyncpg.Connection) -> None:
    """Makes this connection read and write timestamptz as microseconds since 1970."""
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        format="tuple",
        encoder=_encode_micros,
        decoder=_decode_micros,
    )


def _encode_micros(micros: int) -> tuple[int]:
    return (micros - EPOCH_2000_MICROS,)


def _decode_micros(value: tuple[int]) -> int:
    return value[0] + EPOCH_2000_MICROS


async def _keep_session(_connection: Any) -> None:
    return None
