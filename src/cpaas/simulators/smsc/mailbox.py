"""What waits to be delivered to one system_id, kept while none of its receivers is there.

It is bounded, and gives nothing up before the ESME has answered for it.
"""

import asyncio
from collections import deque
from typing import Any

from cpaas.simulators.smsc.stats import Stats
from cpaas.smpp.pdu import DeliverSm
from cpaas.smpp.server import Connection
from cpaas.smpp.status import CommandStatus

RETRY_SECONDS = 0.5
_TRY_AGAIN = frozenset(
    {CommandStatus.ESME_RX_T_APPN, CommandStatus.ESME_RMSGQFUL, CommandStatus.ESME_RTHROTTLED}
)


class Mailbox:
    """The deliver_sm queue of one system_id and the connections that may take from it."""

    def __init__(self, kept_max: int, stats: Stats) -> None:
        self.receivers: list[Connection] = []
        self._waiting: deque[DeliverSm] = deque()
        self._kept_max = kept_max
        self._stats = stats
        self._turn = 0
        self._retry: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, pdus: list[DeliverSm]) -> None:
        """Queue and send what there is room for."""
        room = self._kept_max - len(self._waiting)
        if room < len(pdus):
            self._stats.deliveries_discarded += len(pdus) - max(0, room)
            pdus = pdus[: max(0, room)]
        self._waiting.extend(pdus)
        self.pump()

    def pump(self) -> None:
        """Give each receiver in turn what its window has room for."""
        for _ in range(len(self.receivers)):
            if not self._waiting:
                return
            self._turn = (self._turn + 1) % len(self.receivers)
            connection = self.receivers[self._turn]
            count = min(connection.free, len(self._waiting))
            if count:
                batch = [self._waiting.popleft() for _ in range(count)]
                self._stats.deliveries_sent += count
                connection.deliver([(pdu, pdu) for pdu in batch])

    def answered(self, answers: list[tuple[Any, int, str]]) -> None:
        """Forget what was taken, keep what the ESME asks to have again."""
        again: list[DeliverSm] = []
        for pdu, status, _ in answers:
            if status == CommandStatus.ESME_ROK:
                self._stats.deliveries_answered += 1
            elif status in _TRY_AGAIN:
                again.append(pdu)
            else:
                self._stats.deliveries_refused += 1
        if again:
            self._waiting.extendleft(reversed(again))
            self._pump_later()
        elif self._retry is None:
            self.pump()

    def give_back(self, pdus: list[Any]) -> None:
        """Keep what was sent but never answered, ahead of the rest."""
        self._waiting.extendleft(reversed(pdus))
        if self.receivers:
            self._pump_later()

    def close(self) -> None:
        """Stop trying."""
        if self._retry is not None:
            self._retry.cancel()

    def _pump_later(self) -> None:
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self.pump()
