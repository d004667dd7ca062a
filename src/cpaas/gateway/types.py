"""What the gateways of one process share, and what they need of settle."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec

from cpaas.channels.base import Tools
from cpaas.gateway.inbound import InboundKeeper
from cpaas.kit.clock import now_us
from cpaas.pipeline.load import RouteLoad
from cpaas.pipeline.types import Answer, Receipt
from cpaas.snapshot.types import Snapshot


class Settling(Protocol):
    """What the gateway needs of settle."""

    @property
    def answers_room(self) -> int:
        """How many more answers may come."""

    @property
    def full(self) -> bool:
        """Whether receipts must be refused."""

    def answers(self, answers: Sequence[Answer]) -> None:
        """Takes answers."""

    def receipts(self, receipts: Sequence[Receipt]) -> None:
        """Takes receipts."""


class Token(msgspec.Struct, frozen=True, eq=False):
    """Of which gateway a receipt came, and what its link calls it."""

    gateway: Any
    token: object


class Around(msgspec.Struct, frozen=True):
    """What all gateways of a process share.

    gate: takes out of a batch what may not go now, asked only where a channel needs it.
    """

    settler: Settling
    inbound: InboundKeeper
    load: RouteLoad
    snapshot: Callable[[], Snapshot]
    tools: Tools
    clock_us: Callable[[], int] = now_us
    clock: Callable[[], float] = time.monotonic
    gate: Callable[[Any], Awaitable[None]] | None = None
