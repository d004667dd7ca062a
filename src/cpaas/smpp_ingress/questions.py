"""query_sm and cancel_sm: what became of a message, and taking one back."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cpaas.messages.types import Finish
from cpaas.pipeline.transitions import Context, finish
from cpaas.smpp.pdu import CancelSm, CancelSmResp, QuerySm, QuerySmResp
from cpaas.smpp.receipt import FINAL_STATES, MessageState
from cpaas.smpp.status import CommandStatus as St
from cpaas.smpp.times import format_absolute
from cpaas.smpp_ingress import queries, receipts
from cpaas.snapshot.types import SmppCredential, Snapshot

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
        """Takes back a message that no carrier has yet; its price is refunded."""
        message_id = _id(pdu.message_id)
        done = False
        if message_id is not None:
            now_us = self._clock_us()
            asked = Finish(
                message_id, "CANCELLED", now_us, error_code="cancelled",
                error="Cancelled by its account.", refund="always", actor=f"smpp:{bound.id}",
            )  # fmt: skip
            context = Context(self._snapshot(), self._instance_id, now_us)
            async with self._pool.acquire() as connection, connection.transaction():
                if await queries.message_state(connection, bound.account_id, message_id):
                    done = bool(await finish(connection, context, [asked]))
        status = St.ESME_ROK if done else St.ESME_RCANCELFAIL
        return CancelSmResp(sequence=pdu.sequence, status=status)


def _id(text: str) -> bytes | None:
    try:
        return UUID(text).bytes
    except ValueError:
        return None
