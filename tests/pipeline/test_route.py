"""The route step on a real database: where messages go, which end here, and who waits for whom."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.pipeline.world import INSTANCE, World, account, data_plane_pool, route, snapshot

from cpaas.broker import embedded
from cpaas.broker.base import NewItem
from cpaas.messages.envelopes import LANE_NUMBER, Envelope, pack, unpack
from cpaas.pipeline import route_queries
from cpaas.pipeline.load import RouteLoad
from cpaas.pipeline.route import Router
from cpaas.snapshot.types import Member, Route, Rule, Snapshot, Strategy

SUBMIT = "cpaas.sms.submit"


def rule(id_: int, route_id: int, **more: Any) -> Rule:
    values: dict[str, Any] = {
        "id": id_, "account_id": None, "channel": "sms", "route_id": route_id, "priority": 1,
        "prefixes": (), "senders": frozenset(), "lanes": frozenset(),
    }  # fmt: skip
    return Rule(**(values | more))


def configured(*rules: Rule, routes: list[Route] | None = None, **changes: Any) -> Snapshot:
    made = snapshot(accounts=changes.pop("accounts", None), routes=routes)
    return msgspec.structs.replace(made, rules={"sms": rules}, **changes)


class Step:
    def __init__(self, world: World) -> None:
        self.world = world
        self.load = RouteLoad()
        consumer = embedded.EmbeddedConsumer(world.pool, SUBMIT, INSTANCE)
        self.router = Router(
            world.pool, consumer, lambda: world.snapshot, self.load, channel="sms",
            instance_id=INSTANCE, clock_us=lambda: world.now_us,
        )  # fmt: skip

    async def put(self, envelope: Envelope) -> Envelope:
        async with self.world.pool.acquire() as connection, connection.transaction():
            lane = LANE_NUMBER[envelope.lane]
            count = len(envelope.messages)
            item = NewItem(SUBMIT, lane, envelope.account_id, count, pack(envelope))
            await embedded.publish(connection, [item])
        return envelope

    async def message(self, **changes: Any) -> Envelope:
        values: dict[str, Any] = {"plan": [], "status": "QUEUED", "claimed_by": 0}
        return await self.put(await self.world.message(**(values | changes)))

    async def routed(self, name: str) -> list[Envelope]:
        return [unpack(row["payload"]) for row in await self.world.items(f"submit_{name}")]


@pytest.fixture
async def step(dsn: str) -> AsyncIterator[Step]:
    async with data_plane_pool(dsn) as pool:
        now = await pool.fetchval("SELECT now()")
        world = World(pool, now, configured(rule(5, 1), rule(6, 2)))
        await world.open_account()
        yield Step(world)


async def test_a_message_goes_to_its_route_with_plan_and_reason(step: Step) -> None:
    envelope = await step.message()
    assert await step.router.turn()
    (routed,) = await step.routed("smpp1")
    assert routed.plan == [1, 2]
    assert (routed.rule_id, routed.routed_us) == (5, step.world.now_us)
    assert "rule 5" in routed.decision
    assert routed.messages == envelope.messages
    assert await step.world.items(SUBMIT) == []
    assert not await step.router.turn()


async def test_messages_of_one_envelope_part_by_prefix(step: Step) -> None:
    step.world.snapshot = configured(rule(5, 1, prefixes=("91",)), rule(6, 2, prefixes=("44",)))
    one = await step.world.message("QUEUED", plan=[])
    two = await step.world.message("QUEUED", plan=[], to="447700900123")
    await step.put(msgspec.structs.replace(one, messages=[*one.messages, *two.messages]))
    await step.router.turn()
    assert [e.messages for e in await step.routed("smpp1")] == [one.messages]
    assert [e.messages for e in await step.routed("smpp2")] == [two.messages]


async def test_no_route_rejects_and_refunds(step: Step) -> None:
    step.world.snapshot = configured()
    envelope = await step.message()
    before = await step.world.balance()
    await step.router.turn()
    row = await step.world.row(envelope)
    assert (row["status"], row["error_code"]) == ("REJECTED", "no_route")
    assert row["error"] == "No route takes this message.", "rules are the operator's affair"
    assert await step.world.kinds(envelope) == ["no_route"]
    assert await step.world.balance() == before + row["price_micro"]
    await step.world.money_adds_up()
    assert await step.world.items(SUBMIT) == []
    assert len(await step.world.items("cpaas.webhook")) == 1


async def test_expired_in_the_queue_is_refunded(step: Step) -> None:
    envelope = await step.message(valid_until_us=step.world.now_us)
    await step.router.turn()
    row = await step.world.row(envelope)
    assert (row["status"], row["refunded_micro"]) == ("EXPIRED", row["price_micro"])
    assert await step.routed("smpp1") == []


BLOCK = "INSERT INTO blacklist_entry (account_id, number, channel, source) VALUES ($1, $2, $3, $4)"
NUMBER = "+919876543210"


async def test_the_blacklist_is_asked_again_after_a_minute(step: Step) -> None:
    envelope = await step.message(to=NUMBER)
    await step.world.pool.execute(BLOCK, 0, NUMBER, "", "manual")
    young = await step.world.message("QUEUED", plan=[], to=NUMBER)
    step.world.now_us += 61_000_000
    await step.put(msgspec.structs.replace(young, checked_us=step.world.now_us, scheduled=False))
    await step.router.turn()
    assert (await step.world.row(envelope))["status"] == "BLOCKED"
    assert (await step.world.row(young))["status"] == "QUEUED"
    await step.world.money_adds_up()


async def test_the_blacklist_is_asked_before_a_scheduled_message_goes(step: Step) -> None:
    before = await step.world.balance()
    envelope = await step.message(status="SCHEDULED", to=NUMBER)
    await step.world.pool.execute(BLOCK, 1, NUMBER, "sms", "manual")
    await step.router.turn()
    row = await step.world.row(envelope)
    assert (row["status"], row["refunded_micro"]) == ("BLOCKED", row["price_micro"])
    assert await step.world.balance() == before
    assert len(await step.world.items("cpaas.webhook")) == 1


async def test_an_otp_passes_a_stop_if_the_platform_allows(step: Step) -> None:
    allowed = msgspec.structs.replace(step.world.snapshot, settings={"opt_out_allows_otp": True})
    await step.world.pool.execute(BLOCK, 1, NUMBER, "sms", "opt_out")
    await step.world.pool.execute(BLOCK, 1, "+919876543211", "sms", "manual")
    await step.world.pool.execute(BLOCK, 1, "+919876543212", "whatsapp", "manual")
    refused = await step.message(to=NUMBER, lane="otp")
    await step.router.turn()
    step.world.snapshot = allowed
    passes = await step.message(to=NUMBER, lane="otp")
    blocked = [
        await step.message(to=NUMBER),
        await step.message(to="+919876543211", lane="otp"),
    ]
    other_channel = await step.message(to="+919876543212")
    await step.router.turn()
    await step.router.turn()
    states = [
        (await step.world.row(one))["status"] for one in (refused, passes, *blocked, other_channel)
    ]
    assert states == ["BLOCKED", "QUEUED", "BLOCKED", "BLOCKED", "QUEUED"]
    await step.world.money_adds_up()


async def test_scheduled_messages_become_queued(step: Step) -> None:
    envelope = await step.message(status="SCHEDULED")
    cancelled = await step.message(status="CANCELLED")
    step.world.now_us += 1_000_000
    await step.router.turn()
    assert (await step.world.row(envelope))["status"] == "QUEUED"
    assert (await step.world.row(cancelled))["status"] == "CANCELLED"


async def test_scheduled_messages_become_queued_though_clocks_differ(step: Step) -> None:
    ahead_us = step.world.now_us + 2_000_000
    envelope = await step.message(status="SCHEDULED", created_us=ahead_us)
    await step.router.turn()
    assert (await step.world.row(envelope))["status"] == "QUEUED"


async def test_an_item_that_comes_again_never_ends_what_a_carrier_has(step: Step) -> None:
    envelope = await step.message(status="SENDING", claimed_by=9)
    step.world.snapshot = configured()
    await step.router.turn()
    assert (await step.world.row(envelope))["status"] == "SENDING"
    await step.world.money_adds_up()


async def test_an_inactive_account_is_held_and_holds_up_nobody(step: Step) -> None:
    off = msgspec.structs.replace(account(1), active=False)
    step.world.snapshot = configured(rule(5, 1), accounts=[off, account(2)])
    await step.world.open_account(2)
    await step.message()
    other = await step.message(account_id=2)
    await step.router.turn()
    assert [e.messages for e in await step.routed("smpp1")] == [other.messages]
    assert len(await step.world.items(SUBMIT)) == 1


async def test_a_full_route_leaves_the_backlog_and_holds_up_no_other(step: Step) -> None:
    slow = msgspec.structs.replace(route(1), tps=2)
    step.world.snapshot = configured(
        rule(5, 1, account_id=1), rule(6, 2, account_id=2), routes=[slow, route(2)],
        accounts=[account(1), account(2)],
    )  # fmt: skip
    await step.world.open_account(2)
    for _ in range(20):
        await step.message()
    for _ in range(3):
        await step.message(account_id=2)
    for _ in range(4):
        await step.router.turn()
    assert sum(len(e.messages) for e in await step.routed("smpp1")) == 4
    assert sum(len(e.messages) for e in await step.routed("smpp2")) == 3
    assert len(await step.world.items(SUBMIT)) == 16
    # OTP has a room of its own.
    await step.message(lane="otp")
    await step.router.turn()
    assert [e.lane for e in await step.routed("smpp1")].count("otp") == 1


async def test_routes_that_are_down_go_last(step: Step) -> None:
    step.load.set_down(1, down=True)
    await step.message()
    await step.router.turn()
    (routed,) = await step.routed("smpp2")
    assert routed.plan == [2, 1]
    assert "down: smpp1" in routed.decision


async def test_a_route_that_another_process_holds_and_finds_down_goes_last(step: Step) -> None:
    other = await step.world.pool.fetchval(
        "INSERT INTO service_instance (service) VALUES ('cpaas-sms') RETURNING id"
    )
    await step.world.pool.execute(
        "INSERT INTO route_state (route_id, instance_id, state) VALUES (1, $1, 'down')", other
    )
    await step.message()
    await step.router.turn()
    assert [e.plan for e in await step.routed("smpp2")] == [[2, 1]]
    # A dead holder says nothing any more.
    await step.world.pool.execute("UPDATE service_instance SET stopped_at = now()")
    assert await route_queries.down_elsewhere(step.world.pool, INSTANCE) == frozenset()


async def test_what_comes_back_from_a_route_that_was_switched_off_is_planned_anew(
    step: Step,
) -> None:
    off = msgspec.structs.replace(route(1), active=False)
    step.world.snapshot = configured(rule(5, 1), rule(6, 2), routes=[off, route(2)])
    await step.message(plan=[1])
    await step.router.turn()
    (routed,) = await step.routed("smpp2")
    assert (routed.plan, routed.rule_id) == ([2], 6)


async def test_damaged_envelopes_are_buried(step: Step) -> None:
    async with step.world.pool.acquire() as connection:
        await embedded.publish(connection, [NewItem(SUBMIT, 1, 1, 1, b"\xc1")])
    await step.message()
    await step.router.turn()
    reason = await step.world.pool.fetchval("SELECT reason FROM dead_letter")
    assert reason.startswith("unreadable")
    assert len(await step.routed("smpp1")) == 1


async def test_a_full_route_is_found_full_once_and_then_left_until_it_drains(step: Step) -> None:
    slow = msgspec.structs.replace(route(1), tps=4)
    step.world.snapshot = configured(rule(5, 1), routes=[slow, route(2)])
    for _ in range(30):
        await step.message()

    async def tries() -> int:
        return int(
            await step.world.pool.fetchval("SELECT count(*) FROM queue_item WHERE tries > 0")
        )

    await step.router.turn()
    assert sum(len(e.messages) for e in await step.routed("smpp1")) == 8
    for _ in range(3):
        assert not await step.router.turn()
    # The gateway takes: as much as there is room for is taken, and nothing for nothing.
    step.load.add(1, "transactional", -5)
    assert await step.router.turn()
    assert not await step.router.turn()
    assert sum(len(e.messages) for e in await step.routed("smpp1")) == 13
    assert await tries() == 0
    assert len(await step.world.items(SUBMIT)) == 17


async def test_a_full_member_of_a_strategy_lets_the_next_take_over(step: Step) -> None:
    slow, other = (msgspec.structs.replace(route(n), tps=1) for n in (1, 2))
    both = Strategy(1, "s1", "sms", "failover", True, (Member(1), Member(2)))
    rules = [rule(5, 0, strategy_id=1), rule(6, 3)]
    step.world.snapshot = configured(*rules, routes=[slow, other, route(3)], strategies={1: both})
    for _ in range(6):
        await step.message()
        await step.router.turn()
    first, second = await step.routed("smpp1"), await step.routed("smpp2")
    assert [e.plan for e in first] == [[1, 2, 3]] * 2
    assert [e.plan for e in second] == [[2, 1, 3]] * 2
    assert second[0].decision.endswith("; full: smpp1")
    assert (second[0].strategy_id, second[0].rule_id) == (1, 5)
    # A rule further down is no part of the strategy: the rest waits.
    assert await step.routed("smpp3") == []
    assert len(await step.world.items(SUBMIT)) == 2
    step.load.set_down(2, down=True)
    both = msgspec.structs.replace(both, overflow=False)
    step.world.snapshot = msgspec.structs.replace(step.world.snapshot, strategies={1: both})
    await step.router.turn()
    assert len(await step.world.items(SUBMIT)) == 2


async def test_a_weighted_strategy_splits_what_is_routed(step: Step) -> None:
    split = Strategy(1, "s1", "sms", "weighted", True, (Member(1, 3), Member(2, 1)))
    step.world.snapshot = configured(rule(5, 0, strategy_id=1), strategies={1: split})
    parts = [await step.world.message("QUEUED", plan=[]) for _ in range(8)]
    messages = [part.messages[0] for part in parts]
    await step.put(msgspec.structs.replace(parts[0], messages=messages))
    await step.router.turn()
    for name, count, plan in (("smpp1", 6, [1, 2]), ("smpp2", 2, [2, 1])):
        (routed,) = await step.routed(name)
        assert (len(routed.messages), routed.plan) == (count, plan)
