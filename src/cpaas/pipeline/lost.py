"""Finds out what became of a commit whose answer was lost.

The server process that worked on it is ended first: while it lives it may still commit, and no
look-up could then tell the truth.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from cpaas.kit.log import get_logger
from cpaas.pipeline import accept_queries as queries

RETRY_SECONDS: Final = 0.1
_log = get_logger(__name__)


async def resolve(
    pool: Any,
    pid: int,
    ids: Sequence[bytes],
    *,
    deadline: float,
    monotonic: Callable[[], float],
) -> set[bytes] | None:
    """Which of the messages are stored; None when that could not be learnt by the deadline."""
    while True:
        try:
            left = max(0.1, deadline - monotonic())
            async with asyncio.timeout(left), pool.acquire() as connection:
                if await queries.end_backend(connection, pid):
                    return await queries.stored(connection, ids)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not pass for an answer
            _log.warning("lost_commit_not_looked_up", error=repr(error))
        if monotonic() >= deadline:
            return None
        await asyncio.sleep(RETRY_SECONDS)
