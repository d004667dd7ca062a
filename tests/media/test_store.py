"""Files from customers' URLs: fetched once, only from where it is allowed, only what is allowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from aiohttp import web
from tests.pipeline.world import data_plane_pool

from cpaas.channels.base import MediaError
from cpaas.kit.guard import Guard
from cpaas.media.store import Store

JPEG = b"\xff\xd8\xff\xe0" + b"j" * 2_000_000
ALLOWED = {"image/jpeg": 5_000_000, "image/png": 100}


class Files:
    """A customer's web server."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.port = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        name = request.path.strip("/")
        if name == "inside":
            raise web.HTTPFound("http://169.254.169.254/latest")
        if name == "moved":
            raise web.HTTPFound("/photo.jpg")
        if name == "round":
            raise web.HTTPFound("/round")
        if name == "gone":
            raise web.HTTPNotFound
        if name == "page":
            return web.Response(text="<html>", content_type="text/html")
        if name == "liar":
            return web.Response(body=b"MZ...", content_type="image/jpeg")
        if name == "endless":
            answer = web.StreamResponse(headers={"content-type": "image/png"})
            await answer.prepare(request)
            for _ in range(1000):
                await answer.write(b"\x89PNG\r\n\x1a\n" * 1000)
            return answer
        await asyncio.sleep(0.05)
        return web.Response(body=JPEG, content_type="image/jpeg")


@asynccontextmanager
async def files() -> AsyncIterator[Files]:
    served = Files()
    app = web.Application()
    app.router.add_get("/{name:.*}", served.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, shutdown_timeout=0.1)
    await site.start()
    served.port = runner.addresses[0][1]
    try:
        yield served
    finally:
        await runner.cleanup()


async def test_a_file_is_fetched_once_for_all_messages_and_outlives_the_process(
    dsn: str,
) -> None:
    async with files() as served, data_plane_pool(dsn) as pool:
        url = f"http://127.0.0.1:{served.port}/photo.jpg"
        store = Store(pool, Guard(["127.0.0.0/8"]))
        found = await asyncio.gather(*(store.get(1, url, ALLOWED) for _ in range(20)))
        assert {len(one.data) for one in found} == {len(JPEG)}
        assert served.asked == ["/photo.jpg"]
        await store.remember(found[0].id, "identity:1", "carrier-id", 60)
        await store.close()
        again = Store(pool, Guard(["127.0.0.0/8"]))
        media = await again.get(1, url, ALLOWED)
        assert media.data == JPEG
        assert await again.known_as(media.id, "identity:1") == "carrier-id"
        assert await again.known_as(media.id, "identity:2") == ""
        assert served.asked == ["/photo.jpg"]
        # Another account's file is its own, though the URL is the same.
        assert (await again.get(2, url, ALLOWED)).id != media.id
        with pytest.raises(MediaError, match="cannot carry"):
            await again.get(1, url, {"image/png": 100})
        await again.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("inside", "not on the public internet"),
        ("round", "redirected more than 3"),
        ("gone", "HTTP 404"),
        ("page", "the file is text/html"),
        ("liar", "does not begin like one"),
        ("endless", "image/png may have 100"),
    ],
)
async def test_what_may_not_be_fetched_is_refused(
    pool: asyncpg.Pool, name: str, words: str
) -> None:
    async with files() as served:
        store = Store(pool, Guard(["127.0.0.0/8"]))
        with pytest.raises(MediaError, match=words):
            await store.get(1, f"http://127.0.0.1:{served.port}/{name}", ALLOWED)
        await store.close()


async def test_nothing_inside_is_reached_unless_the_operator_opens_it(pool: asyncpg.Pool) -> None:
    async with files() as served:
        store = Store(pool, Guard())
        with pytest.raises(MediaError, match="CPAAS_ALLOW_NETWORKS"):
            await store.get(1, f"http://127.0.0.1:{served.port}/photo.jpg", ALLOWED)
        assert not served.asked
        await store.close()
