"""The moments between claim and write: a link that goes, a commit whose answer is lost."""

import asyncio
import os
import signal
from typing import Any

import asyncpg
import msgspec
import pytest
from tests.gateway.harness import gateway_world, now_us, routed_to, smsc, until
from tests.gateway.test_deliver import bound
from tests.pipeline.world import INSTANCE, World, data_plane_pool
from tests.pipeline.world import route as plain_route
from tests.tcp_proxy import proxied

from cpaas.broker import embedded
from cpaas.broker.base import NewItem
from cpaas.broker.embedded import EmbeddedConsumer
from cpaas.broker.topology import gateway_queue
from cpaas.channels.base import Prepared
from cpaas.gateway import queries
from cpaas.gateway.buffer import OpenItem
from cpaas.gateway.claims import Batch, Claims
from cpaas.gateway.queries import Claim
from cpaas.messages.envelopes import LANE_NUMBER, pack, unpack


async def test_a_link_that_goes_after_the_claim_leaves_nothing_claimed(
    dsn: str, monkeypatch: Any
) -> None:
    claim = Claims.claim
    cut: list[int] = []
    async with smsc() as (carrier, port), gateway_world(dsn) as world:

        async def claim_and_cut(self: Claims, *given: Any) -> set[queries.Attempt]:
            claimed = await claim(self, *given)
            if claimed and not cut:
                cut.append(len(claimed))
                for client in world.host._running[1].gateway.link._senders:  # type: ignore[union-attr]
                    client._link.abort("cut by the test")
                    client._link.connection_lost(None)
            return claimed

        monkeypatch.setattr(Claims, "claim", claim_and_cut)
        world.configure(routed_to(port))
        await until(lambda: bound(world))
        await world.send(10, each=5)
        await world.settled(DELIVERED=10)
        assert cut
        assert carrier.stats.submits == 10
        attempts = await world.pool.fetchval("SELECT count(*) FROM message WHERE attempt = 2")
        assert attempts == cut[0]
        kinds = await world.pool.fetch("SELECT kind, attempt, route_id FROM message_event")
        assert [tuple(row) for row in kinds] == [("put_back", 1, 1)] * cut[0]
        await world.money_adds_up()


async def test_a_route_that_ends_while_the_database_is_away_hands_back_what_it_claimed(
    dsn: str, monkeypatch: Any
) -> None:
    claim = Claims.claim
    away: list[int] = []
    async with (
        proxied(dsn) as (database, through),
        smsc() as (carrier, port),
        smsc() as (other, other_port),
        gateway_world(through) as world,
    ):

        async def claim_and_go_away(self: Claims, *given: Any) -> set[queries.Attempt]:
            claimed = await claim(self, *given)
            if claimed and not away:
                away.append(len(claimed))
                world.host._running[1].gateway.may_send_until = 0.0
                database.refusing = True
                database.cut()
            return claimed

        monkeypatch.setattr(Claims, "claim", claim_and_go_away)
        world.configure(routed_to(port))
        await until(lambda: bound(world))
        await world.send(10, each=5)

        async def ends() -> bool:
            return bool(away) and not world.host._running

        async def tried() -> bool:
            return 1 in world.host._ending and not carrier.bindings

        async with asyncio.timeout(60):
            while not away:
                await asyncio.sleep(0.01)
        # Switched off while the database is away; its link goes all the same.
        world.configure(routed_to(port, active=False), routed_to(other_port, 2))
        await until(ends)
        await until(tried)
        database.refusing = False
        await world.settled(DELIVERED=10)
        assert (carrier.stats.submits, other.stats.submits) == (0, 10)
        await world.money_adds_up()


async def test_an_item_that_two_hand_on_goes_on_once(dsn: str) -> None:
    open_ones: list[tuple[Claims, OpenItem]] = []
    async with data_plane_pool(dsn) as pool:
        world = World(pool, 1_790_000_000_000_000)
        await world.open_account()
        sent = await world.message("QUEUED", claimed_by=0)
        queue = gateway_queue("smpp1")
        item = NewItem(queue, LANE_NUMBER[sent.lane], sent.account_id, 1, pack(sent))
        async with pool.acquire() as connection, connection.transaction():
            await embedded.publish(connection, [item])
        # The first one's lease has ended when the second takes the item.
        for instance_id, lease_seconds in ((INSTANCE, 0.0), (INSTANCE + 1, 30.0)):
            consumer = EmbeddedConsumer(pool, queue, instance_id, lease_seconds=lease_seconds)
            (taken,) = await consumer.take(10)
            claims = Claims(
                pool, consumer, lambda: world.snapshot, instance_id=instance_id,
                clock_us=lambda: world.now_us,
            )  # fmt: skip
            open_ones.append((claims, OpenItem(taken, unpack(taken.payload))))
        for claims, one in open_ones:
            await claims.hand_on(plain_route(1), [one], [[2]])
        (moved,) = await pool.fetch("SELECT queue, messages FROM queue_item")
        assert tuple(moved) == ("cpaas.sms.submit", 1)


async def test_a_commit_whose_answer_is_lost_is_looked_up(dsn: str, monkeypatch: Any) -> None:
    claim = Claims.claim
    lost: list[str] = []
    async with smsc() as (carrier, port), gateway_world(dsn) as world:

        async def claim_and_lose(self: Claims, *given: Any) -> set[queries.Attempt]:
            if not lost:
                lost.append("before")
                raise asyncpg.ConnectionDoesNotExistError("lost before the commit")
            claimed = await claim(self, *given)
            if claimed and len(lost) == 1:
                lost.append("after")
                raise asyncpg.ConnectionDoesNotExistError("lost after the commit")
            return claimed

        monkeypatch.setattr(Claims, "claim", claim_and_lose)
        world.configure(routed_to(port))
        await until(lambda: bound(world))
        await world.send(10, each=10)
        await world.settled(DELIVERED=10)
        assert lost == ["before", "after"]
        assert carrier.stats.submits == 10
        assert await world.pool.fetchval("SELECT min(attempt) FROM message") == 2


async def test_a_claim_that_lies_unread_at_the_server_claims_nothing_later(dsn: str) -> None:
    """Its connection is gone, and it would be committed after the look-up: so it is ended first."""
    async with data_plane_pool(dsn) as pool:
        world = World(pool, 1_790_000_000_000_000)
        await world.open_account()
        sent = await world.message("QUEUED", claimed_by=0)
        prepared = Prepared(sent, sent.messages[0], slots=1, parts=[], total=1)
        batch = Batch(world.now_us, [prepared])
        consumer = EmbeddedConsumer(pool, gateway_queue("smpp1"), INSTANCE)
        claims = Claims(
            pool, consumer, lambda: world.snapshot, instance_id=INSTANCE,
            clock_us=lambda: world.now_us,
        )  # fmt: skip
        async with pool.acquire() as connection:
            pid, transport = connection.get_server_pid(), connection._con._transport
        os.kill(pid, signal.SIGSTOP)
        try:
            claiming = asyncio.create_task(claims.claim(plain_route(1), batch))
            await asyncio.sleep(0.2)
            transport.abort()
            with pytest.raises(asyncpg.PostgresError):
                await claiming
            with pytest.raises(TimeoutError):
                await claims.claimed(batch)
        finally:
            os.kill(pid, signal.SIGCONT)

        async def gone() -> bool:
            return not await pool.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid
            )

        await until(gone)
        assert await claims.claimed(batch) == set()
        assert await pool.fetchval("SELECT status FROM message") == "QUEUED"


async def test_items_that_lie_twice_in_the_queue_are_written_once(dsn: str) -> None:
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port))
        await until(lambda: bound(world))
        world.now_us = now_us()
        queue = gateway_queue("smpp1")
        items = []
        for _ in range(10):
            sent = await world.message("QUEUED", claimed_by=0, plan=[1])
            items.append(NewItem(queue, LANE_NUMBER[sent.lane], sent.account_id, 1, pack(sent)))
        # As a route step leaves it that was killed while its commit was under way.
        async with world.pool.acquire() as connection, connection.transaction():
            await embedded.publish(connection, [*items, *items])
        await world.settled(DELIVERED=10)

        async def empty() -> bool:
            count = "SELECT count(*) FROM queue_item WHERE queue = $1"
            return not await world.pool.fetchval(count, queue)

        await until(empty)
        assert carrier.stats.submits == 10
        assert await world.pool.fetchval("SELECT max(attempt) FROM message") == 1
        await world.money_adds_up()


async def test_what_an_item_still_holds_of_an_earlier_attempt_is_not_written(dsn: str) -> None:
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port))
        await until(lambda: bound(world))
        world.now_us = now_us()
        queue = gateway_queue("smpp1")
        stale: list[NewItem] = []
        live: list[NewItem] = []
        for _ in range(10):
            sent = await world.message("QUEUED", claimed_by=0, plan=[1])
            (message,) = sent.messages
            again = msgspec.structs.replace(message, attempt=2)
            for items, one in ((stale, message), (live, again)):
                payload = pack(msgspec.structs.replace(sent, messages=[one]))
                items.append(NewItem(queue, LANE_NUMBER[sent.lane], sent.account_id, 1, payload))
        # An item that was worked in part when its process was killed comes back whole; what went
        # on as a new attempt meanwhile lies in an item of its own.
        async with world.pool.acquire() as connection, connection.transaction():
            await connection.execute("UPDATE message SET attempt = 2")
            await embedded.publish(connection, [*stale, *live])
        await world.settled(DELIVERED=10)
        assert carrier.stats.submits == 10
        assert await world.pool.fetchval("SELECT max(attempt) FROM message") == 2


async def test_only_the_attempt_that_was_claimed_is_written(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:
        world = World(pool, 1_790_000_000_000_000)
        await world.open_account()
        sent = await world.message("QUEUED", claimed_by=0)
        (message,) = sent.messages
        again = msgspec.structs.replace(message, attempt=2)
        live, twice, other = (Prepared(sent, m, 1, [], 1) for m in (message, message, again))
        claims = Claims(
            pool, EmbeddedConsumer(pool, "q", INSTANCE), lambda: world.snapshot,
            instance_id=INSTANCE, clock_us=lambda: world.now_us,
        )  # fmt: skip
        batch = Batch(world.now_us, [other, live, twice])
        claimed = await claims.claim(plain_route(1), batch)
        assert claimed == await claims.claimed(batch) == {(message.id, 1)}
        assert [one is live for one in batch.ours(claimed)] == [True]


async def test_a_commit_that_is_still_under_way_is_waited_for(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:
        world = World(pool, 1_790_000_000_000_000)
        await world.open_account()
        sent = await world.message("QUEUED", claimed_by=0)
        (message,) = sent.messages
        batch = Batch(world.now_us, [Prepared(sent, message, 1, [], 1)])
        claims = Claims(
            pool, EmbeddedConsumer(pool, "q", INSTANCE), lambda: world.snapshot,
            instance_id=INSTANCE, clock_us=lambda: world.now_us,
        )  # fmt: skip
        async with pool.acquire() as connection:
            slow = connection.transaction()
            await slow.start()
            await queries.claim(
                connection, [message.id], Claim(1, 0, "", 0), at_us=world.now_us,
                instance_id=INSTANCE, route_id=1,
            )  # fmt: skip
            asked = asyncio.create_task(claims.claimed(batch))
            await asyncio.wait([asked], timeout=0.2)
            await slow.commit()
        assert await asked == {(message.id, message.attempt)}


async def test_a_host_that_stops_while_it_asks_for_leases_starts_nothing(dsn: str) -> None:
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        async with world.pool.acquire() as connection, connection.transaction():
            await connection.execute("LOCK TABLE route_lease IN ACCESS EXCLUSIVE MODE")
            world.configure(routed_to(port))

            async def asking() -> bool:
                return bool(
                    await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
                )

            await until(asking)
            stopping = asyncio.create_task(world.host.stop(1.0))
            await asyncio.sleep(0)
        await stopping
        assert world._host_task is not None
        await asyncio.wait_for(asyncio.shield(world._host_task), 10)
        assert world.host._running == {}
        assert not carrier.bindings


async def test_what_a_stopped_process_had_open_is_taken_by_the_next(dsn: str) -> None:
    async with smsc() as (carrier, port):
        async with gateway_world(dsn) as world:
            world.configure(routed_to(port, tps=10))
            await world.send(60, each=30)

            async def some() -> bool:
                return carrier.stats.submits >= 3

            await until(some)
        async with gateway_world(dsn, fresh=False) as world:
            world.configure(routed_to(port, tps=200))
            await world.settled(DELIVERED=60)
            assert carrier.stats.submits == 60
