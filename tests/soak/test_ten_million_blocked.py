"""Ten million blocked numbers: a batch's look-up touches the index and no more than it must."""

import json
import sys
import time
from typing import Any

import asyncpg
import pytest

from cpaas.blacklist.queries import LOOK_UP
from cpaas.db.pool import create_pool

ENTRIES = 10_000_000
BATCH = 500
ROUNDS = 200

pytestmark = pytest.mark.soak


async def fill(connection: asyncpg.Connection) -> None:
    await connection.execute(
        """INSERT INTO blacklist_entry (account_id, number, source)
           SELECT CASE WHEN n % 10 = 0 THEN n % 1000 ELSE 0 END,
             '+9170' || lpad((n::bigint * 7919 % 99999989)::text, 8, '0'), 'import'
           FROM generate_series(1, $1::int) n ON CONFLICT DO NOTHING""",
        ENTRIES, timeout=1200,
    )  # fmt: skip
    await connection.execute("VACUUM ANALYZE blacklist_entry", timeout=600)


def blocks(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


@pytest.mark.timeout(1800)
async def test_a_batch_costs_the_same_as_with_few(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    loader = await asyncpg.connect(dsn)
    await fill(loader)
    assert await loader.fetchval("SELECT count(*) FROM blacklist_entry") > ENTRIES * 0.99
    await loader.close()
    pool = await create_pool(dsn, min_size=1, max_size=1, application_name="t", data_plane=True)
    unknown = [f"+9180{n * 104729 % 10**8:08}" for n in range(BATCH)]
    async with pool.acquire() as connection:
        text = await connection.fetchval(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + LOOK_UP, unknown, [0, 77]
        )
        plan = (json.loads(text) if isinstance(text, str) else text)[0]["Plan"]
        assert "Seq Scan" not in json.dumps(plan)
        # Four levels of a B-tree for each number and account is all that a look-up may touch.
        assert blocks(plan) <= BATCH * 2 * 5
        times = []
        for round_ in range(ROUNDS):
            numbers = [f"+91{70 + round_ % 2 * 10}{(n * 104729 + round_ * 31) % 10**8:08}"
                       for n in range(BATCH)]  # fmt: skip
            started = time.perf_counter()
            await connection.fetch(LOOK_UP, numbers, [0, 77])
            times.append(time.perf_counter() - started)
    await pool.close()
    times.sort()
    told = (
        f"{BATCH} numbers among {ENTRIES}: median {times[ROUNDS // 2] * 1e3:.2f} ms,"
        f" p95 {times[int(ROUNDS * 0.95)] * 1e3:.2f} ms, {blocks(plan)} blocks"
    )
    with capsys.disabled():
        sys.stdout.write(told + "\n")
