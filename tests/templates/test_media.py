"""What lies at a media's address, looked at over a real socket."""

import struct
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from cpaas.kit.guard import Guard
from cpaas.templates import media
from cpaas.templates.types import Card, Content, Header

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", 640, 320) + b"\0" * 100
JPEG = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08" + struct.pack(">HH", 90, 120) + b"\0" * 50
Url = Callable[[str], str]


@pytest.fixture
async def url() -> AsyncIterator[Url]:
    """A server of pictures, and a redirect to where nobody may go."""

    async def answer(request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == "/away":
            raise web.HTTPFound("http://169.254.169.254/latest")
        if path == "/near":
            raise web.HTTPFound("/a.png")
        if path == "/round":
            raise web.HTTPFound("/round")
        bodies = {"/a.png": PNG, "/a.jpg": JPEG, "/big": PNG + b"\0" * (5 * media.MB),
                  "/page": b"<html>", "/none": b"", "/fake": b"MZ"}  # fmt: skip
        if path not in bodies:
            raise web.HTTPNotFound
        kind = {"/page": "text/html", "/a.jpg": "image/jpeg"}.get(path, "image/png")
        return web.Response(body=bodies[path], content_type=kind)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield lambda path: f"http://127.0.0.1:{port}{path}"
    await runner.cleanup()


GUARD = Guard(["127.0.0.0/8"])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/fake", "does not begin like one"),
        ("/gone", "answers HTTP 404"),
        ("/page", "The file is text/html; use one of image/jpeg"),
        ("/big", "may have 5,242,880"),
        ("/none", "is empty"),
        ("/away", "not on the public internet"),
        ("/round", "redirected more than"),
    ],
)
async def test_what_is_refused(url: Url, path: str, words: str) -> None:
    assert words in (await media.look(GUARD, "whatsapp", "image", url(path))).problem


async def test_what_is_good(url: Url) -> None:
    for path in ("/a.png", "/near"):
        look = await media.look(GUARD, "whatsapp", "image", url(path))
        assert (look.problem, look.media_type, look.bytes) == ("", "image/png", len(PNG))
        assert (look.width, look.height) == (640, 320)
    look = await media.look(GUARD, "rcs", "image", url("/a.jpg"))
    assert (look.problem, look.media_type, look.width, look.height) == ("", "image/jpeg", 120, 90)


async def test_an_address_inside_is_never_called(url: Url) -> None:
    look = await media.look(Guard(), "whatsapp", "image", url("/a.png"))
    assert "cannot be used" in look.problem


async def test_all_media_of_a_template_once(url: Url) -> None:
    card = Card("A", media="image", url=url("/a.png"), thumbnail_url=url("/a.png"))
    found = await media.check(GUARD, "rcs", Content(cards=(card, card)))
    assert found["ok"]
    assert [look["kind"] for look in found["looks"]] == ["image", "thumbnail"]
    header = Content("x", header=Header("video", url=url("/a.png")))
    assert not (await media.check(GUARD, "whatsapp", header))["ok"]
