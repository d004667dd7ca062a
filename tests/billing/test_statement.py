"""Statements: opening + entries = closing, month by month, whatever the clock and the zone do."""

from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.pipeline.world import data_plane_pool

from cpaas.billing import statement_queries as queries
from cpaas.billing.statement import statement
from cpaas.billing.types import Line
from cpaas.kit.errors import InputError

ZONE = "Asia/Kolkata"
MINUTE = 60
START = int(datetime(2026, 8, 1, tzinfo=UTC).timestamp())


def us(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc,arg-type]


async def opened(pool: Any, name: str = "a") -> int:
    return int(await pool.fetchval("INSERT INTO account (name) VALUES ($1) RETURNING id", name))


async def book(pool: Any, account: int, at_us: int, amount: int, kind: str = "DEBIT") -> None:
    await pool.execute(
        "INSERT INTO ledger_entry (account_id, kind, amount_micro, created_at)"
        " VALUES ($1, $2, $3, timestamptz 'epoch' + $4::bigint * interval '1 microsecond')",
        account, kind, amount, at_us,
    )  # fmt: skip


async def read(pool: Any, account: int, month: str, now_us: int, zone: str = ZONE) -> Any:
    async with pool.acquire() as connection:
        return await statement(connection, account, month, timezone=zone, now_us=now_us)


async def test_a_month_begins_in_the_platforms_zone_and_is_kept(pool: asyncpg.Pool) -> None:
    one = await opened(pool)
    await book(pool, one, us(2026, 9, 30, 18, 29, 59), 100, "CREDIT")
    await book(pool, one, us(2026, 9, 30, 18, 30), -7)
    await book(pool, one, us(2026, 10, 12), -5)
    await book(pool, one, us(2026, 10, 12), 2, "REFUND")
    now = us(2026, 11, 20)
    october = await read(pool, one, "2026-10", now)
    assert (october.opening_micro, october.closing_micro) == (100, 90)
    assert october.lines == [Line("DEBIT", 2, -12), Line("REFUND", 1, 2)]
    assert (october.from_us, october.until_us) == (
        us(2026, 9, 30, 18, 30),
        us(2026, 10, 31, 18, 30),
    )
    assert october.closed
    assert await pool.fetchval("SELECT count(*) FROM account_statement") == 2
    assert await read(pool, one, "2026-10", now) == october
    november = await read(pool, one, "2026-11", now)
    assert (november.opening_micro, november.lines, november.closed) == (90, [], False)
    before = await read(pool, one, "2026-01", now)
    assert (before.opening_micro, before.closing_micro, before.lines) == (0, 0, [])


async def test_another_zone_moves_no_entry_into_two_months(pool: asyncpg.Pool) -> None:
    one = await opened(pool)
    await book(pool, one, us(2026, 9, 30, 20), 9, "CREDIT")
    now = us(2026, 11, 20)
    september = await read(pool, one, "2026-09", now, "UTC")
    october = await read(pool, one, "2026-10", now, ZONE)
    assert (september.closing_micro, october.opening_micro, october.lines) == (9, 9, [])


@pytest.mark.parametrize("month", ["2026-13", "26-01", "november", "2027-01", ""])
async def test_no_such_month(pool: asyncpg.Pool, month: str) -> None:
    with pytest.raises(InputError):
        await read(pool, await opened(pool), month, us(2026, 11, 20))


async def test_a_month_stays_open_while_somebody_may_still_book_in_it(
    dsn: str, pool: asyncpg.Pool
) -> None:
    async with pool.acquire() as connection:
        assert await queries.is_over(connection, us(2026, 1, 1))
        # Its transaction began before this moment, whatever it is going to write.
        open_since = await asyncpg.connect(dsn)
        async with open_since.transaction():
            await open_since.execute("SELECT 1")
            soon = await connection.fetchval("SELECT (extract(epoch FROM now()) * 1000000)::bigint")
            assert not await queries.is_over(connection, soon)
        await open_since.close()
        assert await queries.is_over(connection, soon)


async def test_ranges_of_the_ledger_are_found_by_halving(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:
        one, other = await opened(pool), await opened(pool, "b")
        for hour in range(100):
            await book(pool, one if hour % 3 else other, (START + hour * 3600) * 1_000_000, -1)
        async with pool.acquire() as connection:
            since = (START + 50 * 3600) * 1_000_000
            lowest = await queries.first_id(connection, since)
            ids = [row["id"] for row in await queries.entries(
                connection, one, below=2**62, lowest_id=lowest, since_us=since, until_us=None,
                kind=None, limit=100)]  # fmt: skip
            assert len(ids) == 33
            assert lowest <= min(ids)
            assert lowest > 40


ENTRIES = st.lists(
    st.tuples(st.integers(0, 110 * 24 * MINUTE), st.integers(-50, 50),
              st.sampled_from(["DEBIT", "REFUND", "CREDIT", "ADJUST"])),
    max_size=30,
)  # fmt: skip


@pytest.mark.slow
@settings(
    max_examples=20, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(entries=ENTRIES, order=st.permutations(["2026-08", "2026-09", "2026-10", "2026-11"]))
def test_every_month_opens_with_the_close_of_the_last(
    dsn: str, entries: list[tuple[int, int, str]], order: list[str]
) -> None:
    import asyncio

    async def run() -> None:
        async with data_plane_pool(dsn) as pool:
            name = str(await pool.fetchval("SELECT gen_random_uuid()::text"))
            one = await opened(pool, name)
            for minute, amount, kind in sorted(entries):
                await book(pool, one, (START + minute * MINUTE) * 1_000_000, amount, kind)
            now = us(2026, 11, 26)
            made = {month: await read(pool, one, month, now) for month in order}
            balance = 0
            for month in sorted(made):
                assert made[month].opening_micro == balance
                balance += sum(line.amount_micro for line in made[month].lines)
                assert made[month].closing_micro == balance
            assert balance == sum(amount for _, amount, _ in entries)

    asyncio.run(run())
