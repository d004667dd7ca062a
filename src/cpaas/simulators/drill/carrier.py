"""The drill's carrier: a simulated SMSC with a journal, which a SIGKILL does not make forget.

Like a carrier's, its store is durable: what it took before it was killed gets its receipt after
it came back, and a receipt is told again until its deliver_sm was answered.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from cpaas.simulators.drill.journal import Journal, lines
from cpaas.simulators.smsc import SimulatedSmsc, SmscSettings
from cpaas.simulators.smsc.mailbox import Mailbox
from cpaas.simulators.smsc.receipts import Accepted
from cpaas.smpp.parts import read_part
from cpaas.smpp.pdu import DeliverSm, SubmitSm
from cpaas.smpp.receipt import MessageState
from cpaas.smpp.status import CommandStatus

ANSWER_SECONDS: Final = 0.02
RECEIPT_SECONDS: Final = 0.2
RECEIPTS_MAX: Final = 2_000_000
#: of all messages; the others are delivered.
RECEIPT_MIX: Final = {"UNDELIV": 0.03, "EXPIRED": 0.01, "REJECTD": 0.01}


class Took(msgspec.Struct, tag="took", omit_defaults=True):
    """A submit_sm that was accepted. part and total: 1 and 1 for a short message."""

    id: str
    system_id: str
    source: str
    destination: str
    part: int = 1
    total: int = 1
    source_ton: int = 0
    source_npi: int = 0
    dest_ton: int = 0
    dest_npi: int = 0
    receipt: bool = True


class Ended(msgspec.Struct, tag="ended"):
    """How a message ended, when it was not delivered; its receipt says so."""

    id: str
    state: str
    error: str


class Told(msgspec.Struct, tag="told"):
    """A receipt whose deliver_sm was answered with ESME_ROK."""

    id: str


Line = Took | Ended | Told


class _Mailbox(Mailbox):
    """Writes down which receipts were taken."""

    def __init__(self, kept_max: int, smsc: "Carrier") -> None:
        super().__init__(kept_max, smsc.stats)
        self._journal = smsc.journal

    def answered(self, answers: list[tuple[Any, int, str]]) -> None:
        """Note what needs not be told again."""
        for pdu, status, _ in answers:
            if status == CommandStatus.ESME_ROK and isinstance(pdu, DeliverSm):
                self._journal.write(Told(_receipt_id(pdu)))
        super().answered(answers)


class Carrier(SimulatedSmsc):
    """A simulated SMSC that goes on where its journal ends."""

    def __init__(self, port: int, path: Path, seed: int) -> None:
        before: list[Line] = list(lines(path, Line))
        super().__init__(
            SmscSettings(
                port=port, answer_delay_seconds=ANSWER_SECONDS,
                receipt_delay_seconds=RECEIPT_SECONDS, receipts_kept_max=RECEIPTS_MAX,
                messages_kept_max=0, receipt_mix=RECEIPT_MIX, seed=seed + len(before),
            )
        )  # fmt: skip
        self.journal: Journal[Any] = Journal(path)
        self._last_id = max((int(one.id) for one in before), default=0)
        self._owed = _owed(before)

    async def start(self) -> int:
        """Listen, and tell what is still to be told."""
        port = await super().start()
        self.expect_receipts(self._owed, RECEIPT_SECONDS)
        self._owed = []
        return port

    def new_mailbox(self) -> Mailbox:
        """Make one that writes down what was taken."""
        return _Mailbox(self.settings.receipts_kept_max, self)

    def record(self, system_id: str, message_id: str, status: int, pdu: SubmitSm) -> None:
        """Write down what was accepted, before it is answered."""
        if status:
            return
        part = read_part(pdu)
        self.journal.write(
            Took(
                message_id, system_id, pdu.source_addr, pdu.destination_addr, part.number,
                part.total, pdu.source_addr_ton, pdu.source_addr_npi, pdu.dest_addr_ton,
                pdu.dest_addr_npi, bool(pdu.registered_delivery & 3),
            )
        )  # fmt: skip

    def expect_receipts(self, batch: list[Accepted], seconds: float) -> None:
        """Write down how they end, then tell it when it is time."""
        for one in batch:
            if one.state is not MessageState.DELIVRD:
                self.journal.write(Ended(one.message_id, one.state.name, one.err))
        super().expect_receipts(batch, seconds)


def _receipt_id(pdu: DeliverSm) -> str:
    return pdu.short_message.partition(b"id:")[2].partition(b" ")[0].decode()


def _owed(before: list[Line]) -> list[Accepted]:
    """The receipts that nobody has taken yet, in the order of their messages."""
    ended = {one.id: one for one in before if isinstance(one, Ended)}
    told = {one.id for one in before if isinstance(one, Told)}
    owed = []
    for one in before:
        if not isinstance(one, Took) or not one.receipt or one.id in told:
            continue
        end = ended.get(one.id)
        state = MessageState[end.state] if end else MessageState.DELIVRD
        owed.append(
            Accepted(
                one.system_id, one.id, one.id, state, end.error if end else "000", 0,
                one.source_ton, one.source_npi, one.source, one.dest_ton, one.dest_npi,
                one.destination,
            )
        )  # fmt: skip
    return owed


async def serve(port: int, path: Path, seed: int) -> None:
    """Runs until standard input ends or somebody kills it."""
    carrier = Carrier(port, path, seed)
    await carrier.start()
    sys.stdout.write("up\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)
    await carrier.stop()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
