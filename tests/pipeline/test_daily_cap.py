"""The daily cap: exact in one process, told of what others accepted, anew with every day."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from tests.pipeline.accepting import Desk, desk

from cpaas.pipeline.daily_cap import DailyCaps, day_of
from cpaas.pipeline.drafts import Outcome
from cpaas.pipeline.refusals import RefusedError
from cpaas.reports.fold import fold

#: the world has no setting for it.
ZONE = "UTC"
HOUR_US = 3_600_000_000


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[Desk]:
    async with desk(dsn) as made:
        yield made


def code(outcome: Outcome) -> str:
    return outcome.code if isinstance(outcome, RefusedError) else ""


async def sent(world: Desk, account_id: int, count: int = 1, **more: object) -> str:
    try:
        to = [f"+9198{n:08d}" for n in range(count)]
        return code(await world.send(account_id, to, **more))
    except RefusedError as error:
        return error.code


async def capped(world: Desk, cap: int, balance: int = 1_000_000_000) -> int:
    one = await world.account(balance=balance)
    await cap_at(world, one, cap)
    return one


async def cap_at(world: Desk, one: int, cap: int) -> None:
    await world.pool.execute("UPDATE account SET daily_cap = $1", cap)
    async with asyncio.timeout(60):
        while world.holder.current.accounts[one].daily_cap != cap:
            await asyncio.sleep(0.005)
    await world.acceptor._count_days()


async def test_a_cap_is_kept_to_the_message(world: Desk) -> None:
    one = await capped(world, 5)
    assert await sent(world, one, 3) == ""
    assert await sent(world, one, 3) == "daily_cap_reached"
    both = await asyncio.gather(*(sent(world, one) for _ in range(3)))
    assert sorted(both) == ["", "", "daily_cap_reached"]
    assert await world.pool.fetchval("SELECT count(*) FROM message") == 5
    with pytest.raises(RefusedError) as told:
        await world.send(one)
    assert 0 < told.value.retry_after <= 86_401
    # A test key's messages count nowhere.
    assert code(await world.send(one, "+9990000000001", is_test=True)) == ""


async def test_what_is_not_stored_does_not_count(world: Desk) -> None:
    one = await capped(world, 4, balance=3 * 120_000)
    assert await sent(world, one, 4) == "insufficient_balance"
    assert await sent(world, one, 2, key="k") == ""
    assert await sent(world, one, 2, key="k") == ""  # A replay stores nothing.
    assert await sent(world, one, 1) == ""
    await world.pool.execute("UPDATE wallet SET credit_limit_micro = 1000000000")
    assert await sent(world, one, 2) == "daily_cap_reached"
    assert await sent(world, one, 1) == ""


async def test_what_others_accepted_counts(world: Desk) -> None:
    one = await world.account()
    now_us = time.time_ns() // 1000
    begin, _ = day_of(now_us, ZONE)
    for instance, minute_us, accepted in ((7, now_us, 50), (8, now_us, 4), (9, begin, 5)):
        await world.pool.execute(
            "INSERT INTO counter_minute (minute, account_id, channel, route_id, country,"
            " instance_id, accepted) VALUES ($1, $2, 'sms', 0, 'IN', $3, $4)",
            minute_us - minute_us % 60_000_000, one, instance, accepted,
        )  # fmt: skip
    await cap_at(world, one, 10)
    # Its own counters of the day would be in it only if it were another process.
    assert await sent(world, one) == ""
    assert await sent(world, one) == "daily_cap_reached"
    await world.acceptor._count_days()
    assert await sent(world, one) == "daily_cap_reached"


async def test_a_process_that_starts_anew_goes_on_counting(dsn: str, world: Desk) -> None:
    one = await capped(world, 3)
    assert await sent(world, one, 2) == ""
    caps = DailyCaps(instance_id=99)
    accounts = world.holder.current.accounts
    now_us = time.time_ns() // 1000
    with pytest.raises(RefusedError, match="unavailable"):
        caps.take(accounts[one], 1, now_us, ZONE)
    await caps.refresh(world.pool, accounts.values(), now_us, ZONE)
    caps.take(accounts[one], 1, now_us, ZONE)
    with pytest.raises(RefusedError, match="daily_cap_reached"):
        caps.take(accounts[one], 1, now_us, ZONE)
    # Tomorrow is a new day; a clock that steps back finds today as it was.
    tomorrow = day_of(now_us, ZONE)[1]
    caps.take(accounts[one], 3, tomorrow, ZONE)
    with pytest.raises(RefusedError, match="daily_cap_reached"):
        caps.take(accounts[one], 1, tomorrow + HOUR_US, ZONE)
    with pytest.raises(RefusedError, match="daily_cap_reached"):
        caps.take(accounts[one], 1, now_us, ZONE)


@pytest.mark.parametrize(
    ("now", "zone", "hours"),
    [
        (1_793_000_000, "Asia/Kolkata", 24),
        (1_793_000_000, "no such zone", 24),
        (1_774_750_000, "Europe/Berlin", 23),  # 29 March 2026: an hour is skipped
        (1_792_900_000, "Europe/Berlin", 25),  # 25 October 2026: an hour comes twice
    ],
)
def test_days_of_a_time_zone(now: int, zone: str, hours: int) -> None:
    begin, end = day_of(now * 1_000_000, zone)
    assert begin <= now * 1_000_000 < end
    assert end - begin == hours * HOUR_US


async def test_what_is_folded_still_counts_by_its_writer(world: Desk) -> None:
    one = await capped(world, 50)
    assert await sent(world, one, 3) == ""
    now_us = time.time_ns() // 1000
    assert await fold(world.pool, now_us + 2 * HOUR_US, ZONE)
    assert await world.pool.fetchval("SELECT count(*) FROM counter_minute") == 0
    writer = await world.pool.fetchval("SELECT instance_id FROM counter_instance_day")
    accounts = world.holder.current.accounts.values()
    for instance, others in ((writer, 0), (writer + 1, 3)):
        caps = DailyCaps(instance)
        await caps.refresh(world.pool, accounts, now_us, ZONE)
        assert caps._day.settled[one] + caps._day.recent[one] == others
        await caps.refresh(world.pool, accounts, now_us, ZONE)
        assert caps._day.settled[one] + caps._day.recent[one] == others
