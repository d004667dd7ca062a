"""Settle: carriers' answers and receipts become statuses, in batches, by two independent tasks.

Two tasks on two connections, because a receipt must not wait for a burst of answers; only one
whose answer is being committed here waits for it, so that an ordinary fast receipt finds its id.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from cpaas.messages import queries
from cpaas.messages.types import Note
from cpaas.pipeline import straight
from cpaas.pipeline.answers import clean, commit_answers
from cpaas.pipeline.gather import Gatherer
from cpaas.pipeline.receipts import Key, commit_receipts
from cpaas.pipeline.transitions import Context
from cpaas.pipeline.types import Answer, Receipt
from cpaas.snapshot.types import Snapshot

ANSWERS_MAX: Final = 20_000
RECEIPTS_MAX: Final = 5_000
#: a carrier that reconnects while the database is away sends again what we hold unanswered.
RECEIPTS_HELD_MAX: Final = 50_000
#: messages whose receipt is expected, held so that it need not ask the database for them.
EXPECTED_MAX: Final = 20_000


class Settler:
    """Takes answers and receipts from the gateway without blocking it, and commits them."""

    def __init__(
        self,
        pool: Any,
        snapshot: Callable[[], Snapshot],
        instance_id: int,
        clock_us: Callable[[], int],
        *,
        on_receipts_committed: Callable[[list[object]], None],
        receipts_max: int = RECEIPTS_MAX,
        receipts_held_max: int = RECEIPTS_HELD_MAX,
        answers_max: int = ANSWERS_MAX,
    ) -> None:
        self._pool = pool
        self._snapshot = snapshot
        self._instance_id = instance_id
        self._clock_us = clock_us
        self._on_receipts_committed = on_receipts_committed
        self._answers = Gatherer(
            pool, self._commit_answers, self._spoiled_answer, name="answers",
            capacity=answers_max, committed=self._answers_committed,
        )  # fmt: skip
        self._receipts = Gatherer(
            pool, self._commit_receipts, self._spoiled_receipt, name="receipts",
            capacity=receipts_max, committed=self._receipts_committed, paced=False,
        )  # fmt: skip
        self._uncommitted: dict[Key, int] = {}
        self._expected: dict[Key, Answer] = {}
        self._held: list[Receipt] = []
        self._receipts_held_max = receipts_held_max

    @property
    def room(self) -> int:
        """How many more receipts may be handed over now."""
        return max(0, self._receipts.room - len(self._held))

    @property
    def full(self) -> bool:
        """Whether receipts must be refused, for their carriers to send them again later."""
        return self._receipts.waiting + len(self._held) >= self._receipts_held_max

    @property
    def answers_room(self) -> int:
        """How many more answers may come: never claim more messages than this."""
        return self._answers.room

    def answers(self, answers: Sequence[Answer]) -> None:
        """Take answers; they are committed in order."""
        uncommitted = self._uncommitted
        for answer in answers:
            for key in _keys(answer):
                uncommitted[key] = uncommitted.get(key, 0) + 1
        self._answers.put(answers)

    def receipts(self, receipts: Sequence[Receipt]) -> None:
        """Take receipts; their tokens come back through on_receipts_committed."""
        ready: list[Receipt] = []
        for receipt in receipts:
            held = (receipt.provider_message_id, receipt.route_id) in self._uncommitted
            (self._held if held else ready).append(receipt)
        self._receipts.put(ready)

    async def run(self) -> None:
        """Commit for ever; cancel it after `drain`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._answers.run())
            tasks.create_task(self._receipts.run())

    async def drain(self) -> None:
        """Wait until everything taken is committed."""
        await self._answers.drained()
        await self._receipts.drained()

    def _context(self, counter: int = 0) -> Context:
        return Context(self._snapshot(), self._instance_id, self._clock_us(), counter)

    async def _commit_answers(self, connection: Any, answers: list[Answer]) -> None:
        context = self._context()
        left = await straight.submit(connection, context, answers)
        if left:
            async with connection.transaction():
                await commit_answers(connection, context, left)

    async def _commit_receipts(self, connection: Any, receipts: list[Receipt]) -> None:
        context = self._context(-self._instance_id)
        left = await straight.deliver(connection, context, receipts, self._expected)
        if left:
            async with connection.transaction():
                await commit_receipts(connection, context, left, self._expected)

    def _receipts_committed(self, receipts: list[Receipt]) -> None:
        for receipt in receipts:
            if receipt.state != "ENROUTE":
                self._expected.pop((receipt.provider_message_id, receipt.route_id), None)
        self._on_receipts_committed([r.token for r in receipts if r.token is not None])

    def _answers_committed(self, answers: list[Answer]) -> None:
        uncommitted, expected = self._uncommitted, self._expected
        for answer in answers:
            keys = _keys(answer)
            for key in keys:
                left = uncommitted.get(key, 0) - 1
                if left > 0:
                    uncommitted[key] = left
                else:
                    uncommitted.pop(key, None)
            if answer.error is None and len(answer.provider_ids) == 1 and keys:
                # Carriers use ids again after a while: the newest message has it.
                expected[keys[0]] = answer
        while len(expected) > EXPECTED_MAX:
            del expected[next(iter(expected))]
        if self._held:
            held, self._held = self._held, []
            self.receipts(held)

    async def _spoiled_answer(self, answer: Answer, error: Exception) -> None:
        """The answer cannot be stored: to recovery its outcome is unknown."""
        text = "The carrier's answer could not be stored."
        note = Note(
            answer.message.id, answer.envelope.account_id, self._clock_us(), "unknown_outcome",
            text, answer.message.attempt, answer.route_id, details={"fault": clean(repr(error))},
        )  # fmt: skip
        async with self._pool.acquire() as connection:
            await queries.note(connection, [note])

    async def _spoiled_receipt(self, receipt: Receipt, error: Exception) -> None:
        """The receipt cannot be stored; the log has it, and its carrier must not repeat it."""


def _keys(answer: Answer) -> list[Key]:
    return [(one, answer.route_id) for one in answer.provider_ids if one]
