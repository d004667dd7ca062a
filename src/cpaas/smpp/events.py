"""What a session is given and gives back: its limits, and the outcome of a read and of a tick.

Plain data, so that a shell of any kind (asyncio, a test, a fuzzer) can act on it.
"""

from typing import Any

import msgspec

from cpaas.smpp.layout import Pdu
from cpaas.smpp.pdu import BindRequest, BindResponse

Answer = tuple[Any, int, str]


class Limits(msgspec.Struct, frozen=True):
    """The window and the timers of one link; 0 switches `inactivity_seconds` off."""

    window: int = 100
    enquire_link_seconds: float = 30.0
    response_timeout_seconds: float = 60.0
    bind_timeout_seconds: float = 10.0
    inactivity_seconds: float = 0.0


class Received(msgspec.Struct):
    """What one read contained: write `replies`, hand the lists over, then obey `close_reason`."""

    answers: list[Answer] = []
    requests: list[Pdu] = []
    replies: list[bytes] = []
    bind: BindRequest | None = None
    bind_answer: BindResponse | None = None
    close_reason: str = ""


class Tick(msgspec.Struct):
    """What the clock demands: bytes to write, tags given up on, a reason to close."""

    data: bytes = b""
    timed_out: list[Any] = []
    close_reason: str = ""
