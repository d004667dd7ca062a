"""With many messages each list page and dashboard still answers at once."""

import asyncio
import os
import sys

import pytest
from bench.fill import fill
from bench.pages import measure

#: of server time at the 95th percentile, for every page.
MS_MAX = 300


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_every_page_is_quick(full_dsn: str) -> None:
    messages = int(os.environ.get("CPAAS_BENCH_MESSAGES", "2000000"))
    await asyncio.to_thread(fill, full_dsn, messages, 1000, screens=False)
    found = await asyncio.to_thread(measure, full_dsn)
    lines = [f"{name:45} {median:8.1f} {p95:8.1f} ms" for name, (median, p95) in found.items()]
    sys.stdout.write("\n".join(("page, median, 95th percentile", *lines, "")))
    slow = {name: times for name, times in found.items() if times[1] > MS_MAX}
    assert not slow
