"""Accepts messages by group commit: while one commit is under way, the next requests gather.

No timer and one commit in flight: alone, a request is committed at once; under load a commit
carries hundreds. A request joins only when nothing about it can fail but money and the database.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import asyncpg

from cpaas.db.trouble import AWAY, is_passing
from cpaas.kit.clock import now_us
from cpaas.kit.log import get_logger
from cpaas.kit.money import show
from cpaas.pipeline import accept_queries as queries
from cpaas.pipeline import low_balance
from cpaas.pipeline.accept_batch import Batch
from cpaas.pipeline.accept_within import look_for_blocked
from cpaas.pipeline.admission import (
    DEFAULT_ZONE,
    QUEUE_ITEMS_MAX,
    WAITING_BYTES_MAX,
    Admission,
)
from cpaas.pipeline.drafts import Outcome, Replay, Submission
from cpaas.pipeline.lost import resolve
from cpaas.pipeline.refusals import RefusedError
from cpaas.snapshot.types import Snapshot
from cpaas.webhooks.events import uuid_text

BATCH_MESSAGES_MAX: Final = 500
RESOLVE_SECONDS_MAX: Final = 5.0
RETRY_SECONDS: Final = 0.1
#: when to come again while the database's disk is full.
FULL_SECONDS: Final = 30
CONFLICT_TRIES_MAX: Final = 10
SAMPLE_SECONDS: Final = 1.0
COUNT_SECONDS: Final = 5.0
SWEEP_SECONDS: Final = 60.0
SWEPT_AT_ONCE: Final = 10_000
_CONFLICTS: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    # Another process stored the same Idempotency-Key since it was looked up.
    asyncpg.UniqueViolationError,
)
_log = get_logger(__name__)


class Snapshots(Protocol):
    """Where the configuration of now is found."""

    @property
    def current(self) -> Snapshot:
        """The newest snapshot."""


class Acceptor:
    """Stores, charges and queues submissions. Start `run`; end it by `drain`, then cancel."""

    def __init__(
        self,
        pool: Any,
        snapshots: Snapshots,
        instance_id: int,
        *,
        clock_us: Callable[[], int] = now_us,
        monotonic: Callable[[], float] = time.monotonic,
        resolve_seconds: float = RESOLVE_SECONDS_MAX,
        queue_items_max: int = QUEUE_ITEMS_MAX,
        waiting_bytes_max: int = WAITING_BYTES_MAX,
    ) -> None:
        self._pool = pool
        self._snapshots = snapshots
        self._instance_id = instance_id
        self._clock_us = clock_us
        self._monotonic = monotonic
        self._resolve_seconds = resolve_seconds
        self.admission = Admission(
            instance_id, clock_us, queue_items_max=queue_items_max,
            waiting_bytes_max=waiting_bytes_max,
        )  # fmt: skip
        self._waiting: deque[Submission] = deque()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """Messages that gathered for the next commits."""
        return self.admission.messages

    def put(self, submission: Submission) -> None:
        """Join the next commit; done is called later. Errors: RefusedError, at once."""
        self.admission.enter(submission, self._snapshots.current)
        self._waiting.append(submission)
        self._idle.clear()
        self._arrived.set()

    async def accept(self, submission: Submission) -> Outcome:
        """Join the next commit and wait for the outcome, for callers that are tasks anyway."""
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        submission.done = lambda outcome: None if ended.done() else ended.set_result(outcome)
        self.put(submission)
        return await ended

    async def run(self) -> None:
        """Commit for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._commits())
            tasks.create_task(self._sample())

    async def drain(self, seconds: float) -> None:
        """Wait until all that gathered has its outcome; answer 503 to what is left then."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            left, self._waiting = list(self._waiting), deque()
            for submission in left:
                self._finish(submission, RefusedError("unavailable", "Shutting down."))

    async def _commits(self) -> None:
        while True:
            await self._arrived.wait()
            batch = self._take()
            try:
                await self._commit(batch)
            except Exception:  # noqa: BLE001 - one batch must never end all accepting
                _log.exception("accept_failed", submissions=len(batch))
                self._finish_rest(batch, RefusedError("internal_error", "Please report this."))
            if not self._waiting:
                self._arrived.clear()
                self._idle.set()

    def _take(self) -> list[Submission]:
        """The next batch: what gathered, up to 500 messages; a longer list goes alone."""
        batch: list[Submission] = []
        room = BATCH_MESSAGES_MAX
        while self._waiting and (not batch or len(self._waiting[0].messages) <= room):
            submission = self._waiting.popleft()
            room -= len(submission.messages)
            batch.append(submission)
        self.admission.taken(BATCH_MESSAGES_MAX - room)
        return batch

    def _finish(self, submission: Submission, outcome: Outcome) -> None:
        done, submission.done = submission.done, _done_already
        if done is _done_already:
            return
        self.admission.leave(submission, outcome)
        try:
            done(outcome)
        except Exception:  # noqa: BLE001 - a caller that is gone must not disturb the others
            _log.exception("accept_answer_failed")

    def _finish_rest(self, batch: list[Submission], outcome: Outcome) -> None:
        for submission in batch:
            self._finish(submission, outcome)

    async def _commit(self, batch: list[Submission]) -> None:
        """Settle every submission, halving a batch whose data the database cannot take."""
        stack = [batch]
        while stack:
            part = stack.pop()
            error = await self._store(part)
            if error is None:
                continue
            left = [one for one in part if one.done is not _done_already]
            if len(left) > 1:
                middle = len(left) // 2
                stack += [left[middle:], left[:middle]]
            elif left:
                _log.error("accept_refused_by_database", error=repr(error))
                self._finish(left[0], RefusedError("internal_error", "Please report this."))

    async def _store(self, part: list[Submission]) -> Exception | None:
        """None once all have their outcome; else the error that lies in the data."""
        deadline = self._monotonic() + self._resolve_seconds
        conflicts = 0
        while part := [one for one in part if one.done is not _done_already]:
            sent: list[int] = []
            try:
                async with self._pool.acquire(timeout=self._left(deadline)) as connection:
                    await self._try(connection, part, sent)
                continue
            except Exception as error:  # noqa: BLE001 - sorted by kind just below
                conflicts += isinstance(error, _CONFLICTS)
                if isinstance(error, _CONFLICTS) and conflicts < CONFLICT_TRIES_MAX:
                    continue
                if isinstance(error, asyncpg.DiskFullError):
                    self._finish_rest(part, _full(error))
                    continue
                if not is_passing(error):
                    return error
                _log.warning("accept_waits_for_the_database", error=repr(error))
            if sent:
                await self._resolve(sent[0], part)
            elif self._monotonic() >= deadline:
                refusal = RefusedError(
                    "unavailable", "The database cannot be reached; nothing was stored.",
                    retry_after=5,
                )  # fmt: skip
                self._finish_rest(part, refusal)
            else:
                await asyncio.sleep(RETRY_SECONDS)
        return None

    def _left(self, deadline: float) -> float:
        return max(0.1, deadline - self._monotonic())

    async def _try(self, connection: Any, part: list[Submission], sent: list[int]) -> None:
        """One look-up and one commit; then wallets that could not pay for all, one by one.

        sent: gets the server's process id while it may have committed without our knowing.
        """
        part = await self._look(connection, part)
        if not part:
            return
        pid = connection.get_server_pid()
        columns = self._columns(part)
        sent.append(pid)
        unpaid, lows = await queries.store(connection, columns)
        sent.clear()
        for submission in part:
            if submission.author.account_id not in unpaid:
                self._finish(submission, None)
        for account_id in sorted(unpaid):
            poor = [one for one in part if one.author.account_id == account_id]
            lows += await self._one_by_one(connection, account_id, poor, sent)
        if lows:
            await low_balance.tell(connection, self._snapshots.current, lows, self._clock_us())

    def _columns(self, part: list[Submission]) -> list[Any]:
        batch = Batch(self._snapshots.current, self._instance_id, self._clock_us())
        for submission in part:
            batch.add(submission)
        return batch.columns()

    async def _one_by_one(
        self, connection: Any, account_id: int, poor: list[Submission], sent: list[int]
    ) -> list[tuple[int, int, int]]:
        """In order of arrival, under the wallet's lock, as far as the money goes.

        Returns the balance if it fell below its mark, as `queries.store` does.
        """
        lows: list[tuple[int, int, int]] = []
        fitting: list[Submission] = []
        refused: list[Submission] = []
        async with connection.transaction():
            balance, left = await queries.lock_wallet(connection, account_id)
            for submission in poor:
                cost = submission.cost_micro
                if cost <= max(left, 0) or not cost:
                    left -= cost
                    fitting.append(submission)
                else:
                    refused.append(submission)
            if fitting:
                columns = self._columns(fitting)
                sent.append(connection.get_server_pid())
                unpaid, lows = await queries.store(connection, columns)
                if unpaid:
                    raise AssertionError("a locked wallet lost money")
        sent.clear()
        self._finish_rest(fitting, None)
        for submission in refused:
            self._finish(submission, _too_poor(submission, balance))
        return lows

    async def _look(self, connection: Any, part: list[Submission]) -> list[Submission]:
        """Ask the blacklist and the Idempotency-Keys for the whole batch; returns who goes on."""
        await look_for_blocked(connection, self._snapshots.current, part)
        keyed = {
            (one.author.account_id, one.idempotency.key): one
            for one in part
            if one.idempotency is not None
        }
        if not keyed:
            return part
        accounts = sorted({account_id for account_id, _ in keyed})
        keys = sorted({key for _, key in keyed})
        expired = False
        for row in await queries.answered(connection, accounts, keys):
            submission = keyed.get((row[0], row[1]))
            if row[5]:
                expired = True
            elif submission is not None and submission.idempotency is not None:
                self._finish(submission, _replay(submission.idempotency.body_hash, row))
        if expired:
            await queries.forget_keys(connection, accounts, keys)
        return [one for one in part if one.done is not _done_already]

    async def _resolve(self, pid: int, part: list[Submission]) -> None:
        """The commit's answer was lost: tell each submission the truth, or that it is unknown."""
        deadline = self._monotonic() + self._resolve_seconds
        found = await resolve(
            self._pool, pid, [one.messages[0].id for one in part],
            deadline=deadline, monotonic=self._monotonic,
        )  # fmt: skip
        for submission in part:
            if found is None:
                self._finish(submission, _unknown(submission))
            elif submission.messages[0].id in found:
                self._finish(submission, None)

    async def _sample(self) -> None:
        """Looks at the queues' size and the days' counts; deletes old keys every minute."""
        swept_at, counted_at = self._monotonic(), float("-inf")
        while True:
            try:
                self.admission.queue_items = await queries.queue_items(self._pool)
                if self.admission.caps.stale or self._monotonic() - counted_at >= COUNT_SECONDS:
                    counted_at = self._monotonic()
                    await self._count_days()
                if self._monotonic() - swept_at > SWEEP_SECONDS:
                    swept_at = self._monotonic()
                    await queries.sweep_keys(self._pool, SWEPT_AT_ONCE)
            except AWAY as error:
                _log.warning("queue_depth_unknown", reason=repr(error))
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _count_days(self) -> None:
        snapshot = self._snapshots.current
        zone = str(snapshot.settings.get("timezone", DEFAULT_ZONE))
        caps = self.admission.caps
        await caps.refresh(self._pool, snapshot.accounts.values(), self._clock_us(), zone)


def _done_already(_outcome: Outcome) -> None:
    return None


def _replay(body_hash: bytes, row: Any) -> Outcome:
    if bytes(row[2]) == body_hash:
        return Replay(row[3], bytes(row[4]))
    return RefusedError(
        "idempotency_key_reused",
        "This Idempotency-Key was used for a request with another body within 24 hours.",
    )


def _unknown(submission: Submission) -> RefusedError:
    return RefusedError(
        "outcome_unknown",
        "The database did not say whether this was stored. Look the ids up, or send the request"
        " again with the same Idempotency-Key.",
        ids=tuple(uuid_text(message.id) for message in submission.messages),
        retry_after=5,
    )


def _full(error: Exception) -> RefusedError:
    _log.error("database_storage_full", error=repr(error))
    return RefusedError(
        "storage_full", "The database has no room left; nothing was stored.",
        retry_after=FULL_SECONDS,
    )  # fmt: skip


def _too_poor(submission: Submission, balance: int) -> RefusedError:
    return RefusedError(
        "insufficient_balance",
        f"This costs {show(submission.cost_micro)}, the balance is {show(balance)}.",
    )
