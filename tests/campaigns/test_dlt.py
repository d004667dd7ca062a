"""India's DLT in campaigns: the check names rows by their mismatch, the hours are waited for."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.campaigns.bureau import Bureau, bureau
from tests.campaigns.test_launch import launcher, run, start

from cpaas.campaigns import intelligence, row_queries
from cpaas.campaigns.stage import check_rows
from cpaas.campaigns.tally import read_estimate
from cpaas.campaigns.types import Campaign
from cpaas.kit.clock import now_us

#: there are partitions for today and tomorrow: 01:30 in India, and 11:30 that morning.
NIGHT = datetime.now(UTC).replace(hour=20, minute=0, second=0, microsecond=0)
NIGHT_US = int(NIGHT.timestamp()) * 1_000_000
MORNING_US = int((NIGHT + timedelta(hours=10)).timestamp()) * 1_000_000
FILE = b"phone,words\n+919800000000,Hello Ann\n+919800000001,Bye Bob\n+4915112345678,Hallo\n"


@pytest.fixture
async def here(dsn: str) -> AsyncIterator[Bureau]:
    async with bureau(dsn) as made:
        await made.pool.execute(
            "INSERT INTO dlt_template (account_id, template_id, name, body, category)"
            " VALUES ($1, '1107160000000000001', 'hello', 'Hello {#var#}', 'promotional')",
            made.account_id,
        )
        await made.pool.execute(
            "UPDATE account SET pe_id = '1101000000000000001' WHERE id = $1", made.account_id
        )
        async with asyncio.timeout(60):
            while not made.desk.holder.current.accounts[made.account_id].pe_id:
                await asyncio.sleep(0.01)
        yield made


async def checked(here: Bureau, at_us: int) -> Campaign:
    made = await here.ready(FILE, "{{words}}", traffic_class="promotional")
    await check_rows(here.pool, made, here.desk.holder.current, at_us)
    return await here.find(made)


async def faults(here: Bureau, campaign: Campaign) -> list[tuple[int, str, str]]:
    found = await row_queries.faults(here.pool, here.account_id, campaign.id, after=(0, 0), limit=9)
    return [(one.row, one.code, one.stage) for _, one in found]


async def test_the_check_names_mismatches_at_any_hour(here: Bureau) -> None:
    for at_us in (NIGHT_US, MORNING_US):
        made = await checked(here, at_us)
        estimate = read_estimate(made.estimate)
        assert estimate is not None
        assert (estimate.messages, estimate.refused) == (2, {"dlt_template_not_found": 1})
        assert await faults(here, made) == [(3, "dlt_template_not_found", "check")]
    async with here.pool.acquire() as connection:
        current = here.desk.holder.current
        known = await intelligence.look(connection, current, made, NIGHT_US)
    assert known is not None
    assert known.starts_us == NIGHT_US + 8 * 3_600_000_000 + 1_800_000_000  # 10:00 in India


async def test_rows_wait_for_the_hours_and_then_go(here: Bureau) -> None:
    made = await checked(here, now_us())
    await start(here, made)
    at_us = NIGHT_US
    one = launcher(here, clock=lambda: at_us)
    waiting = await run(here, made, one)
    assert (waiting.status, waiting.launched) == ("PROCESSING", 0)
    assert waiting.reason_code == "dlt_promotional_hours"
    at_us = MORNING_US
    done = await run(here, made, one)
    assert (done.launched, done.refused_rows, done.reason_code) == (2, 1, "")
    assert await faults(here, made) == [(3, "dlt_template_not_found", "launch")]
