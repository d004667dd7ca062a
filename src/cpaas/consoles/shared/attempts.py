"""Slows down guessing from one address, whoever's names it tries. In memory: a minute's work."""

import threading
import time
from collections import OrderedDict
from typing import Final

FAILURES_MAX: Final = 20
WINDOW_SECONDS: Final = 600
ADDRESSES_MAX: Final = 10_000


class Attempts:
    """Failures per address within the window."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_seconds(self, address: str) -> int:
        """How long this address must wait; 0: it may try."""
        now = time.monotonic()
        with self._lock:
            recent = [at for at in self._failures.get(address, ()) if now - at < WINDOW_SECONDS]
        if len(recent) < FAILURES_MAX:
            return 0
        return int(WINDOW_SECONDS - (now - recent[-FAILURES_MAX])) + 1

    def failed(self, address: str) -> None:
        """Notes a failure."""
        now = time.monotonic()
        with self._lock:
            recent = self._failures.pop(address, [])
            self._failures[address] = [*recent[-FAILURES_MAX:], now]
            while len(self._failures) > ADDRESSES_MAX:
                self._failures.popitem(last=False)
