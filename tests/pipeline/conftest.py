"""The database with one account in it, where a test wants no other."""

import time
from collections.abc import AsyncIterator

import pytest
from tests.pipeline.world import World, data_plane_pool


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with data_plane_pool(dsn) as pool:
        made = World(pool, time.time_ns() // 1000)
        await made.open_account()
        yield made
