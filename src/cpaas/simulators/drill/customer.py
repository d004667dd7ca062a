"""The drill's webhook receiver: writes each event down before it answers, and can be killed."""

import asyncio
import sys
from pathlib import Path

import msgspec

from cpaas.simulators.customer.sink import CustomerSink
from cpaas.simulators.drill.journal import Journal


class Got(msgspec.Struct, omit_defaults=True):
    """One event as it came. id: the webhook-id, the same each time an event is told again."""

    id: str
    type: str
    message: str = ""
    status: str = ""
    price: str = ""


class _Data(msgspec.Struct):
    id: str = ""
    status: str = ""
    price: str = ""


class _Event(msgspec.Struct):
    type: str
    data: _Data


class Customer(CustomerSink):
    """A receiver with a journal."""

    def __init__(self, path: Path) -> None:
        super().__init__(kept_max=0)
        self._journal: Journal[Got] = Journal(path)
        self._decode = msgspec.json.Decoder(_Event).decode

    def arrive(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Write it down, then say that it is here."""
        try:
            event = self._decode(body)
        except msgspec.DecodeError:
            self._journal.write(Got(headers.get("webhook-id", ""), "unreadable"))
            return 200
        data = event.data
        self._journal.write(
            Got(headers.get("webhook-id", ""), event.type, data.id, data.status, data.price)
        )
        return 200


async def serve(port: int, path: Path) -> None:
    """Runs until standard input ends or somebody kills it."""
    customer = Customer(path)
    await customer.start(port=port)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)
    await customer.stop()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
