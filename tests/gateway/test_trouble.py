"""What goes wrong between us and a carrier: nothing is lost, repeated, or held up by another."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from tests.gateway.harness import Gateway, gateway_world, now_us, routed_to, smsc, until
from tests.gateway.test_deliver import bound
from tests.pipeline.test_route import rule
from tests.pipeline.world import PRICE, account

from cpaas.broker import embedded
from cpaas.broker.base import NewItem
from cpaas.channels.base import Prepared
from cpaas.channels.sms.link import SmppLink
from cpaas.messages.envelopes import Envelope, Outgoing, pack, unpack
from cpaas.snapshot.types import Account


def recipients(carrier: object) -> list[str]:
    return [one.pdu.destination_addr for one in carrier._taken]  # type: ignore[attr-defined]


@pytest.mark.slow
async def test_throttling_slows_the_whole_route_and_loses_nothing(dsn: str) -> None:
    async with smsc(tps=60) as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port))
        await world.send(100, each=20)
        await until(lambda: state_is(world, "throttled"))
        (state,) = world.host.states
        assert 0 < state.tps_now < 100
        await world.settled(40, DELIVERED=100)
        accepted = [one for one in carrier._taken if one.status == 0]
        assert len(accepted) == 100
        # Without the route as a whole slowing down every message would have been refused often.
        assert carrier.stats.submits < 300
        kinds = await world.pool.fetch("SELECT DISTINCT kind FROM message_event")
        assert "throttled" in {row["kind"] for row in kinds}


async def state_is(world: Gateway, wanted: str, route: int = 0) -> bool:
    states = world.host.states
    return len(states) > route and states[route].state == wanted


@pytest.mark.slow
async def test_a_link_cut_in_the_middle_of_a_window_sends_nothing_twice(dsn: str) -> None:
    async with (
        smsc(drop_after_submits=30, answer_delay_seconds=0.01) as (carrier, port),
        gateway_world(dsn) as world,
    ):
        world.configure(routed_to(port, window_size=40))
        await until(lambda: bound(world))
        await world.send(100, each=50)

        unknown = "SELECT count(*) FROM message_event WHERE kind = 'unknown_outcome'"

        async def over() -> bool:
            """Each is delivered, or told to be unknown."""
            counts = await world.statuses()
            told: int = await world.pool.fetchval(unknown)
            return counts.keys() <= {"DELIVERED", "SENDING"} and told == counts.get("SENDING", 0)

        await until(over, 30, world.statuses)
        counts = await world.statuses()
        # How many were answered before each cut is the clock's choice; that none is lost is not.
        assert counts.get("DELIVERED", 0) + counts["SENDING"] == 100
        assert counts["SENDING"] > 0
        ids = Counter(one.message_id for one in carrier._taken)
        assert max(ids.values()) == 1
        assert carrier.stats.submits <= 100


async def test_a_silent_carrier_is_never_given_more_than_the_window(dsn: str) -> None:
    async with smsc(silent=True) as (carrier, port), gateway_world(dsn) as world:
        settings = {"response_timeout_seconds": 0.5}
        world.configure(routed_to(port, window_size=7, settings=settings))
        await world.send(30)

        async def some_unknown() -> bool:
            query = "SELECT count(*) FROM message_event WHERE kind = 'unknown_outcome'"
            count: int = await world.pool.fetchval(query)
            assert (await world.statuses()).get("SENDING", 0) <= carrier.stats.submits
            return count >= 7

        async def full() -> bool:
            return (await world.statuses()).get("SENDING", 0) >= 7

        await until(full)
        assert (await world.statuses())["SENDING"] == 7
        await until(some_unknown)


async def test_of_several_parts_only_the_refused_one_is_sent_again(dsn: str) -> None:
    text = "A long text of several parts. " * 12
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        decide = carrier.decider.decide
        refused: list[bytes] = []

        def once(pdu):  # type: ignore[no-untyped-def]
            outcome = decide(pdu)
            if pdu.short_message[5:6] == b"\x02" and not refused:
                refused.append(pdu.short_message)
                return msgspec.structs.replace(outcome, status=0x58, state=None)
            return outcome

        carrier.decider.decide = once  # type: ignore[method-assign]
        world.configure(routed_to(port))
        await world.send(text=text, segments=3)
        await world.settled(DELIVERED=1)
        assert carrier.stats.submits == 4
        sent = [one.pdu.short_message for one in carrier._taken]
        assert sent.count(refused[0]) == 2
        (message,) = [one for one in carrier.messages() if one.complete]
        assert message.text == text


@pytest.mark.slow
async def test_a_route_that_is_switched_off_gives_its_items_back(dsn: str) -> None:
    async with (
        smsc(silent=True) as (_, silent_port), smsc() as (other, port),
        gateway_world(dsn) as world,
    ):  # fmt: skip
        slow, good = routed_to(silent_port, 1, window_size=2), routed_to(port, 2)
        world.configure(slow, good)
        await until(lambda: bound(world))
        await world.send(8)

        async def window_full() -> bool:
            return (await world.statuses()).get("SENDING", 0) == 2

        await until(window_full)
        world.configure(msgspec.structs.replace(slow, active=False), good)
        await world.settled(SENDING=2, DELIVERED=6)
        assert other.stats.submits == 6


async def test_a_route_that_is_added_sends_within_a_second(dsn: str) -> None:
    async with smsc() as (_, port), gateway_world(dsn) as world:
        world.configure(routed_to(port))
        await until(lambda: bound(world))
        world.configure(routed_to(port, 2), routed_to(port, 1))
        await until(lambda: bound(world))
        await world.send(3)
        await world.settled(DELIVERED=3)
        assert await world.pool.fetchval("SELECT min(route_id) FROM message") == 2


async def test_a_changed_route_binds_anew_only_if_it_must(dsn: str) -> None:
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port))
        await until(lambda: bound(world))
        (before,) = carrier.bindings
        world.configure(routed_to(port, tps=50, cost_micro=7))
        await world.send(2)
        await world.settled(DELIVERED=2)
        assert set(carrier.bindings) == {before}
        assert world.host.states[0].tps_now == 50
        world.configure(routed_to(port, system_id="other"))

        async def anew() -> bool:
            return {b.connection.system_id for b in carrier.bindings} == {"other"}

        await until(anew)


@pytest.mark.slow
async def test_when_a_route_is_down_the_next_of_the_plan_takes_over(dsn: str) -> None:
    async with smsc() as (good, port), gateway_world(dsn) as world:
        world.configure(routed_to(1, 1), routed_to(port, 2))
        await world.send(5)
        await world.settled(DELIVERED=5)
        assert good.stats.submits == 5
        row = await world.pool.fetchrow("SELECT DISTINCT route_id, decision FROM message")
        assert row["route_id"] == 2
        assert await state_is(world, "down")


@pytest.mark.slow
async def test_without_another_route_they_wait_for_it(dsn: str) -> None:
    async with smsc() as (_, port), gateway_world(dsn) as world:
        world.configure(routed_to(1))
        await world.send(5)
        await world.send(valid_until_us=world.now_us + 3_000_000)
        await world.settled(QUEUED=5, EXPIRED=1)
        world.configure(routed_to(port))
        await world.settled(DELIVERED=5, EXPIRED=1)
        await world.money_adds_up()


async def test_one_accounts_backlog_does_not_keep_another_waiting(dsn: str) -> None:
    accounts: list[Account] = [account(1), account(2)]
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        await world.open_account(2)
        await world.send(900, each=300)
        await world.send(10, account_id=2, to="449876543210")
        route = routed_to(port, tps=100)
        world.configure(route, accounts=accounts, rules=[rule(5, 1)])

        async def small_done() -> bool:
            return recipients(carrier).count("449876543210") == 10

        await until(small_done)
        # 900 are before them; they go in turn.
        assert recipients(carrier).index("449876543210") < 60
        assert len(recipients(carrier)) < 150


@pytest.mark.slow
async def test_otp_goes_before_what_waits(dsn: str) -> None:
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port, tps=20))
        await world.send(400, each=100, lane="promotional")

        async def busy() -> bool:
            return len(recipients(carrier)) >= 5

        await until(busy)
        before = len(recipients(carrier))
        await world.send(1, lane="otp", to="447700900000")

        async def sent() -> bool:
            return "447700900000" in recipients(carrier)

        await until(sent)
        assert len(recipients(carrier)) - before < 20


async def test_a_lease_is_held_by_one_process_only(dsn: str) -> None:
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        await world.pool.execute(
            "INSERT INTO route_lease VALUES (1, 99, now() + interval '25 seconds')"
        )
        world.configure(routed_to(port))
        await world.send(2)
        await asyncio.sleep(0.6)
        assert await state_is(world, "standby")
        assert carrier.stats.submits == 0


async def test_receipts_beyond_what_may_wait_come_again(dsn: str) -> None:
    async with smsc() as (_, port), gateway_world(dsn) as world:
        world.settler._receipts_held_max = 0
        world.configure(routed_to(port))
        await world.send(3)
        await world.settled(SUBMITTED=3)
        await asyncio.sleep(0.2)
        await world.settled(SUBMITTED=3)
        world.settler._receipts_held_max = 100
        await world.settled(DELIVERED=3)


async def test_what_fits_into_no_pdu_is_rejected_and_refunded(dsn: str) -> None:
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port, settings={"service_type": "A\0B"}))
        await world.send(3, each=3)
        await world.settled(REJECTED=3)
        codes = await world.pool.fetch("SELECT DISTINCT error_code, refunded_micro FROM message")
        assert [tuple(row) for row in codes] == [("not_encodable", PRICE)]
        assert carrier.stats.submits == 0
        await world.money_adds_up()


async def test_a_fault_with_one_message_holds_up_no_other(dsn: str, monkeypatch: Any) -> None:
    prepare, send = SmppLink.prepare, SmppLink.send

    def faulty(self: SmppLink, envelope: Envelope, message: Outgoing) -> Prepared:
        if message.text == "fault":
            raise KeyError("a fault of ours")
        return prepare(self, envelope, message)

    def failing(self: SmppLink, batch: Sequence[Prepared]) -> list[Prepared]:
        if any(one.message.text == "write" for one in batch):
            raise KeyError("a fault of ours")
        return send(self, batch)

    monkeypatch.setattr(SmppLink, "prepare", faulty)
    monkeypatch.setattr(SmppLink, "send", failing)
    async with smsc() as (_, port), gateway_world(dsn) as world:
        world.configure(routed_to(port))
        await world.send(1, text="fault")
        await world.send(2)
        await world.settled(REJECTED=1, DELIVERED=2)
        # Whether anything of it was written nobody knows: recovery is told at once.
        (sent,) = await world.send(1, text="write")
        await world.settled(REJECTED=1, DELIVERED=2, SENDING=1)

        async def noted() -> bool:
            return await world.kinds(sent) == ["unknown_outcome"]

        await until(noted)
        await world.money_adds_up()


async def test_an_item_that_cannot_be_claimed_is_buried_at_once_and_alone(dsn: str) -> None:
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.now_us = now_us()
        good = [await world.message("QUEUED", claimed_by=0) for _ in range(4)]
        bad = await world.message("QUEUED", claimed_by=0)
        damaged = msgspec.structs.replace(bad, decision="no\0text", plan=[1])
        async with world.pool.acquire() as connection, connection.transaction():
            await embedded.publish(
                connection,
                [
                    NewItem("submit_smpp1", 1, 1, 1, pack(one))
                    for one in [*good[:2], damaged, *good[2:]]
                ],
            )
        world.configure(routed_to(port))
        await world.settled(DELIVERED=4, QUEUED=1)
        (letter,) = await world.pool.fetch("SELECT * FROM dead_letter")
        assert unpack(letter["payload"]).messages[0].id == bad.messages[0].id
        assert "cannot be delivered" in letter["reason"]
        assert letter["tries"] == 1
        assert carrier.stats.submits == 4
        assert await world.pool.fetchval("SELECT max(attempt) FROM message") == 1


@pytest.mark.parametrize("kind", ["udh8", "udh16", "sar", "payload"])
async def test_every_way_of_long_messages_arrives(dsn: str, kind: str) -> None:
    text = "Grüße aus dem Süden, ein langer Text. " * 9
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port, settings={"long_message": kind}))
        await world.send(2, text=text, segments=3)
        await world.settled(DELIVERED=2)
        assert [one.text for one in carrier.messages()] == [text] * 2
