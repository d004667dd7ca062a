"""The message log: the same pages for services and consoles, bounded whatever is asked."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.pipeline.world import data_plane_pool
from tests.reports.world import ZONE, Traffic, ask_cursor, by_cursor, minutes, portal

from cpaas.kit.ids import new_id
from cpaas.reports import log
from cpaas.reports.check import read_filter
from cpaas.reports.log_queries import bounds, page
from cpaas.reports.statement import ask
from cpaas.reports.types import LogFilter, LogPage

NOW = datetime.now(UTC).replace(microsecond=0)
SPAN: dict[str, Any] = {"since": NOW - timedelta(hours=2), "until": NOW + timedelta(hours=1)}


@pytest.fixture
async def traffic(dsn: str) -> AsyncIterator[Traffic]:
    async with data_plane_pool(dsn) as pool:
        world = Traffic(pool, 0)
        for account in (1, 2):
            await world.open_account(account)
        for number in range(12):
            await world.send(
                NOW - minutes(number), "FAILED" if number % 4 == 3 else "DELIVERED",
                account_id=1 + number % 2, recipient=f"+91987654{number:04}",
                campaign_id=5 if number < 6 else 0, reference=f"r{number}",
                is_test=number == 11,
            )  # fmt: skip
        yield world


async def every(
    world: Traffic, wanted: LogFilter, account_id: int | None = None, **how: Any
) -> list[LogPage]:
    pages: list[LogPage] = []
    before = None
    while not pages or before:
        assert len(pages) < 50
        question = log.messages(account_id, wanted, before=before, **how)
        pages.append(await ask(world.pool, question))
        before = pages[-1].before
    return pages


def names(pages: list[LogPage]) -> list[str]:
    return [row.reference for found in pages for row in found.rows]


async def test_pages_follow_each_other(traffic: Traffic) -> None:
    pages = await every(traffic, LogFilter(**SPAN), limit=4)
    assert names(pages) == [f"r{n}" for n in range(11)]
    assert [len(one.rows) for one in pages] == [4, 4, 3]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"number": "+91 98765 40003"}, [3]),
        ({"number": "919876540003"}, [3]),
        ({"number": "+9198765400*"}, list(range(11))),
        ({"number": "+9198*"}, list(range(11))),
        ({"number": "+92*"}, []),
        ({"status": "failed"}, [3, 7]),
        ({"error": "absent_subscriber"}, [3, 7]),
        ({"campaign": "5"}, [0, 1, 2, 3, 4, 5]),
        ({"campaign": "5", "error": "absent_subscriber"}, [3]),
        ({"reference": "r7", "channel": "sms", "route": "1"}, [7]),
        ({"route": "2"}, []),
        ({"test": "yes"}, [11]),
        ({"test": "all", "status": "FAILED"}, [3, 7, 11]),
    ],
)
async def test_filters(traffic: Traffic, dsn: str, asked: dict[str, str], found: list[int]) -> None:
    given = {"from": SPAN["since"].isoformat(), "to": SPAN["until"].isoformat(), **asked}
    wanted = read_filter(given, NOW, ZONE)
    pages = await every(traffic, wanted, limit=3)
    assert names(pages) == [f"r{n}" for n in found]
    # The console's driver gives the very same rows.
    first = by_cursor(dsn, log.messages(None, wanted, limit=3))
    assert first == pages[0]
    own = await every(traffic, wanted, 2)
    assert names(own) == [f"r{n}" for n in found if n % 2]


async def test_by_id_and_by_provider_id(traffic: Traffic) -> None:
    (row,) = (await every(traffic, LogFilter(**SPAN, reference="r3")))[0].rows
    assert row.provider_message_id
    for given in ({"id": str(row.id)}, {"provider_id": row.provider_message_id}):
        span = {"from": SPAN["since"].isoformat()} if "id" not in given else {}
        wanted = read_filter({**span, **given}, NOW, ZONE)
        assert (await every(traffic, wanted))[0].rows == [row]
        assert not (await every(traffic, wanted, 1))[0].rows
    assert await ask(traffic.pool, log.message(2, row.id)) == row
    assert await ask(traffic.pool, log.message(None, row.id)) == row
    assert await ask(traffic.pool, log.message(1, row.id)) is None


async def test_earlier_attempts_are_found_by_their_provider_id(traffic: Traffic) -> None:
    (row,) = (await every(traffic, LogFilter(**SPAN, reference="r4")))[0].rows
    await traffic.pool.execute(
        "INSERT INTO message_part (message_id, attempt, part_no, account_id, route_id,"
        " provider_message_id, status) VALUES ($1, 1, 0, $2, 1, 'earlier', 'FAILED')",
        row.id.bytes, row.account_id,
    )  # fmt: skip
    wanted = LogFilter(**SPAN, provider_message_id="earlier")
    assert names(await every(traffic, wanted)) == ["r4"]


async def test_a_search_stops_and_says_how_far_it_looked(traffic: Traffic) -> None:
    wanted = LogFilter(**SPAN, status="FAILED")
    pages = await every(traffic, wanted, limit=5, walk=2)
    assert names(pages) == ["r3", "r7"]
    assert len(pages) > 4
    first = pages[0]
    assert not first.rows
    assert first.searched_to is not None
    assert abs(first.searched_to - (NOW - minutes(1))) < minutes(0.1)
    assert pages[-1].searched_to is None


async def test_the_portal_sees_its_own_whatever_it_asks(traffic: Traffic, dsn: str) -> None:
    with portal(dsn, 1) as cursor:
        mine = ask_cursor(cursor, log.messages(1, LogFilter(**SPAN)))
        assert {row.account_id for row in mine.rows} == {1}
        assert not ask_cursor(cursor, log.messages(2, LogFilter(**SPAN))).rows
        everything = ask_cursor(cursor, log.messages(None, LogFilter(**SPAN)))
        assert everything.rows == mine.rows


@pytest.fixture(scope="module")
def long_day(module_dsn: str) -> str:
    """A database with a day of 30,000 messages."""
    with psycopg.connect(module_dsn) as connection:
        connection.execute(
            "INSERT INTO message (id, account_id, valid_until, channel, lane, status, recipient,"
            " provider_message_id, error_code, campaign_id) SELECT"
            " encode(substring(uuid_send(cpaas_uuid_at(now())) FROM 1 FOR 8) || int8send(n), 'hex')"
            "::uuid, n % 50, now(), 'sms', 'otp', 'DELIVERED', '+9198' ||"
            " (n * 7919 % 100000000)::text, n::text,"
            " CASE n % 20 WHEN 0 THEN 'e' || n % 7 ELSE '' END,"
            " CASE n % 10 WHEN 0 THEN n % 9 ELSE 0 END FROM generate_series(1, 30000) n"
        )
        connection.execute("ANALYZE message")
    return module_dsn


@pytest.mark.parametrize(
    ("fields", "index"),
    [
        ({}, "pkey"),
        ({"status": "FAILED"}, "pkey"),
        ({"campaign_id": 5}, "campaign_id_id"),
        ({"error_code": "x"}, "error_code_id"),
        ({"recipient": "+919876543210"}, "recipient_id"),
        ({"recipient_prefix": "+919876543"}, "recipient_id"),
        ({"provider_message_id": "p"}, "id = keys.id"),
    ],
)
def test_no_page_reads_a_day_whole(long_day: str, fields: dict[str, Any], index: str) -> None:
    statement = page(None, LogFilter(**SPAN, **fields), new_id(), 51, 20_000)
    with psycopg.connect(long_day) as connection:
        rows = connection.execute("EXPLAIN " + statement.text, statement.args).fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert f"Seq Scan on message_{NOW:%Y%m%d}" not in plan, plan
    assert index in plan, plan
    assert "count(" not in statement.text.lower()


def test_ids_bound_the_days() -> None:
    lowest, below = bounds(LogFilter(**SPAN), None)
    assert lowest < new_id() < below
    before = new_id()
    assert bounds(LogFilter(**SPAN), before)[1] == before
