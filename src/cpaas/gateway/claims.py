"""The gateway's transactions: claim what is written next, end what cannot be, hand on the rest.

A claim says "this is being given to the carrier"; so it is made for exactly what can be written
at once, and undone with a new attempt where nothing was written after all.
"""

import contextlib
from collections.abc import Callable, Collection, Sequence
from typing import Any

import asyncpg
import msgspec

from cpaas.broker import embedded
from cpaas.broker.base import Consumer, NewItem
from cpaas.broker.topology import gateway_queue, submit_queue
from cpaas.channels.base import Prepared
from cpaas.db.trouble import AWAY
from cpaas.gateway import queries
from cpaas.gateway.buffer import Buffer, OpenItem
from cpaas.gateway.queries import Attempt, Claim
from cpaas.messages.envelopes import LANE_NUMBER, Envelope, Outgoing, pack
from cpaas.messages.queries import note
from cpaas.messages.types import Finish, Note
from cpaas.pipeline.accept_queries import end_backend
from cpaas.pipeline.route import end_waiting
from cpaas.pipeline.transitions import Context, finish
from cpaas.snapshot.types import Route, Snapshot

CONFLICT_TRIES_MAX = 10
PUT_BACK = "The connection went before anything of it was written; it waits again."
CONFLICTS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Batch(msgspec.Struct):
    """What one claim transaction shall do."""

    at_us: int
    prepared: list[Prepared] = []
    finishes: list[Finish] = []
    done_items: list[int] = []
    #: messages that must wait: their envelope, and for how many milliseconds.
    deferred: list[tuple[Envelope, Outgoing, int]] = []
    #: the server's process that was asked to claim, and whose answer was lost.
    lost_backend: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.prepared or self.finishes or self.done_items or self.deferred)

    @property
    def ids(self) -> list[bytes]:
        """Ids of the messages to be claimed, in order."""
        return sorted({one.message.id for one in self.prepared})

    def ours(self, claimed: set[Attempt]) -> list[Prepared]:
        """What a claim gives the right to write: each claimed attempt once.

        An item may lie in the queue twice, and both copies may come into one batch, where the
        row's one claim must not let both be written.
        """
        first: dict[Attempt, Prepared] = {}
        for one in self.prepared:
            first.setdefault((one.message.id, one.message.attempt), one)
        return [one for key, one in first.items() if key in claimed]


def _transaction(connection: Any) -> Any:
    return connection.transaction()


def _nothing(_connection: Any) -> Any:
    return contextlib.nullcontext()


class Claims:
    """The transactions of one route's gateway."""

    def __init__(
        self,
        pool: Any,
        consumer: Consumer,
        snapshot: Callable[[], Snapshot],
        *,
        instance_id: int,
        clock_us: Callable[[], int],
    ) -> None:
        self._pool = pool
        self._consumer = consumer
        self._snapshot = snapshot
        self._instance_id = instance_id
        self._clock_us = clock_us

    async def claim(self, route: Route, batch: Batch) -> set[Attempt]:
        """Claims, ends and completes; returns the attempts that are ours."""
        groups: dict[Claim, list[bytes]] = {}
        for one in batch.prepared:
            envelope = one.envelope
            key = Claim(
                one.message.attempt, envelope.rule_id, envelope.decision, envelope.routed_us
            )
            groups.setdefault(key, []).append(one.message.id)
        groups = _merged(groups)

        async def take(connection: Any) -> set[Attempt]:
            claimed: set[Attempt] = set()
            pid, batch.lost_backend = connection.get_server_pid(), 0
            try:
                for group, ids in groups.items():
                    taken = await queries.claim(
                        connection, sorted(ids), group, at_us=batch.at_us,
                        instance_id=self._instance_id, route_id=route.id,
                    )  # fmt: skip
                    claimed.update((one, group.attempt) for one in taken)
            except AWAY:
                batch.lost_backend = pid
                raise
            return claimed

        async def work(connection: Any) -> set[Attempt]:
            claimed = await take(connection)
            if batch.deferred:
                await embedded.publish(connection, _deferred(route, batch))
            await self._consumer.complete(connection, batch.done_items)
            await end_waiting(connection, self._context(), batch.finishes)
            return claimed

        result: set[Attempt]
        if len(groups) == 1 and not (batch.deferred or batch.finishes):
            # The usual case, by one statement, which needs no transaction around it.
            result = await self._again(take, within=_nothing)
            await self._complete(batch.done_items)
        else:
            result = await self._again(work)
        return result

    async def _complete(self, done_items: Sequence[int]) -> None:
        """Ends items whose messages are all claimed.

        One that stays is taken once more when its lease ends, and found without a message to send.
        """
        with contextlib.suppress(*AWAY, *CONFLICTS):
            async with self._pool.acquire() as connection:
                await self._consumer.complete(connection, done_items)

    async def end(self, finishes: Sequence[Finish], done_items: Sequence[int]) -> None:
        """Ends messages that were never written, and items of which nothing is left."""
        if finishes or done_items:

            async def work(connection: Any) -> None:
                await self._consumer.complete(connection, done_items)
                await end_waiting(connection, self._context(), finishes)

            await self._again(work)

    async def claimed(self, batch: Batch) -> set[Attempt]:
        """After a commit whose answer was lost: what it claimed."""
        if not batch.prepared:
            return set()
        async with self._pool.acquire() as connection:
            lost = batch.lost_backend
            if lost and lost != connection.get_server_pid():
                # While it lives it may still claim, and no look-up could tell the truth.
                if not await end_backend(connection, lost):
                    raise TimeoutError("the server's process that was to claim still runs")
                batch.lost_backend = 0
            return await queries.claimed_at(
                connection, batch.ids, at_us=batch.at_us, instance_id=self._instance_id
            )

    async def put_back(self, route: Route, unwritten: Sequence[Prepared]) -> None:
        """Claimed, but not a byte was written: they wait again, as a new attempt."""
        by_id = {one.message.id: one for one in unwritten}
        now_us = self._clock_us()

        async def work(connection: Any) -> None:
            wanted = [
                Finish(one.message.id, "QUEUED", now_us, one.message.attempt) for one in unwritten
            ]
            items, notes = [], []
            for applied in await finish(connection, self._context(), wanted):
                one = by_id[applied.finish.id]
                message = msgspec.structs.replace(one.message, attempt=applied.attempt)
                items.append(_item(gateway_queue(route.name), one.envelope, [message]))
                notes.append(
                    Note(
                        one.message.id, applied.account_id, now_us, "put_back", PUT_BACK,
                        one.message.attempt, route.id,
                    )
                )  # fmt: skip
            await note(connection, notes)
            await embedded.publish(connection, items)

        await self._again(work)

    async def hand_on(
        self, route: Route, items: Sequence[OpenItem], plans: Sequence[list[int]]
    ) -> None:
        """Gives what is left of items back to the route step, each with its new plan.

        One that another worker has ended meanwhile went its way with that one.
        """
        if not items:
            return
        submit = submit_queue(route.channel)

        async def work(connection: Any) -> None:
            ours = await self._consumer.complete(connection, [one.item.id for one in items])
            moved = [
                _item(submit, msgspec.structs.replace(one.envelope, plan=left), one.rest)
                for one, left in zip(items, plans, strict=True)
                if one.rest and one.item.id in ours
            ]
            await embedded.publish(connection, moved)

        await self._again(work)

    async def hand_back(self, route: Route, buffer: Buffer, halted: Collection[int]) -> None:
        """Gives items of campaigns that are halted back to the route step, which holds them."""
        if halted:
            items = [one for one in buffer if one.envelope.campaign_id in halted]
            await self.hand_on(route, items, [one.envelope.plan for one in items])
            buffer.drop([one.item.id for one in items])

    async def hasten(self, route: Route) -> None:
        """Has what waits for a later try in the route's queue looked at now."""
        async with self._pool.acquire() as connection:
            await embedded.hasten(connection, gateway_queue(route.name))

    async def empty_queue(self, route: Route) -> int:
        """Gives the route's whole queue back to the route step."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await embedded.move(
                connection, gateway_queue(route.name), submit_queue(route.channel)
            )

    def _context(self) -> Context:
        return Context(self._snapshot(), self._instance_id, self._clock_us())

    async def _again(
        self, work: Callable[[Any], Any], within: Callable[[Any], Any] = _transaction
    ) -> Any:
        tries = 0
        while True:
            tries += 1
            try:
                async with self._pool.acquire() as connection, within(connection):
                    return await work(connection)
            except CONFLICTS:
                if tries == CONFLICT_TRIES_MAX:
                    raise


def _deferred(route: Route, batch: Batch) -> list[NewItem]:
    """Those of one envelope that wait equally long stay together.

    They wait before the route step, where they take no room of the route from others.
    """
    groups: dict[tuple[int, int], tuple[Envelope, list[Outgoing]]] = {}
    for envelope, message, delay_ms in batch.deferred:
        groups.setdefault((id(envelope), delay_ms), (envelope, []))[1].append(message)
    return [
        msgspec.structs.replace(
            _item(submit_queue(route.channel), envelope, messages), delay_ms=delay_ms
        )
        for (_, delay_ms), (envelope, messages) in groups.items()
    ]


def _merged(groups: dict[Claim, list[bytes]]) -> dict[Claim, list[bytes]]:
    """Groups that differ only in when they were routed go together, with the earliest moment."""
    merged: dict[tuple[int, int, str], tuple[int, list[bytes]]] = {}
    for group, ids in groups.items():
        key = (group.attempt, group.rule_id, group.decision)
        routed_us, known = merged.get(key, (group.routed_us, []))
        merged[key] = (min(routed_us, group.routed_us), known + ids)
    return {Claim(*key, routed_us): ids for key, (routed_us, ids) in merged.items()}


def _item(queue: str, envelope: Envelope, messages: list[Outgoing]) -> NewItem:
    sent = msgspec.structs.replace(envelope, messages=messages)
    lane = LANE_NUMBER[envelope.lane]
    return NewItem(queue, lane, envelope.account_id, len(messages), pack(sent))
