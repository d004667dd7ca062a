"""The ledger by day: a sum is the same before, while and after it is added up, in any zone."""

import asyncio
from datetime import UTC, date, datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from tests.pipeline.world import data_plane_pool

from cpaas.billing import statement_queries
from cpaas.billing.ledger_days import day_us, fold, sums, whole_days
from cpaas.billing.types import Line

KOLKATA, AUCKLAND = ZoneInfo("Asia/Kolkata"), ZoneInfo("Pacific/Auckland")
SPAN_US = 40 * 86_400_000_000
START_US = int(datetime(2026, 9, 10, tzinfo=UTC).timestamp()) * 1_000_000
BOOK = (
    "INSERT INTO ledger_entry (account_id, kind, amount_micro, created_at)"
    " VALUES ($1, $2, $3, timestamptz 'epoch' + $4::bigint * interval '1 microsecond')"
)
DAYS = "SELECT coalesce(sum(entries), 0)::int FROM ledger_day"


async def told(pool: Any, account: int, from_us: int, until_us: int, zone: ZoneInfo) -> list[Line]:
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        return await sums(connection, account, from_us=from_us, until_us=until_us, zone=zone)


def added(entries: list[tuple[int, str, int, int]], account: int, span: tuple[int, int]) -> Any:
    """What the entries sum up to, by kind."""
    found: dict[str, list[int]] = {}
    for one, kind, amount, at in entries:
        if one == account and span[0] <= at < span[1]:
            found.setdefault(kind, []).append(amount)
    return [Line(kind, len(found[kind]), sum(found[kind])) for kind in sorted(found)]


async def test_any_span_is_summed_the_same_at_every_stage(dsn: str) -> None:
    pick = Random(7)
    entries = sorted(
        (
            (pick.randint(1, 3), pick.choice(["DEBIT", "REFUND", "CREDIT"]),
             pick.randint(-90, 90), START_US + pick.randrange(SPAN_US))
            for _ in range(400)
        ),
        key=lambda one: one[3],
    )  # fmt: skip
    nothing = day_us(date(2026, 10, 1), KOLKATA)
    spans = [(START_US, START_US + SPAN_US), (nothing, nothing)]
    for _ in range(12):
        first, last = sorted(START_US + pick.randrange(SPAN_US) for _ in range(2))
        spans.append((first, last))
    spans += [(day_us(date(2026, 9, 12), zone), day_us(date(2026, 10, 2), zone))
              for zone in (KOLKATA, AUCKLAND)]  # fmt: skip
    async with data_plane_pool(dsn) as pool:
        booked = 0
        for upto, zone in ((0, KOLKATA), (150, KOLKATA), (400, KOLKATA), (400, AUCKLAND)):
            for entry in entries[booked:upto]:
                await pool.execute(BOOK, *entry)
            booked = upto
            # The first look remembers, the second adds up; the last two are of another zone.
            for _ in range(2):
                await fold(pool, str(zone))
                for number, span in enumerate(spans):
                    for shown in (KOLKATA, AUCKLAND):
                        account = number % 3 + 1
                        assert await told(pool, account, *span, shown) == added(
                            entries[:booked], account, span
                        )
            assert await pool.fetchval(DAYS) == booked


async def test_who_has_not_committed_is_waited_for(dsn: str) -> None:
    span = START_US, START_US + SPAN_US
    async with data_plane_pool(dsn) as pool:
        late = await asyncpg.connect(dsn)
        transaction = late.transaction()
        await transaction.start()
        await late.execute(BOOK, 1, "DEBIT", -5, START_US + 3)  # The lower id.
        await pool.execute(BOOK, 1, "DEBIT", -7, START_US + 9)
        await fold(pool, "Asia/Kolkata")
        assert await fold(pool, "Asia/Kolkata") == 0
        assert await told(pool, 1, *span, KOLKATA) == [Line("DEBIT", 1, -7)]
        await transaction.commit()
        await late.close()
        assert await fold(pool, "Asia/Kolkata") == 2
        assert await told(pool, 1, *span, KOLKATA) == [Line("DEBIT", 2, -12)]
        assert await pool.fetchval(DAYS) == 2


async def test_adding_up_beside_writers_loses_nothing(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:

        async def write(account: int) -> None:
            for number in range(60):
                await pool.execute(BOOK, account, "DEBIT", -1, START_US + number)

        async def adding() -> None:
            for _ in range(20):
                await fold(pool, "Asia/Kolkata")

        await asyncio.gather(write(1), write(2), adding(), adding())
        for _ in range(2):
            await fold(pool, "Asia/Kolkata")
        for account in (1, 2):
            found = await told(pool, account, START_US, START_US + SPAN_US, KOLKATA)
            assert found == [Line("DEBIT", 60, -60)]
        assert await pool.fetchval(DAYS) == 120


async def test_rare_kinds_are_read_from_their_own_index(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:
        for number in range(30):
            kind = "REFUND" if number % 10 == 0 else "DEBIT"
            await pool.execute(BOOK, 1, kind, number, START_US + number)
        asked: dict[str, Any] = {"below": 2**62, "lowest_id": 0, "since_us": None, "until_us": None}
        async with pool.acquire() as connection:
            for kind, wanted in (("REFUND", [20, 10, 0]), ("CREDIT", [])):
                rows = await statement_queries.entries(connection, 1, **asked, kind=kind, limit=10)
                assert [row["amount_micro"] for row in rows] == wanted
            assert len(
                await statement_queries.entries(connection, 1, **asked, kind="DEBIT", limit=50)
            ) == 27  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "day"),
    # On both days clocks go forward: at 2, and at midnight itself.
    [(AUCKLAND, date(2026, 9, 27)), (ZoneInfo("Africa/Cairo"), date(2026, 4, 24))],
)
def test_whole_days_begin_where_the_database_begins_them(zone: ZoneInfo, day: date) -> None:
    begins = day_us(day, zone)
    assert whole_days(begins, begins + 3 * 86_400_000_000, zone)[0] == day
    assert whole_days(begins + 1, begins + 3 * 86_400_000_000, zone)[0] > day
    assert datetime.fromtimestamp(begins / 1_000_000, zone).date() == day
