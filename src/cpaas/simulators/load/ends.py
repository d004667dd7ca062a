"""The carrier and the customer of a bench in one process of their own, whose CPU is counted apart.

It tells its ports on standard output, then answers the words `report` and `clear` on standard
input with one line each, and ends when its standard input does.
"""

import asyncio
import os
import sys
from typing import Any, Final

import msgspec

from cpaas.simulators.customer.sink import CustomerSink
from cpaas.simulators.load.tally import Tally
from cpaas.simulators.smsc import SimulatedSmsc, SmscSettings
from cpaas.simulators.smsc.receipts import Accepted
from cpaas.smpp.pdu import SubmitSm

RECEIPT_SECONDS: Final = 0.1
RECEIPTS_MAX: Final = 2_000_000


class Ports(msgspec.Struct, frozen=True):
    """Where the two listen."""

    smsc: int
    customer: int


class _Carrier(SimulatedSmsc):
    """A simulated SMSC that counts instead of keeping."""

    def __init__(self, tally: Tally, *, receipts: bool) -> None:
        super().__init__(
            SmscSettings(
                receipt_delay_seconds=RECEIPT_SECONDS,
                receipts_kept_max=RECEIPTS_MAX,
                messages_kept_max=0,
            )
        )
        self._tally = tally
        self._receipts = receipts

    def record(self, system_id: str, message_id: str, status: int, pdu: SubmitSm) -> None:
        """Counts what came."""
        if status == 0:
            self._tally.submit(pdu.destination_addr, pdu.short_message)

    def expect_receipts(self, batch: list[Accepted], seconds: float) -> None:
        """Sends receipts unless the bench wants none."""
        if self._receipts:
            super().expect_receipts(batch, seconds)


class _Customer(CustomerSink):
    """A webhook receiver that counts instead of keeping."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(kept_max=0)
        self._tally = tally

    def arrive(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Counts what came; all is well."""
        self._tally.event(body)
        return 200


async def serve(*, receipts: bool) -> None:
    """Runs both ends until standard input ends."""
    tally = Tally()
    carrier, customer = _Carrier(tally, receipts=receipts), _Customer(tally)
    ports = Ports(await carrier.start(), 0)
    await customer.start()
    try:
        _tell(Ports(ports.smsc, customer.port))
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb", buffering=0)
        )
        while word := (await reader.readline()).strip():
            if word == b"clear":
                tally.clear()
            _tell(tally.ends())
    finally:
        await customer.stop()
        await carrier.stop()


def _tell(value: Any) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(receipts="--no-receipts" not in sys.argv))
