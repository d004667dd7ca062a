"""Speech that was made once, for every process: files of the platform's own (account 0)."""

import hashlib
from typing import Any, Final

from cpaas.blobs import queries as blobs
from cpaas.media import queries

ACCOUNT: Final = 0
TYPE: Final = "audio/L16"
KEEP_SECONDS: Final = 7 * 86_400


class Sounds:
    """Keeps and finds sounds by what was said and how."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def get(self, key: str) -> bytes | None:
        """A sound that was kept."""
        async with self._pool.acquire() as connection:
            known = await queries.find(connection, ACCOUNT, f"sound:{key}")
            if known is None:
                return None
            return await blobs.whole(connection, ACCOUNT, known.blob_id)

    async def put(self, key: str, sound: bytes) -> None:
        """Keeps a sound for a week."""
        async with self._pool.acquire() as connection, connection.transaction():
            blob_id = await blobs.create(connection, ACCOUNT, "sound", TYPE)
            await blobs.append(connection, ACCOUNT, blob_id, sound)
            # Longer than it is used, so that nobody finds its bytes gone.
            await blobs.complete(connection, ACCOUNT, blob_id, KEEP_SECONDS + 3600)
            await queries.keep(
                connection, ACCOUNT, f"sound:{key}", media_type=TYPE, size=len(sound),
                sha256=hashlib.sha256(sound).digest(), blob_id=blob_id, seconds=KEEP_SECONDS,
            )  # fmt: skip
