"""Puts the parts of long messages together; a part is kept before it is answered.

Many ESMEs wait for the answer to one part before they send the next, so parts cannot be held back
until the message is whole. All parts get the id of the whole message, which is accepted, charged
and reported as one when its last part is there.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from cpaas.kit.ids import new_id_bytes
from cpaas.kit.log import get_logger
from cpaas.pipeline.gather import Gatherer
from cpaas.smpp.codec import decode, encode
from cpaas.smpp.errors import SmppError
from cpaas.smpp.parts import Part, join_parts
from cpaas.smpp.pdu import DataSm, SubmitSm
from cpaas.smpp_ingress import queries, read
from cpaas.smpp_ingress.types import NewReceipt, PartRow

WAITING_MAX: Final = 10_000
#: how long the siblings of a part are waited for.
PATIENCE_SECONDS: Final = 600.0
KEPT_MAX: Final = 100_000
PartPdu = SubmitSm | DataSm
_log = get_logger(__name__)


class Key(NamedTuple):
    """What parts of one message have in common."""

    system_id: str
    source: str
    destination: str
    reference: int
    total: int


class LongMessage(msgspec.Struct):
    """The parts that are there. pdus: by number; the lowest tells sender and wishes."""

    key: Key
    account_id: int
    message_id: bytes
    since: float
    parts: dict[int, Part] = {}
    pdus: dict[int, PartPdu] = {}

    @property
    def whole(self) -> bool:
        """Whether no part is missing."""
        return len(self.parts) == self.key.total

    @property
    def text(self) -> str:
        """The text of all parts."""
        return join_parts(list(self.parts.values()))

    @property
    def first(self) -> PartPdu:
        """The part with the lowest number."""
        return self.pdus[min(self.pdus)]


class _Work(msgspec.Struct):
    """Parts to keep, a message to forget, receipts to make; one of them each."""

    part: PartRow | None = None
    forget: bytes = b""
    receipts: list[NewReceipt] = []
    done: Callable[[bool], None] | None = None


class LongMessages:
    """All messages of this process whose parts are still coming."""

    def __init__(
        self, pool: Any, *, lost: Callable[[LongMessage], list[NewReceipt]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._lost = lost
        self._clock = clock
        self._waiting: OrderedDict[Key, LongMessage] = OrderedDict()
        self._box: Gatherer[_Work] = Gatherer(
            pool, self._commit, self._spoiled, name="smpp_parts", capacity=WAITING_MAX,
            committed=self._committed,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether no further message can be begun."""
        return len(self._waiting) >= WAITING_MAX or not self._box.room

    async def load(self) -> None:
        """Takes up what a process before this one had kept."""
        async with self._pool.acquire() as connection:
            rows = await queries.all_parts(connection, KEPT_MAX)
        for row in rows:
            try:
                pdu = decode(row.pdu)
            except SmppError:
                continue
            if isinstance(pdu, (SubmitSm, DataSm)):
                self._put(row.account_id, row.system_id, pdu, read.part(pdu), row.message_id)

    def add(self, account_id: int, system_id: str, pdu: PartPdu, part: Part) -> LongMessage:
        """The message of a part, with the part in it."""
        return self._put(account_id, system_id, pdu, part, b"")

    def _put(
        self, account_id: int, system_id: str, pdu: PartPdu, part: Part, message_id: bytes
    ) -> LongMessage:
        key = Key(system_id, pdu.source_addr, pdu.destination_addr, part.reference or 0, part.total)
        found = self._waiting.get(key)
        if found is None:
            found = LongMessage(key, account_id, message_id or new_id_bytes(), self._clock())
            self._waiting[key] = found
        found.parts[part.number] = part
        found.pdus[part.number] = pdu
        return found

    def keep(self, message: LongMessage, number: int, done: Callable[[bool], None]) -> None:
        """Keeps a part; done is told whether it is kept."""
        row = PartRow(
            message.account_id, message.key.system_id, message.message_id, number,
            encode(message.pdus[number]),
        )  # fmt: skip
        self._box.put([_Work(part=row, done=done)])

    def close(self, message: LongMessage) -> None:
        """The message is whole and about to be accepted: a new one may take its reference."""
        if self._waiting.get(message.key) is message:
            del self._waiting[message.key]

    def forget(self, message: LongMessage, receipts: Sequence[NewReceipt] = ()) -> None:
        """Forgets the parts of a message that is accepted, or refused, which receipts tell."""
        self._box.put([_Work(forget=message.message_id, receipts=list(receipts))])

    def expire(self) -> int:
        """Gives up messages whose parts did not come; returns how many."""
        limit = self._clock() - PATIENCE_SECONDS
        late = [one for one in self._waiting.values() if one.since < limit]
        for message in late:
            self.close(message)
            self.forget(message, self._lost(message))
        return len(late)

    async def run(self) -> None:
        """Keeps and forgets for ever; cancel it after `drained`."""
        await self._box.run()

    async def drained(self) -> None:
        """Wait until everything is written."""
        await self._box.drained()

    async def _commit(self, connection: Any, work: list[_Work]) -> None:
        parts = [one.part for one in work if one.part is not None]
        forgotten = [one.forget for one in work if one.forget]
        receipts = [receipt for one in work for receipt in one.receipts]
        # What is told and what is forgotten belong together: a second try must tell nothing twice.
        async with connection.transaction():
            if parts:
                await queries.keep_parts(connection, parts)
            if receipts:
                await queries.keep_receipts(connection, receipts)
            if forgotten:
                await queries.forget_parts(connection, forgotten)

    def _committed(self, work: list[_Work]) -> None:
        for one in work:
            if one.done is not None:
                done, one.done = one.done, None
                done(True)

    async def _spoiled(self, work: _Work, error: Exception) -> None:
        _log.error("smpp_part_not_kept", error=repr(error))
        if work.done is not None:
            done, work.done = work.done, None
            done(False)
