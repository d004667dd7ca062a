"""Posts events to bots' webhooks: some at once, again with delays when they are not taken.

Bounded: a webhook that is away for long loses events, as it would with the real hub.
"""

import asyncio
import contextlib
from collections.abc import Callable

import aiohttp

from cpaas.simulators.rcs.settings import RcsSettings
from cpaas.simulators.smsc.agenda import Agenda

WAITING_MAX = 100_000
POST_SECONDS = 10.0


class Caller:
    """Delivers event bodies at least once, within the tries that the settings give."""

    def __init__(self, settings: Callable[[], RcsSettings], agenda: Agenda) -> None:
        self.delivered = 0
        self.refused = 0
        self.given_up = 0
        self._settings = settings
        self._agenda = agenda
        self._queue: asyncio.Queue[tuple[str, bytes, int]] = asyncio.Queue(WAITING_MAX)
        self._session: aiohttp.ClientSession | None = None
        self._workers: list[asyncio.Task[None]] = []
        self._busy = 0

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be posted now; later tries may still come."""
        return self._queue.empty() and not self._busy

    async def start(self) -> None:
        """Starts its workers."""
        timeout = aiohttp.ClientTimeout(total=POST_SECONDS)
        count = self._settings().callbacks_at_once
        self._session = aiohttp.ClientSession(
            timeout=timeout, connector=aiohttp.TCPConnector(limit=count)
        )
        self._workers = [asyncio.create_task(self._work()) for _ in range(count)]

    async def stop(self) -> None:
        """Forgets what waits."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def put(self, url: str, body: bytes, tries: int = 0) -> None:
        """Posts a body soon."""
        try:
            self._queue.put_nowait((url, body, tries))
        except asyncio.QueueFull:
            self.given_up += 1

    async def _work(self) -> None:
        while True:
            url, body, tries = await self._queue.get()
            self._busy += 1
            try:
                await self._post(url, body, tries)
            finally:
                self._busy -= 1

    async def _post(self, url: str, body: bytes, tries: int) -> None:
        assert self._session is not None  # noqa: S101
        headers = {"Content-Type": "application/json"}
        status = 0
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as reply:
                status = reply.status
                await reply.read()
        if 200 <= status < 300:
            self.delivered += 1
            return
        self.refused += 1
        delays = self._settings().callback_retry_seconds
        if tries >= len(delays):
            self.given_up += 1
            return
        self._agenda.after(delays[tries], lambda: self.put(url, body, tries + 1))
