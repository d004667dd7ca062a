"""Fifty accounts, one of which floods: what the route step hands to slow routes, tick by tick.

The clock is simulated: in each tick the route step has its turns and each carrier takes what its
rate allows, through the gateway's own buffer. Nothing here depends on how fast the machine is.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from tests.pipeline.test_route import SUBMIT, Step, configured, rule, step
from tests.pipeline.world import INSTANCE, account, route

from cpaas.broker.base import LANES
from cpaas.broker.embedded import EmbeddedConsumer
from cpaas.gateway.buffer import Buffer, OpenItem
from cpaas.kit.ids import new_id
from cpaas.messages.envelopes import LANE_NUMBER, Envelope, Lane, pack, unpack
from cpaas.pipeline.route import Router
from cpaas.snapshot.types import Member, Strategy

ACCOUNTS = 50
TICKS_A_SECOND = 20
#: a second, while the flood alone would take ten.
TICKS_WAITED_MAX = 20
TURNS_MAX = 200


class Gateway:
    """A route's gateway and its carrier, which takes `each` segments a tick."""

    def __init__(self, run: "Run", route_id: int, each: int) -> None:
        self.run, self.route_id, self.each = run, route_id, each
        self.consumer = EmbeddedConsumer(run.step.world.pool, f"submit_smpp{route_id}", INSTANCE)
        self.buffer = Buffer()
        self.taken: list[int] = []
        self.tokens = 0

    async def tick(self) -> None:
        load = self.run.step.load
        # Those that are not here yet are opened with the next news.
        await self.open(64, not_accounts=self.buffer.accounts)
        await self.open(10 * self.each - self.buffer.messages)
        count = 0
        # A message of several segments borrows from what comes.
        self.tokens = min(self.each, self.tokens + self.each)
        picking = self.buffer.pick()
        for one, message in picking if self.tokens > 0 else ():
            count += message.segments
            self.tokens -= message.segments
            load.add(self.route_id, one.envelope.lane, -1)
            self.run.passed(one.envelope, message.id)
            if self.tokens <= 0:
                break
        picking.close()
        self.taken.append(count)
        done = self.buffer.finished()
        async with self.run.step.world.pool.acquire() as connection:
            await self.consumer.complete(connection, done)
        self.buffer.drop(done)
        load.set_begun(self.route_id, self.buffer.begun(0), self.buffer.begun(1, 2))

    async def open(self, most: int, **which: Any) -> None:
        for item in await self.consumer.take(most, **which):
            self.buffer.add(OpenItem(item, unpack(item.payload)))


class Run:
    """The route step and its routes' gateways, tick by tick."""

    def __init__(self, step: Step, like: Envelope, rates: dict[int, int]) -> None:
        self.step, self.now = step, 0
        # Accepted now: nothing about it is asked again.
        self.like = msgspec.structs.replace(like, scheduled=False, checked_us=step.world.now_us)
        consumer = EmbeddedConsumer(step.world.pool, SUBMIT, INSTANCE)
        self.router = Router(
            step.world.pool, consumer, lambda: step.world.snapshot, step.load, channel="sms",
            instance_id=INSTANCE, clock_us=lambda: step.world.now_us,
            clock=lambda: self.now / TICKS_A_SECOND,
        )  # fmt: skip
        self.gateways = {
            route_id: Gateway(self, route_id, rate // TICKS_A_SECOND)
            for route_id, rate in rates.items()
        }
        self.sent: dict[bytes, int] = {}
        self.waited: dict[int, list[int]] = {}
        self.counts: Counter[int] = Counter()

    async def put(
        self, account_id: int, count: int, *, times: int = 1, lane: Lane = "transactional"
    ) -> None:
        """Accepts so many items of `count` messages each."""
        rows = []
        for _ in range(times):
            some = [
                msgspec.structs.replace(self.like.messages[0], id=new_id().bytes)
                for _ in range(count)
            ]
            self.sent.update((one.id, self.now) for one in some)
            envelope = msgspec.structs.replace(
                self.like, account_id=account_id, messages=some, lane=lane
            )
            rows.append((SUBMIT, LANE_NUMBER[lane], account_id, count, pack(envelope)))
        await self.step.world.pool.executemany(
            "INSERT INTO queue_item (queue, lane, account_id, messages, payload)"
            " VALUES ($1, $2, $3, $4, $5)",
            rows,
        )

    def passed(self, envelope: Envelope, message_id: bytes) -> None:
        self.counts[envelope.account_id] += 1
        waited = self.now - self.sent.pop(message_id)
        self.waited.setdefault(envelope.account_id, []).append(waited)

    async def tick(self, ticks: int = 1) -> None:
        for _ in range(ticks):
            for _ in range(TURNS_MAX):
                if not (await self.router.turn() or self.router.goes_on):
                    break
            for gateway in self.gateways.values():
                await gateway.tick()
            self.now += 1

    def longest(self, accounts: Iterable[int]) -> int:
        return max(max(self.waited[one]) for one in accounts)


async def running(step: Step, rates: dict[int, int], *rules: Any, **more: Any) -> Run:
    routes = [msgspec.structs.replace(route(n), tps=tps) for n, tps in rates.items()]
    accounts = [account(n) for n in range(1, ACCOUNTS + 1)]
    step.world.snapshot = configured(*rules, routes=routes, accounts=accounts, **more)
    return Run(step, await step.world.message("QUEUED", plan=[]), rates)


@pytest.mark.parametrize("lane", ["transactional", "otp"])
@pytest.mark.parametrize("flood", [1, 500])
async def test_a_flood_leaves_the_others_their_share(step: Step, flood: int, lane: Lane) -> None:
    """flood: messages in each of the flooding account's items (single ones, or whole lists)."""
    run = await running(step, {1: 100}, rule(5, 1))
    await run.put(1, flood, times=1000 // flood, lane=lane)
    others = range(2, ACCOUNTS + 1)
    for tick in range(120):
        # Each of the others sends one every two seconds.
        for n in others:
            if tick % 40 == n % 40 and tick < 80:
                await run.put(n, 1, lane=lane)
        await run.tick()
    # The route was busy in every tick while anything waited, and nobody waited long.
    assert run.gateways[1].taken == [5] * 120
    assert all(run.counts[n] == 2 for n in others)
    assert run.longest(others) <= TICKS_WAITED_MAX
    # All of it is there or has gone, once.
    assert run.counts[1] == 600 - 98


async def test_a_list_among_singles_gets_its_turns_and_holds_nobody(step: Step) -> None:
    run = await running(step, {1: 100}, rule(5, 1))
    for n in range(2, ACCOUNTS + 1):
        await run.put(n, 1, times=8)
    await run.put(1, 500)
    await run.tick(100)
    assert run.gateways[1].taken == [5] * 100
    # The list has its piece of each round, and all of the route once the others are through.
    assert all(run.counts[n] == 8 for n in range(2, ACCOUNTS + 1))
    assert run.counts[1] == 500 - 49 * 8


async def test_all_lists_go_in_rounds(step: Step) -> None:
    run = await running(step, {1: 100}, rule(5, 1))
    for n in range(1, ACCOUNTS + 1):
        await run.put(n, 500)
    await run.tick(240)
    assert run.gateways[1].taken == [5] * 240
    # 1,200 messages are 24 of each; nobody is two pieces ahead of another.
    assert max(run.counts.values()) - min(run.counts[n] for n in range(1, ACCOUNTS + 1)) <= 20


async def test_a_slow_route_holds_nothing_that_goes_to_a_fast_one(step: Step) -> None:
    to_fast = rule(6, 2, senders=frozenset({"FAST"}), priority=0)
    run = await running(step, {1: 20, 2: 200}, to_fast, rule(5, 1))
    # The same account floods the slow one, and sends to the fast one behind all of it.
    await run.put(1, 500)
    await run.put(1, 1, times=200)
    fast = run.like.messages[0]
    fast.sender = "FAST"
    await run.put(1, 100, times=4)
    await run.put(2, 100, times=2)
    await run.tick(60)
    # Each at its own rate, from the first ticks on: all of the fast one's is through.
    assert run.gateways[1].taken == [1] * 60
    assert sum(run.gateways[2].taken) == 600
    assert run.gateways[2].taken[1:59] == [10] * 58


async def test_what_waits_for_a_strategy_goes_where_there_is_room(step: Step) -> None:
    both = Strategy(1, "s1", "sms", "failover", True, (Member(1), Member(2)))
    rules = [rule(5, 0, strategy_id=1)]
    run = await running(step, {1: 20, 2: 60}, *rules, strategies={1: both})
    await run.put(1, 500)
    await run.tick(60)
    assert run.gateways[1].taken == [1] * 60
    assert run.gateways[2].taken == [3] * 60


async def test_what_waits_for_a_route_that_goes_down_goes_elsewhere(step: Step) -> None:
    run = await running(step, {1: 20, 2: 200}, rule(5, 1), rule(6, 2, priority=2))
    await run.put(1, 1, times=200)
    await run.tick(2)
    assert sum(run.gateways[2].taken) == 0
    step.load.set_down(1, down=True)
    await run.tick(20)
    assert sum(run.gateways[2].taken) >= 150
    # The same when its route is switched off: nothing is left in a place that nobody looks at.
    await run.put(2, 1, times=450)
    await run.tick(1)
    off = configured(rule(5, 1), routes=[msgspec.structs.replace(route(1), tps=20)],
                     accounts=[account(1), account(2)])  # fmt: skip
    step.world.snapshot = off
    step.load.set_down(1, down=False)
    await run.tick(1)
    places = {item["lane"] // LANES for item in await step.world.items(SUBMIT)}
    assert places <= {0, 3}


async def test_what_waits_is_found_by_a_route_step_that_begins(step: Step) -> None:
    run = await running(step, {1: 20}, rule(5, 1))
    await run.put(1, 1, times=100)
    await run.tick(2)
    again = Run(step, run.like, {1: 20})
    again.sent = run.sent
    again.gateways[1].buffer = run.gateways[1].buffer
    await again.tick(30)
    assert again.gateways[1].taken == [1] * 30


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize(("rate", "segments"), [(100, 5), (20, 10), (100, 1)])
async def test_two_seconds_of_segments_lie_before_a_route(
    step: Step, rate: int, segments: int, count: int
) -> None:
    """A rate counts segments, and so does what may lie before its route; it runs at its rate."""
    run = await running(step, {1: rate}, rule(5, 1))
    run.like.messages[0].segments = segments
    await run.put(1, count, times=600 // count)
    for _ in range(100):
        await run.tick()
        lying = [one for e in await step.routed("smpp1") for one in e.messages]
        assert sum(one.segments for one in lying if one.id in run.sent) <= 2 * rate
    assert 0 <= sum(run.gateways[1].taken) - 5 * rate < segments


async def test_the_rest_of_a_list_keeps_its_place(step: Step) -> None:
    slow = msgspec.structs.replace(route(1), tps=20)
    step.world.snapshot = configured(rule(5, 1), routes=[slow])
    parts = [(await step.world.message("QUEUED", plan=[])).messages[0] for _ in range(25)]
    envelope = await step.world.message("QUEUED", plan=[])
    await step.put(msgspec.structs.replace(envelope, messages=parts))
    step.world.now_us += 5_000_000
    await step.router.turn()
    (rest,) = await step.world.items(SUBMIT)
    assert (rest["messages"], round(rest["delay"])) == (15, -5)
    for _ in range(2):
        await step.router.turn()
    sent = [m.id for e in await step.routed("smpp1") for m in e.messages]
    assert sent == [m.id for m in parts]


__all__ = ["step"]
