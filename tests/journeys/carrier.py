"""A simulated SMSC of the test's own, beside the one that the sandbox brings."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from tests.postgres_keeper import free_port

from cpaas.simulators.smsc import SimulatedSmsc, SmscSettings


class Carrier:
    """An SMSC of the test's own, in a thread."""

    def __init__(self, **settings: Any) -> None:
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self.smsc = SimulatedSmsc(SmscSettings(port=self.port, **settings))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._loop.run_until_complete(self.smsc.start())
        self._loop.run_forever()

    def says(self, source: str, destination: str, text: str) -> None:
        """A handset writes; it goes to whoever bound as "me"."""
        self._loop.call_soon_threadsafe(
            lambda: self.smsc.inject(
                source=source, destination=destination, text=text, system_id="me"
            )
        )

    def call(self, work: Callable[[], None]) -> None:
        """Runs `work` where the SMSC lives, and waits for it."""

        async def run() -> None:
            work()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.smsc.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
