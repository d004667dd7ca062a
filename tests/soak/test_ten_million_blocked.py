"""Ten million blocked numbers: a batch's look-up touches the index and no more than it must."""

import json
import sys
import time

import asyncpg
import pytest

from cpaas.blacklist.queries import LOOK_UP
from cpaas.db.pool import create_pool

ENTRIES = 10_000_000
BATCH = 500
ROUNDS = 200
#: four levels of the index and the entry itself are all that a number may touch.
BLOCKS_MAX = 6
EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
UNKNOWN = sorted(f"+9170{n * 104729 % 10**8:08}" for n in range(BATCH))

pytestmark = pytest.mark.soak


async def fill(connection: asyncpg.Connection, entries: int) -> None:
    await connection.execute(
        """INSERT INTO blacklist_entry (account_id, number, source)
           SELECT CASE WHEN n % 10 = 0 THEN n % 1000 ELSE 0 END,
             '+9170' || lpad((n::bigint * 7919 % 99999989)::text, 8, '0'), 'import'
           FROM generate_series(1, $1::int) n ON CONFLICT DO NOTHING""",
        entries, timeout=1200,
    )  # fmt: skip
    await connection.execute("VACUUM ANALYZE blacklist_entry", timeout=600)
    stored = await connection.fetchval("SELECT count(*) FROM blacklist_entry")
    assert stored == entries


async def times(connection: asyncpg.Connection, sql: str) -> list[float]:
    """Seconds of each look-up; half of the numbers are blocked, all lie among the entries."""
    found = []
    for round_ in range(ROUNDS):
        numbers = sorted(f"+9170{(n * 104729 + round_ * 31) % 10**8:08}" for n in range(BATCH))
        started = time.perf_counter()
        await connection.fetch(sql, numbers, [0, 77])
        found.append(time.perf_counter() - started)
    return sorted(found)


@pytest.mark.timeout(1800)
async def test_a_batch_costs_the_same_as_with_few(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    loader = await asyncpg.connect(dsn)
    pool = await create_pool(dsn, min_size=1, max_size=1, application_name="t", data_plane=True)
    told = []
    async with pool.acquire() as connection:
        for entries in (1_000, ENTRIES):
            await fill(loader, entries)
            explained = await connection.fetchval(EXPLAIN + LOOK_UP, UNKNOWN, [0, 77])
            plan = explained[0]["Plan"]
            assert "Seq Scan" not in json.dumps(plan)
            touched = int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])
            assert touched <= BATCH * BLOCKS_MAX
            took = await times(connection, LOOK_UP)
            told.append(
                f"{BATCH} numbers among {entries}: median {took[ROUNDS // 2] * 1e3:.2f} ms,"
                f" p95 {took[int(ROUNDS * 0.95)] * 1e3:.2f} ms, {touched} blocks"
            )
    await pool.close()
    await loader.close()
    with capsys.disabled():
        sys.stdout.write("\n".join(told) + "\n")
