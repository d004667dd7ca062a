"""Exports: whole, harmless to a spreadsheet, resumed after a kill, one at a time, cleared away."""

import asyncio
import csv
import io
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest
import uvloop
from tests.pipeline.world import data_plane_pool
from tests.reports.world import ZONE, Traffic, minutes

from cpaas.blobs import queries as blobs
from cpaas.blobs.types import CHUNK_BYTES
from cpaas.kit.errors import InputError
from cpaas.reports import export, export_queries, export_rows, export_write
from cpaas.reports.days import today
from cpaas.reports.export_csv import csv_bytes, harmless
from cpaas.reports.export_types import Export
from cpaas.reports.statement import micros

NOW = datetime.now(UTC).replace(microsecond=0)
SPAN = {"from": (NOW - timedelta(hours=1)).isoformat(), "to": (NOW + minutes(1)).isoformat()}
YESTERDAY = (today(NOW, ZONE) - timedelta(days=1)).isoformat()
NASTY = '=HYPERLINK("http://x","y")'


@pytest.fixture
async def traffic(dsn: str) -> AsyncIterator[Traffic]:
    async with data_plane_pool(dsn) as pool:
        world = Traffic(pool, 0)
        for account in (1, 2):
            await world.open_account(account)
        for number in range(9):
            await world.send(
                NOW - minutes(10 + number), "SUBMITTED", account_id=1 + number % 2,
                reference=NASTY if number == 4 else f"r{number}", body=f"text\x01 {number} ü",
            )  # fmt: skip
        yield world


async def ask(world: Traffic, account_id: int = 0, form: str = "csv", **filters: str) -> Export:
    async with world.pool.acquire() as connection, connection.transaction():
        return await export.request(
            connection, account_id, "summary" if "by" in filters else "messages", form,
            (SPAN if "by" not in filters else {}) | filters, actor="user:ann", zone=ZONE,
            now_us=micros(NOW),
        )  # fmt: skip


async def make(world: Traffic, asked: Export) -> Export:
    claimed = await export_queries.claim(world.pool)
    assert claimed == asked.id
    await export_write.write(world.pool, asked.id, ZONE)
    found = await export_queries.find(world.pool, asked.account_id, asked.id)
    assert found is not None
    return found


async def content(world: Traffic, made: Export) -> bytes:
    blob = await export.file_of(world.pool, made)
    assert blob is not None
    data = b"".join([part async for part in blobs.read(world.pool.acquire, blob)])
    assert len(data) == blob.bytes
    return data


def lines(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


async def test_csv_of_the_operator(traffic: Traffic) -> None:
    made = await make(traffic, await ask(traffic))
    assert (made.status, made.rows, made.percent) == ("READY", 9, 100)
    rows = lines(await content(traffic, made))
    assert [row["Account"] for row in rows[:2]] == ["a1", "a2"]
    assert rows[0]["Recipient"] == "+919876543210"
    assert (rows[0]["Cost"], rows[0]["Status"]) == ("0.1200", "SUBMITTED")
    assert rows[0]["Accepted At (Asia/Kolkata)"].endswith("+05:30")
    assert rows[4]["Reference"] == f"'{NASTY}"
    assert "Text" not in rows[0]


async def test_a_customer_s_file_has_its_own_rows_only(traffic: Traffic) -> None:
    made = await make(traffic, await ask(traffic, 2, channel="sms"))
    rows = lines(await content(traffic, made))
    assert [row["Reference"] for row in rows] == ["r1", "r3", "r5", "r7"]
    assert rows[0]["Text"] == "text\x01 1 ü"
    assert not {"Account", "Route", "Carrier cost"} & set(rows[0])
    assert await export_queries.find(traffic.pool, 1, made.id) is None
    assert await blobs.find(traffic.pool, 1, made.blob_id) is None


async def test_xlsx(traffic: Traffic) -> None:
    made = await make(traffic, await ask(traffic, 1, "xlsx"))
    book = openpyxl.load_workbook(io.BytesIO(await content(traffic, made)))
    rows = list(book["Messages"].iter_rows())
    head = [cell.value for cell in rows[0]]
    assert len(rows) == 6
    reference = rows[3][head.index("Reference")]
    assert (reference.value, reference.data_type) == (NASTY, "s")
    cost = rows[1][head.index("Cost")]
    assert (cost.value, cost.number_format) == (0.12, "0.0000")
    at = rows[1][head.index(f"Accepted At ({ZONE})")].value
    assert at == (NOW - minutes(10) + timedelta(hours=5, minutes=30)).replace(tzinfo=None)
    assert rows[1][head.index("Text")].value == "text\N{REPLACEMENT CHARACTER} 0 ü"


async def test_a_summary(traffic: Traffic) -> None:
    made = await make(traffic, await ask(traffic, 0, "csv", **{"by": "account", "from": YESTERDAY}))
    rows = lines(await content(traffic, made))
    assert [(row["Account"], row["Messages"]) for row in rows] == [
        ("a1", "5"), ("a2", "4"), ("Total", "9"),
    ]  # fmt: skip


async def test_a_killed_export_goes_on_where_it_was(
    traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_rows, "PAGE_ROWS", 2)
    monkeypatch.setattr(export_write, "CHUNK_BYTES", 300)
    asked = await ask(traffic)
    assert await export_queries.claim(traffic.pool) == asked.id
    append, appended = blobs.append, 0

    async def dies(connection: Any, account_id: int, blob_id: int, data: bytes) -> None:
        nonlocal appended
        appended += 1
        if appended == 3:
            raise KeyboardInterrupt
        await append(connection, account_id, blob_id, data)

    monkeypatch.setattr(blobs, "append", dies)
    with pytest.raises(KeyboardInterrupt):
        await export_write.write(traffic.pool, asked.id, ZONE)
    assert await export_queries.claim(traffic.pool) is None  # Its lease has not ended.
    await export_queries.release(traffic.pool, asked.id)
    made = await make(traffic, asked)
    assert (made.status, made.rows) == ("READY", 9)
    rows = lines(await content(traffic, made))
    assert len({row["Message ID"] for row in rows}) == len(rows) == 9
    assert appended > 3


async def test_one_that_always_dies_fails_with_the_reason(traffic: Traffic) -> None:
    asked = await ask(traffic)
    for _ in range(export_queries.TRIES_MAX):
        assert await export_queries.claim(traffic.pool) == asked.id
        await export_queries.release(traffic.pool, asked.id)
    assert await export_queries.claim(traffic.pool) is None
    await export_queries.close_abandoned(traffic.pool)
    found = await export_queries.find(traffic.pool, 0, asked.id)
    assert found is not None
    assert found.status == "FAILED"
    assert "interrupted 3 times" in found.error


async def test_cancelled_while_waiting_and_at_work(
    traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = await ask(traffic, 1)
    await export_queries.request_cancel(traffic.pool, 2, waiting.id)  # Another's: nothing happens.
    assert await export_queries.claim(traffic.pool) == waiting.id
    await export_queries.request_cancel(traffic.pool, 1, waiting.id)
    await export_write.write(traffic.pool, waiting.id, ZONE)
    found = await export_queries.find(traffic.pool, 1, waiting.id)
    assert found is not None
    assert found.status == "CANCELLED"
    assert await traffic.pool.fetchval("SELECT count(*) FROM blob") == 0
    second = await ask(traffic, 1)
    await export_queries.request_cancel(traffic.pool, 1, second.id)
    assert await export_queries.claim(traffic.pool) is None
    await export_queries.close_abandoned(traffic.pool)
    found = await export_queries.find(traffic.pool, 1, second.id)
    assert found is not None
    assert found.status == "CANCELLED"


@pytest.mark.parametrize(
    ("kind", "form", "filters", "field"),
    [
        ("messages", "pdf", {}, "format"),
        ("users", "csv", {}, "kind"),
        ("messages", "csv", {"status": "GONE"}, "status"),
        ("summary", "csv", {"by": "moon"}, "by"),
        ("summary", "csv", {"from": "2020-01-01", "to": "2026-01-01"}, "since"),
    ],
)
async def test_what_cannot_be_exported_is_said_at_once(
    traffic: Traffic, kind: str, form: str, filters: dict[str, str], field: str
) -> None:
    async with traffic.pool.acquire() as connection:
        with pytest.raises(InputError) as refused:
            await export.request(
                connection, 1, kind, form, filters, actor="", zone=ZONE, now_us=micros(NOW)
            )
    assert refused.value.field == field


async def test_no_more_than_a_few_at_once_and_the_asking_is_audited(traffic: Traffic) -> None:
    for _ in range(export.OPEN_MAX):
        await ask(traffic, 1)
    with pytest.raises(export.TooManyError):
        await ask(traffic, 1)
    await ask(traffic, 2)
    told = await traffic.pool.fetch(
        "SELECT account_id, action FROM audit_log WHERE table_name = 'export_job' ORDER BY id"
    )
    assert [tuple(row) for row in told] == [(1, "insert")] * 5 + [(2, "insert")]


async def test_files_go_at_their_expiry(traffic: Traffic) -> None:
    made = await make(traffic, await ask(traffic))
    await traffic.pool.execute("UPDATE blob SET expires_at = now() - interval '1 second'")
    await traffic.pool.execute("UPDATE export_job SET finished_at = now() - interval '8 days'")
    assert await export.file_of(traffic.pool, made) is None
    assert await blobs.delete_expired(traffic.pool, 10) == 1
    await export_queries.expire(traffic.pool)
    found = await export_queries.find(traffic.pool, 0, made.id)
    assert found is not None
    assert found.status == "EXPIRED"
    assert await traffic.pool.fetchval("SELECT count(*) FROM blob_chunk") == 0


async def test_blobs_come_in_chunks(traffic: Traffic) -> None:
    data = bytes(range(256)) * 4096 * 3 + b"end"
    blob_id = await blobs.create(traffic.pool, 1, "n", "x/y")
    for part in (data[:100], data[100:]):
        await blobs.append(traffic.pool, 1, blob_id, part)
    assert await blobs.find(traffic.pool, 1, blob_id) is None
    await blobs.complete(traffic.pool, 1, blob_id, 60)
    blob = await blobs.find(traffic.pool, 1, blob_id)
    assert blob is not None
    parts = [part async for part in blobs.read(traffic.pool.acquire, blob)]
    assert b"".join(parts) == data
    assert max(map(len, parts)) == CHUNK_BYTES
    await blobs.delete(traffic.pool, 1, blob_id)
    with pytest.raises(FileNotFoundError):
        [part async for part in blobs.read(traffic.pool.acquire, blob)]


@pytest.mark.parametrize("text", ["=1+1", "+SUM(1)", "-2+3", "@x", "\t=1", "\r=1"])
def test_formulas_are_defused(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["+919876543210", "-0.1200", "12", "text", ""])
def test_numbers_and_texts_stay(text: str) -> None:
    assert harmless(text) == text
    assert csv_bytes([[text, "b"]]).decode() == f"{text},b\r\n"


@pytest.mark.slow
def test_a_process_makes_them_under_the_services_event_loop(dsn: str) -> None:
    async def run() -> Export | None:
        async with data_plane_pool(dsn) as pool:
            world = Traffic(pool, 0)
            await world.open_account()
            await world.send(NOW - minutes(10))
            asked = await ask(world)
            environ = {**os.environ, "CPAAS_DSN": dsn}
            running = asyncio.create_task(export.run_exports(pool, environ))
            async with asyncio.timeout(60):
                while (found := await export_queries.find(pool, 0, asked.id)) and found.is_open:
                    await asyncio.sleep(0.1)
            running.cancel()
            await asyncio.wait([running])
            return found

    found = uvloop.run(run())
    assert found is not None
    assert (found.status, found.rows) == ("READY", 1)
