"""A file becomes rows and faults, once and whole, with what it would cost."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.campaigns.bureau import Bureau, bureau, table
from tests.pipeline.accepting import PRICE

from cpaas.campaigns import queries, row_queries
from cpaas.campaigns.stage import MovedError, read_file
from cpaas.campaigns.tally import read_estimate
from cpaas.campaigns.types import Campaign, Content, Mapping

FILE = b"""Mobile,name,city
+919876543210,Ann,Pune
919876543211,,Delhi
12,Bob,Agra
+919876543210,Ann,Pune
+4915112345678,Eve,Bonn
"""


@pytest.fixture
async def here(dsn: str) -> AsyncIterator[Bureau]:
    async with bureau(dsn) as made:
        yield made


async def told(here: Bureau, campaign: Campaign) -> list[tuple[int, str, str]]:
    found = await row_queries.faults(
        here.pool, here.account_id, campaign.id, after=(0, 0), limit=100
    )
    return [(fault.row, fault.code, fault.stage) for _, fault in found]


async def test_a_file_is_read_checked_and_priced_in_one_pass(here: Bureau) -> None:
    found = await here.ready(FILE)
    assert (found.file_state, found.columns, found.number_column) == (
        "READY", ["Mobile", "name", "city"], 0,
    )  # fmt: skip
    assert (found.total_rows, found.good_rows, found.bad_rows, found.duplicate_rows) == (5, 3, 1, 1)
    rows = await row_queries.rows(here.pool, here.account_id, found.id, since=1, limit=10)
    assert [(row.number, row.to, row.cells) for row in rows] == [
        (2, "+919876543210", ["Ann", "Pune"]),
        (3, "+919876543211", ["", "Delhi"]),
        (6, "+4915112345678", ["Eve", "Bonn"]),
    ]
    assert [row.zone for row in rows] == ["Asia/Calcutta", "Asia/Calcutta", "Europe/Berlin"]
    assert await told(here, found) == [
        (3, "variable_empty", "check"), (4, "invalid_number", "file"), (5, "duplicate", "file"),
    ]  # fmt: skip
    estimate = read_estimate(found.estimate)
    assert estimate is not None
    assert (estimate.messages, estimate.segments, estimate.cost_micro) == (2, 2, 2 * PRICE)
    assert estimate.countries == {"IN": [1, 1, PRICE], "DE": [1, 1, PRICE]}
    assert estimate.refused == {"variable_empty": 1}
    assert estimate.samples == ["Hello Ann", "Hello Eve"]


async def test_other_content_is_checked_anew_without_the_file(here: Bureau) -> None:
    found = await here.ready(FILE)
    async with here.pool.acquire() as connection, connection.transaction():
        await queries.change(
            connection, found, name="Other", content=Content("sms", "{{city}} " * 40),
            pace=found.pace, mapping=found.mapping,
        )  # fmt: skip
    assert (await here.find(found)).estimate is None
    await here.read()
    estimate = read_estimate((await here.find(found)).estimate)
    assert estimate is not None
    assert (estimate.messages, estimate.segments) == (3, 6)
    assert [code for _, code, stage in await told(here, found) if stage == "check"] == []


async def test_another_mapping_reads_the_file_anew(here: Bureau) -> None:
    found = await here.ready(b"98765 43210;x\n98765 43211;y\n", text="hello")
    assert found.file_state == "REFUSED"
    async with here.pool.acquire() as connection, connection.transaction():
        await queries.change(
            connection, found, name="Spring", content=found.content, pace=found.pace,
            mapping=Mapping(country="IN"),
        )  # fmt: skip
    await here.read()
    found = await here.find(found)
    assert (found.file_state, found.good_rows) == ("READY", 2)


async def test_what_is_blocked_costs_nothing(here: Bureau) -> None:
    for owner, number in ((here.account_id, "+919876543210"), (0, "+4915112345678")):
        await here.pool.execute(
            "INSERT INTO blacklist_entry (account_id, number) VALUES ($1, $2)", owner, number
        )
    estimate = read_estimate((await here.ready(FILE, text="hello")).estimate)
    assert estimate is not None
    assert (estimate.messages, estimate.blocked, estimate.cost_micro) == (1, 2, PRICE)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"name\nAnn\n", "number_column_missing"),
        (b"phone\n12\n13\n", "number_column_missing"),
        (b"phone,x\n+9198765,y\n+9198766,z\n", "no_valid_rows"),
        (b'phone\n+919876543210\n"', "file_quote_open"),
    ],
)
async def test_a_file_that_cannot_be_sent_to_says_why(
    here: Bureau, content: bytes, code: str
) -> None:
    found = await here.ready(content)
    assert (found.file_state, found.file_error_code) == ("REFUSED", code)
    assert found.file_error.endswith(".")
    assert not await row_queries.rows(here.pool, here.account_id, found.id, since=1, limit=9)


async def test_content_that_no_row_passes_is_told_once(here: Bureau) -> None:
    estimate = read_estimate((await here.ready(FILE, sender="NOBODY")).estimate)
    assert estimate is not None
    assert estimate.refused == {"sender_not_approved": 3}


async def test_a_killed_reader_begins_anew(here: Bureau) -> None:
    made = await here.make()
    await here.give(made, table(12_000))
    found = await queries.claim_reading(here.pool)
    assert found == (here.account_id, made.id)
    reading = asyncio.create_task(
        read_file(here.pool, await here.find(made), here.desk.holder.current, 1)
    )
    while not await here.pool.fetchval("SELECT count(*) FROM campaign_row"):
        await asyncio.sleep(0.01)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert await queries.claim_reading(here.pool) is None
    await queries.release(here.pool, made.id)
    await here.read()
    done = await here.find(made)
    assert (done.file_state, done.good_rows, done.last_row) == ("READY", 12_000, 12_001)
    assert await here.pool.fetchval("SELECT count(*) FROM campaign_row") == 12_000


async def test_another_file_ends_the_reading_of_the_first(here: Bureau) -> None:
    made = await here.make()
    await here.give(made, table(10))
    await queries.claim_reading(here.pool)
    old = await here.find(made)
    await here.give(made, table(3))
    with pytest.raises(MovedError):
        await read_file(here.pool, old, here.desk.holder.current, 1)
    await here.read()
    assert (await here.find(made)).good_rows == 3


async def test_what_ends_its_reader_every_time_is_given_up(here: Bureau) -> None:
    made = await here.make()
    await here.give(made, table(3))
    for _ in range(queries.TRIES_MAX):
        assert await queries.claim_reading(here.pool) is not None
        await queries.release(here.pool, made.id)
    await queries.close_abandoned(here.pool)
    assert (await here.find(made)).file_error_code == "file_interrupted"
