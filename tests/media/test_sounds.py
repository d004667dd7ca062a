"""Speech is kept in the database, by what was said and how."""

from typing import Any

from tests.pipeline.world import data_plane_pool

from cpaas.media.sounds import Sounds


async def test_a_sound_is_found_by_every_process(dsn: str) -> None:
    async with data_plane_pool(dsn) as pool:
        sound: Any = b"\x01\x02" * 700_000
        assert await Sounds(pool).get("a") is None
        await Sounds(pool).put("a", sound)
        await Sounds(pool).put("a", sound)
        assert await Sounds(pool).get("a") == sound
        assert await Sounds(pool).get("b") is None
