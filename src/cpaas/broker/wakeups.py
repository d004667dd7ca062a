"""One LISTEN connection of a process that wakes every consumer whose queue got an item.

A notification costs one write per publishing batch and saves each consumer from polling; polling
once a second stays as the fallback, so a lost connection only costs latency.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import asyncpg

from cpaas.db.trouble import AWAY

CHANNEL = "queue"
EVERYBODY = "*"
# PostgreSQL refuses a payload of 8000 bytes.
PAYLOAD_BYTES_MAX = 7_900
CHECK_SECONDS = 5.0
RECONNECT_SECONDS = 1.0


def payload(queues: set[str]) -> str:
    """What `pg_notify` is given for these queues; empty when there is nobody to wake."""
    names = ",".join(sorted(queues))
    return names if len(names.encode()) <= PAYLOAD_BYTES_MAX else EVERYBODY


class QueueWakeups:
    """Calls consumers back when their queue may have something."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._callbacks: dict[str, list[Callable[[], None]]] = {}
        self._task: asyncio.Task[None] | None = None

    def subscribe(self, queue: str, callback: Callable[[], None]) -> None:
        """Calls back whenever `queue` may have something."""
        self._callbacks.setdefault(queue, []).append(callback)

    def unsubscribe(self, queue: str, callback: Callable[[], None]) -> None:
        """Ends what `subscribe` began."""
        callbacks = self._callbacks.get(queue, [])
        if callback in callbacks:
            callbacks.remove(callback)

    async def start(self) -> None:
        """Begins to listen; the connection is remade whenever it is lost."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Stops listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _wake(self, names: str) -> None:
        queues = list(self._callbacks) if names == EVERYBODY else names.split(",")
        for queue in queues:
            for callback in tuple(self._callbacks.get(queue, ())):
                callback()

    def _heard(self, _connection: Any, _pid: int, _channel: str, names: Any) -> None:
        self._wake(str(names))

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(*AWAY):
                connection = await asyncpg.connect(self._dsn, timeout=10)
                try:
                    await connection.add_listener(CHANNEL, self._heard)
                    # What was published while nobody listened.
                    self._wake(EVERYBODY)
                    while True:
                        await asyncio.sleep(CHECK_SECONDS)
                        await connection.execute("SELECT", timeout=CHECK_SECONDS)
                finally:
                    # Closing politely can hang on a dead peer; nothing is lost by not doing so.
                    connection.terminate()
            await asyncio.sleep(RECONNECT_SECONDS)
