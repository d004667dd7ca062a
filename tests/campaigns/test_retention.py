"""What names people in a campaign goes with their messages; the campaign and its counts stay."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.campaigns.bureau import Bureau, bureau, table

from cpaas.campaigns import results, retention_queries
from cpaas.campaigns.results import Batches
from cpaas.campaigns.retention import forget_cells, forget_rows
from cpaas.campaigns.types import Campaign

NOW_US = time.time_ns() // 1000


@pytest.fixture
async def here(dsn: str) -> AsyncIterator[Bureau]:
    async with bureau(dsn) as made:
        yield made


async def ended(here: Bureau, days_ago: int) -> Campaign:
    """A campaign of two rows and a bad one that ended so many days ago."""
    made = await here.ready(table(2) + b"\n12,Bob")
    await here.pool.execute(
        "UPDATE campaign SET status = 'COMPLETED', launched = 2,"
        " finished_at = now() - $2 * interval '1 day' WHERE id = $1",
        made.id, days_ago,
    )  # fmt: skip
    return await here.find(made)


async def shown(here: Bureau, campaign: Campaign) -> list[tuple[str, list[str]]]:
    found = await here.find(campaign)
    async with here.pool.acquire() as connection:
        page = await results.page(connection, found, Batches([]), since=1, limit=10)
    return [(one.number, one.cells) for one in page]


async def count(here: Bureau, what: str, campaign: Campaign) -> Any:
    return await here.pool.fetchval(f"SELECT count(*) FROM {what}", campaign.blob_id)


async def test_rows_go_with_their_messages(here: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_queries, "MOST", 1)
    old, young = await ended(here, 40), await ended(here, 20)
    assert await forget_rows(here.pool, 0, NOW_US) == 0
    assert await forget_rows(here.pool, 30, NOW_US) == 1
    assert await shown(here, old) == []
    assert len(await shown(here, young)) == 3
    found = await here.find(old)
    assert (found.status, found.total_rows, found.good_rows, found.blob_id) == (
        "COMPLETED",
        3,
        2,
        0,
    )
    assert not await count(here, "blob WHERE id = $1", old)
    assert not await count(here, "blob_chunk WHERE blob_id = $1", old)
    assert await forget_rows(here.pool, 30, NOW_US) == 0
    actor, action = await here.pool.fetchrow(
        "SELECT actor, action FROM audit_log WHERE action = 'rows deleted'"
    )
    assert (actor, action) == ("system", "rows deleted")


async def test_cells_go_with_the_texts(here: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_queries, "MOST", 1)
    old, young = await ended(here, 10), await ended(here, 2)
    assert await forget_cells(here.pool, 7, NOW_US) == 1
    assert await shown(here, old) == [("+919800000000", []), ("+919800000001", []), ("12", [])]
    assert (await here.find(old)).columns == ["phone"]
    assert (await shown(here, young))[0] == ("+919800000000", ["Person 0"])
    assert await count(here, "blob WHERE id = $1", young) == 1
    assert await forget_cells(here.pool, 7, NOW_US) == 0


async def test_a_draft_nobody_started_loses_its_file(here: Bureau) -> None:
    made = await here.ready(table(2))
    await here.pool.execute("UPDATE campaign SET created_at = now() - interval '40 days'")
    assert await forget_cells(here.pool, 7, NOW_US) == 0
    assert await forget_rows(here.pool, 30, NOW_US) == 1
    found = await here.find(made)
    assert (found.status, found.file_state, found.estimate) == ("CREATED", "MISSING", None)
