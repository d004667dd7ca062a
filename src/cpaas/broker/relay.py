"""A consumer whose items travel through a broker: picked, relayed, delivered, claimed.

What a take asks for is picked from the rows of PostgreSQL with lanes and fair share as ever, marked
as relayed, and published as one message; what is delivered, here or in another process, is claimed
in its row before it is worked, so that a message that comes twice, or late, is dropped. While the
broker is away, slow or without the queue, takes go past it: then nothing waits for it.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from cpaas.broker import relay_queries as queries
from cpaas.broker.amqp import TROUBLE, Link, Session
from cpaas.broker.bundle import EMPTY, Carried, UnreadableBundleError, grouped, pack, unpack
from cpaas.broker.embedded import EmbeddedConsumer
from cpaas.config import QueueType
from cpaas.db.trouble import AWAY
from cpaas.kit.log import get_logger

#: what was delivered and fits no take goes back after this; far below any consumer timeout.
LINGER_SECONDS: Final = 5.0
TEND_SECONDS: Final = 1.0
#: a broker that has not confirmed by then is passed by for a while.
CONFIRM_SECONDS: Final = 2.0
AVOID_SECONDS: Final = 5.0
#: after the confirm: what has not come here by then went to another process.
ELSEWHERE_SECONDS: Final = 0.02
OPEN_WAIT_SECONDS: Final = 2.0
#: takes that found only what others had by now.
STALE_MAX: Final = 8
_log = get_logger(__name__)


class _Waiting(msgspec.Struct):
    """An item that was delivered and not yet claimed."""

    item: Carried
    relayed_us: int
    session: Session
    tag: int
    since: float


class RelayConsumer(EmbeddedConsumer):
    """Takes items of one queue through RabbitMQ."""

    def __init__(
        self, pool: Any, queue: str, instance_id: int, *, link: Link, queue_type: QueueType,
        **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(pool, queue, instance_id, **more)
        self.fault = ""
        #: items that came through the broker, and that were taken past it.
        self.relayed = 0
        self.passed_by = 0
        self._link = link
        self._queue_type = queue_type
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        self.paused = False
        self._avoid_until = 0.0
        self._lock = asyncio.Lock()
        self._waiting: dict[int, _Waiting] = {}
        #: items of each delivered message that are not claimed or given back yet.
        self._open: dict[int, set[int]] = {}
        #: what we relayed and have not seen again, and since when.
        self._out: dict[int, float] = {}
        self._missing: set[int] = set()
        self._returned: asyncio.Future[bool] | None = None
        self._sending: set[asyncio.Task[None]] = set()

    # What the owner calls

    @property
    def gone(self) -> bool:
        """Whether it was closed and has given everything back."""
        return self.paused and self._task is None and (not self._ending or self._ending.done())

    @property
    def carried(self) -> bool:
        """Whether takes go through the broker now."""
        return self._session is not None and not self.paused

    @property
    def unacknowledged(self) -> int:
        """Messages that were delivered and are not done with."""
        return len(self._open)

    def pause(self) -> None:
        """What lies here goes back; takes go past the broker until `resume`."""
        self.paused = True
        if self._task is not None:
            self._task.cancel()
            self._ending, self._task = self._task, None

    def resume(self) -> None:
        """Consumes again."""
        self.paused = False
        self._begin()

    def close(self) -> None:
        """Takes no more; what lies here untaken goes back."""
        super().close()
        self.pause()

    async def closed(self) -> None:
        """Returns when what `close` began has ended."""
        if self._ending is not None:
            await asyncio.gather(self._ending, return_exceptions=True)

    # Taking

    async def _lease(
        self, most: int, lanes: Sequence[int], not_accounts: Sequence[int]
    ) -> Sequence[Sequence[Any]]:
        async with self._lock:
            session = await self._standing()
            for _ in range(STALE_MAX if session is not None else 0):
                assert session is not None  # noqa: S101 - the range says so
                found, share = await self._gather(session, most, lanes, not_accounts)
                if found is None:
                    break
                rows = await self._claim(found, share)
                if rows or not found:
                    return rows
            direct = await super()._lease(most, lanes, not_accounts)
            self.passed_by += len(direct)
            return direct

    async def _standing(self) -> Session | None:
        """The session, if the broker is to be used now."""
        if self.paused or asyncio.get_running_loop().time() < self._avoid_until:
            return None
        self._begin()
        if self._session is None and self._link.up:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(OPEN_WAIT_SECONDS):
                    await self._opened.wait()
        return self._session

    def _begin(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._keep(self._ending), name=f"consume {self.queue}")

    async def _gather(
        self, session: Session, most: int, lanes: Sequence[int], not_accounts: Sequence[int]
    ) -> tuple[list[_Waiting] | None, int]:
        """What lies here and fits, and as much more as is ready; None: not through this broker."""
        found = self._fitting(most, lanes, not_accounts)
        if len(found) >= most:
            return found, 0
        relayed_us = time.time_ns() // 1000
        async with self._pool.acquire() as connection:
            rows = await queries.relay(
                connection, self.queue, list(lanes), [self._after[lane] for lane in lanes],
                most - len(found), not_accounts=not_accounts,
                instance_id=self._instance_id, relayed_us=relayed_us,
            )  # fmt: skip
        if not rows:
            return found, most + 1
        if not await self._send(session, rows, relayed_us):
            return None, 0
        found = self._fitting(most, lanes, not_accounts)
        return found, 0 if self._missing else rows[0][-1]

    def _fitting(
        self, most: int, lanes: Sequence[int], not_accounts: Sequence[int]
    ) -> list[_Waiting]:
        passed_over = set(not_accounts)
        found: list[_Waiting] = []
        for one in self._waiting.values():
            if len(found) == most:
                break
            if one.item.lane in lanes and one.item.account_id not in passed_over:
                found.append(one)
        return found

    async def _send(self, session: Session, rows: Sequence[Sequence[Any]], relayed_us: int) -> bool:
        """Publishes rows and waits until they are here; False: the broker cannot be used."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._out.update((row[0], now) for row in rows)
        self._missing = {row[0] for row in rows}
        self._returned = returned = loop.create_future()
        unconfirmed = 0

        def confirmed(task: asyncio.Task[None]) -> None:
            nonlocal unconfirmed
            unconfirmed -= 1
            self._sending.discard(task)
            if task.cancelled() or task.exception() is not None:
                self._settle(returned, good=False)
            elif not unconfirmed:
                loop.call_later(ELSEWHERE_SECONDS, lambda: self._settle(returned, good=True))

        for group in grouped(rows):
            task = asyncio.create_task(session.publish(pack(group, relayed_us)))
            unconfirmed += 1
            self._sending.add(task)
            task.add_done_callback(confirmed)
        timer = loop.call_later(CONFIRM_SECONDS, lambda: self._settle(returned, good=False))
        try:
            good: bool = await returned
        finally:
            timer.cancel()
            self._returned = None
        if not good:
            await self._avoid(session)
        return good

    @staticmethod
    def _settle(returned: "asyncio.Future[bool]", *, good: bool) -> None:
        if not returned.done():
            returned.set_result(good)

    async def _avoid(self, session: Session) -> None:
        """Passes the broker by for a while, and begins anew with it then."""
        _log.warning("broker_passed_by", queue=self.queue)
        self._avoid_until = asyncio.get_running_loop().time() + AVOID_SECONDS
        session.ended.set()
        await self._give_back(list(self._out))

    async def _claim(self, found: Sequence[_Waiting], share: int) -> list[Sequence[Any]]:
        if not found:
            return []
        async with self._pool.acquire() as connection:
            tries = await queries.claim(
                connection, self.queue, [one.item.id for one in found],
                list({one.relayed_us for one in found}),
                lease_seconds=self._lease_seconds, instance_id=self._instance_id,
            )  # fmt: skip
        rows: list[Sequence[Any]] = []
        for one in found:
            item = one.item
            if item.id in tries:
                rows.append(
                    (item.id, self.queue, item.lane, item.account_id, item.messages,
                     tries[item.id], item.payload, share)
                )  # fmt: skip
        self.relayed += len(rows)
        self._done([one.item.id for one in found])
        return rows

    def _done(self, ids: Iterable[int]) -> None:
        """Forgets delivered items, and acknowledges messages of which none is left."""
        for item_id in ids:
            self._out.pop(item_id, None)
            one = self._waiting.pop(item_id, None)
            left = None if one is None else self._open.get(one.tag)
            if one is None or left is None:
                continue
            left.discard(item_id)
            if not left:
                del self._open[one.tag]
                one.session.acknowledge(one.tag)

    # The session

    def _delivered(self, session: Session, tag: int, body: bytes) -> None:
        try:
            bundle = unpack(body)
        except UnreadableBundleError as error:
            _log.error("unreadable_bundle", queue=self.queue, error=str(error))
            bundle = EMPTY
        now = asyncio.get_running_loop().time()
        # Of an item that comes twice the newer is right; of the same the first is kept.
        fresh = {
            item.id: _Waiting(item, bundle.relayed_us, session, tag, now)
            for item in bundle.items
            if item.id not in self._waiting or self._waiting[item.id].relayed_us < bundle.relayed_us
        }
        self._missing.difference_update(item.id for item in bundle.items)
        if fresh:
            self._done([key for key in fresh if key in self._waiting])
            self._waiting.update(fresh)
            self._open[tag] = set(fresh)
        else:
            session.acknowledge(tag)
        if self._returned is None:
            self.wake()
        elif not self._missing:
            self._settle(self._returned, good=True)

    async def _keep(self, before: "asyncio.Task[None] | None") -> None:
        """Holds a session while the broker is there, and tends what lies here."""
        if before is not None:
            await asyncio.wait([before])
        while True:
            connection = await self._link.connection()
            try:
                session = await Session.open(
                    connection, self.queue, self._queue_type, self._delivered
                )
            except TROUBLE as error:
                self._failed(error)
                self._opened.set()
                await asyncio.sleep(AVOID_SECONDS)
                self._opened.clear()
                continue
            self.fault = ""
            self._session = session
            self._opened.set()
            try:
                await self._tend_until_ended(session)
            finally:
                self._session = None
                self._opened.clear()
                if self._returned is not None:
                    self._settle(self._returned, good=False)
                await self._part(session)
            # A queue that is deleted again and again must not be declared without a pause.
            await asyncio.sleep(0.1)

    def _failed(self, error: BaseException) -> None:
        told = f"{self.queue}: {type(error).__name__}: {error}"[:300]
        if told != self.fault:
            _log.warning("broker_queue_refused", queue=self.queue, error=told)
        self.fault = told
        self._avoid_until = asyncio.get_running_loop().time() + AVOID_SECONDS

    async def _tend_until_ended(self, session: Session) -> None:
        while not session.ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TEND_SECONDS):
                    await session.ended.wait()
            now = asyncio.get_running_loop().time()
            # Older ones were claimed elsewhere, or are ready again by themselves.
            oldest = now - queries.RELAY_SECONDS
            self._out = {key: since for key, since in self._out.items() if since > oldest}
            await self._drop_stale(now - LINGER_SECONDS)

    async def _drop_stale(self, before: float) -> None:
        if any(one.since < before for one in self._waiting.values()):
            async with self._lock:
                stale = [key for key, one in self._waiting.items() if one.since < before]
                if await self._give_back(stale):
                    self._done(stale)

    async def _part(self, session: Session) -> None:
        """Whatever lies here, or is on its way, goes back; the broker's copies are void then."""
        await session.cancel()
        waiting = list(self._waiting)
        if await self._give_back([*waiting, *self._out]):
            self._done(waiting)
        await session.close()
        self._waiting.clear()
        self._open.clear()
        self._out.clear()
        self.wake()

    async def _give_back(self, ids: Sequence[int]) -> bool:
        """Makes rows ready again; without the database they become so by themselves."""
        if not ids:
            return True
        try:
            async with self._pool.acquire() as connection:
                await queries.give_back(connection, self.queue, sorted(set(ids)))
        except AWAY as error:
            _log.warning("items_not_given_back", queue=self.queue, error=repr(error))
            return False
        for item_id in ids:
            self._out.pop(item_id, None)
        return True
