"""What every carrier of work must do; each implementation runs the same suite."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import asyncpg
import pytest

from cpaas.broker import embedded, embedded_queries
from cpaas.broker.amqp import Link
from cpaas.broker.base import APART_AFTER, Consumer, Item, ItemsGoneError, NewItem
from cpaas.broker.relay import RelayConsumer
from cpaas.broker.wakeups import QueueWakeups, channels

QUEUE = "cpaas.sms.submit"
Make = Callable[..., Any]


def item(account: int = 1, lane: int = 1, body: bytes = b"x", **more: Any) -> NewItem:
    return NewItem(more.pop("queue", QUEUE), lane, account, 1, body, **more)


async def put(pool: asyncpg.Pool, *items: NewItem) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await embedded.publish(connection, items)


async def got(consumer: Consumer, most: int) -> list[Item]:
    """The first take that is not empty: what was on its way to another may take a moment."""
    async with asyncio.timeout(60):
        while not (taken := await consumer.take(most)):
            await consumer.wait(0.1)
    return taken


async def taken_by_the_dying(make: Make) -> list[Item]:
    """What one takes that ends then; its lease ends at once."""
    consumer = make(lease_seconds=0)
    taken: list[Item] = await consumer.take(10)
    consumer.close()
    if isinstance(consumer, RelayConsumer):
        await consumer.closed()
    return taken


@pytest.fixture(params=["embedded", "rabbitmq"])
async def make(request: pytest.FixtureRequest, pool: asyncpg.Pool, dsn: str) -> AsyncIterator[Make]:
    wakeups = QueueWakeups(dsn)
    await wakeups.start()
    if request.param == "embedded":
        yield partial(_embedded, pool, wakeups)
    else:
        link = Link(request.getfixturevalue("rabbitmq").url, "tests")
        await link.start()
        made: list[RelayConsumer] = []
        yield partial(_relaying, pool, wakeups, link, made)
        for one in made:
            one.close()
            await one.closed()
        await link.close()
        # Else the suite would not have tested what it is named for.
        assert sum(one.passed_by for one in made) == 0
    await wakeups.close()


def _embedded(
    pool: asyncpg.Pool, wakeups: QueueWakeups, instance_id: int = 1, queue: str = QUEUE, **more: Any
) -> Consumer:
    return embedded.EmbeddedConsumer(pool, queue, instance_id, wakeups=wakeups, **more)


def _relaying(
    pool: asyncpg.Pool, wakeups: QueueWakeups, link: Link, made: list[RelayConsumer],
    instance_id: int = 1, queue: str = QUEUE, **more: Any,
) -> Consumer:  # fmt: skip
    consumer = RelayConsumer(
        pool, queue, instance_id, link=link, queue_type="classic", wakeups=wakeups, **more
    )
    made.append(consumer)
    return consumer


async def test_what_is_published_is_taken_once(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, item(7, 1, b"abc"))
    one, other = make(1), make(2)
    (taken,) = await one.take(10)
    assert (taken.queue, taken.lane, taken.account_id, taken.payload) == (QUEUE, 1, 7, b"abc")
    assert taken.tries == 1
    assert await one.take(10) == []
    assert await other.take(10) == []


async def test_nothing_is_published_by_a_transaction_that_fails(
    pool: asyncpg.Pool, make: Make
) -> None:
    async with pool.acquire() as connection:
        with contextlib.suppress(RuntimeError):
            async with connection.transaction():
                await embedded.publish(connection, [item()])
                raise RuntimeError
    assert await make().take(10) == []


async def test_complete_is_part_of_the_consumers_transaction(
    pool: asyncpg.Pool, make: Make
) -> None:
    await put(pool, item())
    consumer = make()
    (taken,) = await consumer.take(1)
    async with pool.acquire() as connection:
        with contextlib.suppress(RuntimeError):
            async with connection.transaction():
                await consumer.complete(connection, [taken.id])
                raise RuntimeError
        assert (await embedded.depth(connection, QUEUE)).items == 1
        async with connection.transaction():
            await consumer.complete(connection, [taken.id])
        assert (await embedded.depth(connection, QUEUE)).items == 0


async def test_a_lease_that_ends_gives_the_item_to_another(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, item())
    dead, living = make(1, lease_seconds=0.05), make(2)
    assert await dead.take(1)
    await asyncio.sleep(0.06)
    dead.close()
    (again,) = await got(living, 1)
    assert again.tries == 2
    # Whoever lost the lease can no longer give the item away.
    await dead.release([again.id])
    await dead.extend([again.id])
    assert await dead.take(1) == []


async def test_extend_keeps_a_lease(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, item())
    short, long = make(1, lease_seconds=0.05), make(1, lease_seconds=60)
    (taken,) = await short.take(1)
    await long.extend([taken.id])
    await asyncio.sleep(0.06)
    assert await make(2).take(1) == []


async def test_release_is_no_try(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, item())
    consumer = make()
    for _ in range(3):
        (taken,) = await consumer.take(1)
        assert taken.tries == 1
        await consumer.release([taken.id])
    (taken,) = await consumer.take(1)
    await consumer.release([taken.id], delay_ms=60_000)
    assert await consumer.take(1) == []


async def test_what_waits_apart_is_taken_only_by_name(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, item(1), item(2))
    consumer = make()
    taken = await got(consumer, 10)
    await consumer.release([one.id for one in taken], lane=7)
    assert await consumer.take(10) == []
    async with pool.acquire() as connection:
        assert await embedded.lanes_apart(connection, QUEUE) == [7]
    again = await consumer.take(10, lanes=(7,))
    assert [one.tries for one in again] == [1, 1]
    # Given back without a lane, one is where it was published; the other is put back there.
    await consumer.release([again[0].id])
    await consumer.release([again[1].id], lane=7)
    assert [one.lane for one in await consumer.take(10)] == [1]
    async with pool.acquire() as connection:
        assert await embedded.end_waits(connection, QUEUE, [7], 10) == 1
        assert await embedded.lanes_apart(connection, QUEUE) == []
    assert [one.lane for one in await consumer.take(10)] == [1]


async def test_a_take_for_so_many_messages_goes_on_with_the_next_account(
    pool: asyncpg.Pool, make: Make
) -> None:
    lists = [NewItem(QUEUE, 7, n, 500, b"x") for n in range(1, 6) for _ in range(2)]
    await put(pool, *lists)
    consumer = make()
    seen = []
    for _ in range(5):
        taken = await consumer.take(10, lanes=(7,), room=25, piece=10)
        seen.append([one.account_id for one in taken])
        await consumer.release([one.id for one in taken], lane=7)
    assert seen == [[1, 2, 3], [4, 5, 1], [2, 3, 4], [5, 1, 2], [3, 4, 5]]


async def test_delayed_items_wait(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, item(delay_ms=60_000), item(body=b"now"))
    assert [i.payload for i in await make().take(10)] == [b"now"]


async def test_otp_first_yet_no_lane_waits_for_ever(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, *[item(lane=2) for _ in range(3)], *[item(lane=0) for _ in range(30)])
    consumer = make()
    lanes = [(await consumer.take(1))[0].lane for _ in range(16)]
    assert lanes[:7] == [0] * 7
    assert lanes.count(2) == 2


async def test_accounts_share_a_take(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, *[item(1) for _ in range(200)], *[item(n) for n in (2, 3, 4)])
    consumer = make()
    first = [i.account_id for i in await consumer.take(8)]
    assert first[:4] == [1, 2, 3, 4]
    assert first.count(1) == 2
    assert {i.account_id for i in await consumer.take(8)} == {1}


async def test_each_account_comes_round(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, *[item(n) for n in range(1, 11) for _ in range(5)])
    consumer = make()
    seen = [i.account_id for _ in range(5) for i in await consumer.take(4)]
    assert seen == list(range(1, 11)) * 2


async def test_accounts_can_be_left_out(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, item(1), item(2))
    assert [i.account_id for i in await make().take(5, not_accounts=[1])] == [2]


async def test_wait_ends_with_a_publish(pool: asyncpg.Pool, make: Make) -> None:
    consumer = make()
    await consumer.wait(5)
    waiting = asyncio.create_task(consumer.wait(5))
    await put(pool, item())
    await asyncio.wait_for(waiting, 5)
    assert await consumer.take(1)


async def test_buried_items_keep_their_reason_and_can_be_replayed(
    pool: asyncpg.Pool, make: Make
) -> None:
    await put(pool, item(9, 2, b"damaged"))
    consumer = make()
    await consumer.bury(await consumer.take(1), "cannot be read")
    row = await pool.fetchrow("SELECT * FROM dead_letter")
    assert (row["queue"], row["account_id"], row["lane"]) == (QUEUE, 9, 2)
    assert (row["reason"], row["payload"]) == ("cannot be read", b"damaged")
    async with pool.acquire() as connection:
        assert await embedded.replay(connection, [row["id"]]) == 1
        assert await embedded.replay(connection, [row["id"]]) == 0
    assert [i.payload for i in await consumer.take(1)] == [b"damaged"]


async def test_an_item_taken_too_often_is_buried(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, item())
    consumer = make(tries_max=2, lease_seconds=0)
    assert [len(await consumer.take(1)) for _ in range(3)] == [1, 1, 0]
    assert "taken 2 times" in await pool.fetchval("SELECT reason FROM dead_letter")


async def test_what_may_end_its_workers_is_worked_alone(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, item(1, body=b"bad"), *[item(n) for n in (2, 3, 4)])
    # Each taker dies with all that it took, until the item is alone; then only that one counts.
    sizes = [len(await taken_by_the_dying(make)) for _ in range(APART_AFTER)]
    assert sizes == [4] * APART_AFTER
    (suspect,) = await taken_by_the_dying(make)
    assert suspect.tries == APART_AFTER + 1
    others = await pool.fetch("SELECT tries FROM queue_item WHERE id <> $1", suspect.id)
    assert [row[0] for row in others] == [APART_AFTER] * 3
    consumer = make()
    async with pool.acquire() as connection:
        for _ in range(4):
            taken = await consumer.take(10)
            assert len(taken) == 1
            await consumer.complete(connection, [one.id for one in taken if one.account_id > 1])
            await consumer.release([one.id for one in taken if one.account_id == 1])
    assert await pool.fetchval("SELECT count(*) FROM dead_letter") == 0


async def test_depth_tells_messages_and_age(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, NewItem(QUEUE, 1, 1, 40, b""), NewItem(QUEUE, 1, 2, 2, b""))
    async with pool.acquire() as connection:
        depth = await embedded.depth(connection, QUEUE)
        assert (depth.items, depth.messages) == (2, 42)
        assert depth.oldest_seconds >= 0
        assert await embedded.depth(connection, "other") == embedded.Depth(0, 0, 0.0)


def test_each_queue_is_a_channel_whose_name_postgresql_takes() -> None:
    assert channels({"b", "a"}) == ["a", "b"]
    assert channels({"q" * 70, "q" * 63}) == ["q" * 63]
    assert channels(set()) == []


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *[node for child in plan.get("Plans", []) for node in nodes(child)]]


@pytest.mark.slow
async def test_a_plan_made_on_an_empty_table_holds_with_a_great_backlog(
    pool: asyncpg.Pool,
) -> None:
    async with pool.acquire() as connection:
        await connection.execute("ALTER TABLE queue_item SET (autovacuum_enabled = off)")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        types = "text, smallint[], bigint[], bigint, bigint[], float8, bigint, integer"
        await connection.execute(f"PREPARE take ({types}) AS {embedded_queries.TAKE}")
        values = f"('{QUEUE}', '{{0,1,2}}', '{{-1,-1,-1}}', 16, '{{}}', 30, 1, 500)"
        await connection.execute(f"EXECUTE take {values}")
        await connection.execute(
            "INSERT INTO queue_item (queue, lane, account_id, payload)"
            " SELECT $1, 1, CASE WHEN n % 20000 = 0 THEN n ELSE 5 END, '' "
            " FROM generate_series(1, 200000) n", QUEUE,
        )  # fmt: skip
        rows = await connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE take {values}"
        )
        await connection.execute("RESET plan_cache_mode")
    (plan,) = json.loads(rows)
    for node in nodes(plan["Plan"]):
        assert node["Node Type"] != "Seq Scan", node
        assert node["Actual Rows"] * node["Actual Loops"] < 1_000, node
    # A pass over the backlog would touch some 2,600 blocks of the index alone.
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 600


async def test_a_take_tells_whether_it_may_have_left_something(
    pool: asyncpg.Pool, make: Make
) -> None:
    await put(pool, *[item(1) for _ in range(6)], item(2), item(2, lane=0))
    consumer = make()
    assert len(await consumer.take(8)) == 6  # Account 1 had its half of the others' lane.
    assert consumer.more
    assert len(await consumer.take(8)) == 2
    assert not consumer.more


async def test_items_are_replaced_by_what_became_of_them(pool: asyncpg.Pool, make: Make) -> None:
    await put(pool, item())
    consumer, other = make(), make(queue="submit_smpp1")
    (taken,) = await consumer.take(1)
    async with pool.acquire() as connection:
        await consumer.replace(connection, [taken.id], [item(queue="submit_smpp1", body=b"y")])
        assert (await embedded.depth(connection, QUEUE)).items == 0
    assert [i.payload for i in await other.take(5)] == [b"y"]


async def test_of_two_who_hold_an_item_one_publishes_what_became_of_it(
    pool: asyncpg.Pool, make: Make
) -> None:
    await put(pool, item(), item())
    late, other, heirs = make(1, lease_seconds=0), make(2), make(queue="submit_smpp1")
    held = [one.id for one in await late.take(2)]
    again = [one.id for one in await got(other, 2)]
    assert sorted(held) == sorted(again)
    became = [item(queue="submit_smpp1", body=b"y")]
    async with pool.acquire() as connection:
        await other.replace(connection, again[:1], became)
        # Whole: the item that is still there is left to who holds it.
        with pytest.raises(ItemsGoneError):
            await late.replace(connection, again, became)
        assert (await embedded.depth(connection, QUEUE)).items == 1
        assert await late.complete(connection, again) == set(again[1:])
        assert await other.complete(connection, again) == set()
    assert [i.payload for i in await got(heirs, 5)] == [b"y"]
