"""The files of messages: each URL of an account is fetched once, however many messages name it."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from cpaas.blobs import queries as blobs
from cpaas.channels.base import Media, MediaError
from cpaas.kit.guard import Guard
from cpaas.media import queries
from cpaas.media.fetch import fetch, session

#: a file is fetched anew after this: its URL may show another one by then.
KEEP_SECONDS: Final = 86_400
#: what a process holds in memory besides.
HELD_BYTES_MAX: Final = 64 * 1024 * 1024
#: so soon after a failure the same URL is not asked again.
FAILED_SECONDS: Final = 30.0


class Store:
    """Fetches, keeps and finds files; the media store of a channel's service."""

    def __init__(self, pool: Any, guard: Guard) -> None:
        self._pool = pool
        self._guard = guard
        self._client: aiohttp.ClientSession | None = None
        self._asking: dict[tuple[int, str], asyncio.Task[Media]] = {}
        self._held: OrderedDict[tuple[int, str], tuple[float, Media]] = OrderedDict()
        self._held_bytes = 0
        self._failed: dict[tuple[int, str], tuple[float, MediaError]] = {}

    async def get(self, account_id: int, url: str, allowed: Mapping[str, int]) -> Media:
        """The file behind a URL; allowed: media type -> most bytes. Errors: MediaError."""
        key = account_id, url
        now = asyncio.get_running_loop().time()
        held = self._held.get(key)
        if held is not None and held[0] > now:
            return self._checked(held[1], allowed)
        failed = self._failed.get(key)
        if failed is not None and failed[0] > now:
            raise MediaError(str(failed[1]), passing=failed[1].passing)
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.create_task(self._ask(account_id, url, allowed))
            self._asking[key] = asking
            asking.add_done_callback(lambda task: self._asked(key, task))
        # One message's end must not take the file away from the others.
        return self._checked(await asyncio.shield(asking), allowed)

    async def known_as(self, media_id: int, holder: str) -> str:
        """The carrier's id of a file that was uploaded for `holder` and still lives; else ""."""
        async with self._pool.acquire() as connection:
            return await queries.upload(connection, media_id, holder)

    async def remember(self, media_id: int, holder: str, carrier_id: str, seconds: int) -> None:
        """Keeps the carrier's id for that long."""
        async with self._pool.acquire() as connection:
            await queries.keep_upload(connection, media_id, holder, carrier_id, seconds)

    async def close(self) -> None:
        """Ends what is under way."""
        for task in list(self._asking.values()):
            task.cancel()
        if self._client is not None:
            await self._client.close()

    async def _ask(self, account_id: int, url: str, allowed: Mapping[str, int]) -> Media:
        async with self._pool.acquire() as connection:
            known = await queries.find(connection, account_id, url)
            if known is not None:
                data = await blobs.whole(connection, account_id, known.blob_id)
                if data is not None:
                    return Media(known.id, known.media_type, known.name, data)
        if self._client is None:
            self._client = session(self._guard)
        fetched = await fetch(self._client, self._guard, url, allowed)
        async with self._pool.acquire() as connection, connection.transaction():
            blob_id = await blobs.create(connection, account_id, fetched.name, fetched.media_type)
            await blobs.append(connection, account_id, blob_id, fetched.data)
            # Longer than the file is used, so that no message finds its bytes gone.
            await blobs.complete(connection, account_id, blob_id, KEEP_SECONDS + 3600)
            media_id = await queries.keep(
                connection, account_id, url, media_type=fetched.media_type,
                size=len(fetched.data), sha256=hashlib.sha256(fetched.data).digest(),
                blob_id=blob_id, seconds=KEEP_SECONDS,
            )  # fmt: skip
        return Media(media_id, fetched.media_type, fetched.name, fetched.data)

    def _asked(self, key: tuple[int, str], task: "asyncio.Task[Media]") -> None:
        self._asking.pop(key, None)
        if task.cancelled():
            return
        now = asyncio.get_running_loop().time()
        error = task.exception()
        if error is None:
            self._hold(key, task.result(), now)
        elif isinstance(error, MediaError):
            while len(self._failed) >= 1000:
                del self._failed[next(iter(self._failed))]
            self._failed[key] = (now + FAILED_SECONDS, error)

    def _hold(self, key: tuple[int, str], media: Media, now: float) -> None:
        old = self._held.pop(key, None)
        self._held_bytes -= len(old[1].data) if old is not None else 0
        if len(media.data) > HELD_BYTES_MAX // 4:
            return
        self._held[key] = (now + 600.0, media)
        self._held_bytes += len(media.data)
        while self._held_bytes > HELD_BYTES_MAX:
            _, (_, gone) = self._held.popitem(last=False)
            self._held_bytes -= len(gone.data)

    def _checked(self, media: Media, allowed: Mapping[str, int]) -> Media:
        """The same URL may be named for another kind of message."""
        most = allowed.get(media.media_type)
        if most is None or len(media.data) > most:
            raise MediaError(
                f"the file is {media.media_type} with {len(media.data):,} bytes, which this message"
                " cannot carry"
            )
        return media
