"""Whom templates went to in the last day: what a limit by recipients goes on from after a start."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from cpaas.gateway import queries
from cpaas.snapshot.types import Identity

DAY: Final = timedelta(days=1)
#: a message may have been accepted long before it went; one scheduled further ahead is not counted.
ACCEPTED: Final = DAY + timedelta(days=7)


class WrittenTo:
    """Reads it from the stored messages, in one query."""

    def __init__(self, pool: Any, channel: str) -> None:
        self._pool = pool
        self._channel = channel

    async def __call__(self, identities: Sequence[Identity]) -> list[tuple[str, float]]:
        """(recipient, seconds since), longest ago first, over all of these identities."""
        senders = sorted({one.value for one in identities})
        accounts = sorted({account for one in identities for account in one.accounts})
        async with self._pool.acquire() as connection:
            return await queries.written_to(
                connection, accounts, self._channel, senders, DAY, ACCEPTED
            )
