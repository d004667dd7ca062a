"""UUIDv7 made monotonic within a process, so that ids order as they were given out."""

import hashlib
import os
from collections.abc import Callable
from uuid import UUID

from cpaas.kit.clock import now_us

_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62
_RANDOM_BITS = 74


class IdMaker:
    """Gives out UUIDv7s that only grow, also when the clock steps back.

    The 74 random bits of a millisecond start at a random value and are counted up within it.
    """

    def __init__(self, now_ns: Callable[[], int] = lambda: now_us() * 1000) -> None:
        self._now_ns = now_ns
        self._millisecond = 0
        self._tail = 0

    def make(self) -> UUID:
        """The next id."""
        return UUID(int=self._next())

    def make_bytes(self) -> bytes:
        """The next id as its 16 bytes, at half the cost."""
        return self._next().to_bytes(16, "big")

    def _next(self) -> int:
        millisecond = self._now_ns() // 1_000_000
        if millisecond > self._millisecond:
            self._millisecond = millisecond
            # The top bit starts clear: room to count up within the millisecond.
            self._tail = int.from_bytes(os.urandom(10), "big") >> (80 - _RANDOM_BITS + 1)
        else:
            self._tail += 1
            if self._tail >> _RANDOM_BITS:
                self._millisecond += 1
                self._tail = 0
        high, low = self._tail >> 62, self._tail & ((1 << 62) - 1)
        return self._millisecond << 80 | _VERSION | high << 64 | _VARIANT | low

    def forget(self) -> None:
        """Begins anew, at another random value: in a copy of this process it must."""
        self._millisecond = 0


def row_prefix(now_ns: int) -> bytes:
    """The first 12 bytes of UUIDv7s whose last 32 bits are numbers of the caller's own."""
    tail = int.from_bytes(os.urandom(6), "big")
    high, low = tail >> 30 & 0xFFF, tail & ((1 << 30) - 1)
    return (
        now_ns // 1_000_000 << 48 | _VERSION >> 32 | high << 32 | _VARIANT >> 32 | low
    ).to_bytes(12, "big")


_MAKER = IdMaker()
new_id = _MAKER.make
new_id_bytes = _MAKER.make_bytes
os.register_at_fork(after_in_child=_MAKER.forget)


def milliseconds(uuid: UUID) -> int:
    """The Unix milliseconds in a UUIDv7."""
    return uuid.int >> 80


def lowest_at(unix_milliseconds: int) -> UUID:
    """The smallest UUIDv7 of a moment: the bound of a range over ids."""
    return UUID(int=max(0, min(unix_milliseconds, (1 << 48) - 1)) << 80)


def id_of(at_ms: int, key: str) -> bytes:
    """The id of something that may be told more than once: the same moment and key, the same id."""
    digest = bytearray(hashlib.sha256(key.encode()).digest()[:10])
    digest[0] = digest[0] & 0x0F | 0x70
    digest[2] = digest[2] & 0x3F | 0x80
    return at_ms.to_bytes(6, "big") + bytes(digest)
