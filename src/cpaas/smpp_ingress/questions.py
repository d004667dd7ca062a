"""query_sm and cancel_sm: what became of a message, and taking one back."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cpaas.pipeline.cancel import TooLateError, cancel
from cpaas.pipeline.transitions import Context
from cpaas.smpp.pdu import CancelSm, CancelSmResp, QuerySm, QuerySmResp
from cpaas.smpp.receipt import FINAL_STATES, MessageState
from cpaas.smpp.status import CommandStatus as St
from cpaas.smpp.times import format_absolute
from cpaas.smpp_ingress import queries, receipts
from cpaas.smpp_ingress.read import lane
from cpaas.snapshot.types import SmppCredential, Snapshot

#: of what waits between two addresses, the oldest.
CANCELLED_AT_ONCE: Final = 1_000
_SECOND_US: Final = 1_000_000


class Questions:
    """Answers from the database, one question at a time for each bind."""

    def __init__(
        self, pool: Any, snapshot: Callable[[], Snapshot], instance_id: int,
        clock_us: Callable[[], int],
    ) -> None:  # fmt: skip
        self._pool = pool
        self._snapshot = snapshot
        self._instance_id = instance_id
        self._clock_us = clock_us

    async def query(self, bound: SmppCredential, pdu: QuerySm) -> QuerySmResp:
        """The state of one of the account's messages."""
        found = None
        message_id = _id(pdu.message_id)
        if message_id is not None:
            found = await queries.message_state(self._pool, bound.account_id, message_id)
        if found is None:
            return QuerySmResp(sequence=pdu.sequence, status=St.ESME_RQUERYFAIL)
        state = receipts.STATES.get(found.status, MessageState.UNKNOWN)
        final = ""
        if found.final_us is not None and state in FINAL_STATES:
            final = format_absolute(datetime.fromtimestamp(found.final_us / _SECOND_US, UTC))
        return QuerySmResp(pdu.message_id, final, int(state), 0, sequence=pdu.sequence)

    async def cancel(self, bound: SmppCredential, pdu: CancelSm) -> CancelSmResp:
        """Takes back what no carrier has yet, by id or by addresses; its price is refunded."""
        context = Context(self._snapshot(), self._instance_id, self._clock_us())
        done = False
        for message_id in await _meant(self._pool, bound, pdu):
            try:
                done |= await cancel(self._pool, context, message_id, actor=f"smpp:{bound.id}")
            except TooLateError:
                continue
        status = St.ESME_ROK if done else St.ESME_RCANCELFAIL
        return CancelSmResp(sequence=pdu.sequence, status=status)


async def _meant(connection: Any, bound: SmppCredential, pdu: CancelSm) -> list[bytes]:
    """The account's messages that a cancel_sm names; without an id, those between its addresses."""
    if pdu.message_id:
        message_id = _id(pdu.message_id)
        if message_id is None:
            return []
        found = await queries.message_state(connection, bound.account_id, message_id)
        return [] if found is None else [message_id]
    if not pdu.source_addr or not pdu.destination_addr:
        return []
    return await queries.waiting_between(
        connection, bound.account_id, pdu.source_addr, f"+{pdu.destination_addr.lstrip('+')}",
        lane=lane(pdu.service_type) if pdu.service_type else "", most=CANCELLED_AT_ONCE,
    )  # fmt: skip


def _id(text: str) -> bytes | None:
    try:
        return UUID(text).bytes
    except ValueError:
        return None
