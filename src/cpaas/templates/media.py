"""Looks once at the media a template names: reachable, of a kind and size that the channel takes.

Addresses are customers' words: they are fetched as all media are, within the guard.
"""

import asyncio
import struct
from typing import Any, Final

import msgspec

from cpaas.channels.base import MediaError
from cpaas.kit.guard import Guard
from cpaas.media.fetch import fetch, session
from cpaas.templates.types import Content

MB: Final = 1024 * 1024
SECONDS_MAX: Final = 20
#: the first bytes tell the dimensions.
HEAD_BYTES: Final = 64 * 1024
#: channel -> kind -> (media types, bytes).
LIMITS: Final[dict[str, dict[str, tuple[tuple[str, ...], int]]]] = {
    "whatsapp": {
        "image": (("image/jpeg", "image/png"), 5 * MB),
        "video": (("video/mp4", "video/3gpp"), 16 * MB),
        "document": (
            (
                "application/pdf", "application/msword", "text/plain",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            ),
            100 * MB,
        ),
    },
    "rcs": {
        "image": (("image/jpeg", "image/png", "image/gif"), 2 * MB),
        "video": (("video/mp4", "video/webm"), 10 * MB),
        "thumbnail": (("image/jpeg", "image/png"), 100 * 1024),
    },
}  # fmt: skip
PIXELS_MAX: Final = 10_000


class Look(msgspec.Struct, frozen=True):
    """What lies at one address; problem "" = the channel takes it."""

    url: str
    kind: str
    problem: str = ""
    media_type: str = ""
    bytes: int = 0
    width: int = 0
    height: int = 0


def addresses(content: Content) -> list[tuple[str, str]]:
    """(kind, URL) of all media that a content names, each once."""
    found: list[tuple[str, str]] = []
    if content.header is not None and content.header.url:
        found.append((content.header.type, content.header.url))
    for card in content.cards:
        if card.url:
            found.append((str(card.media), card.url))
        if card.thumbnail_url:
            found.append(("thumbnail", card.thumbnail_url))
    return list(dict.fromkeys(found))


async def check(guard: Guard, channel: str, content: Content) -> dict[str, Any]:
    """Looks at all media of a template, one after the other; {"ok", "looks"}."""
    looks = [await look(guard, channel, kind, url) for kind, url in addresses(content)]
    return {
        "ok": not any(one.problem for one in looks),
        "looks": [msgspec.to_builtins(one) for one in looks],
    }


async def look(guard: Guard, channel: str, kind: str, url: str) -> Look:
    """Fetches an address once, not more of it than the channel takes; never raises for it."""
    limits = LIMITS.get(channel, {}).get(kind)
    if limits is None:
        return Look(url, kind, f"{channel} takes no {kind}.")
    types, most = limits
    try:
        async with asyncio.timeout(SECONDS_MAX), session(guard) as client:
            found = await fetch(client, guard, url, dict.fromkeys(types, most))
    except MediaError as error:
        return Look(url, kind, f"{str(error)[:1].upper()}{str(error)[1:]}.")
    except TimeoutError:
        return Look(url, kind, f"It was not there within {SECONDS_MAX} seconds.")
    width, height = dimensions(found.data[:HEAD_BYTES])
    problem = ""
    if max(width, height) > PIXELS_MAX:
        problem = f"It has {width} x {height} pixels; at most {PIXELS_MAX} a side are shown."
    return Look(url, kind, problem, found.media_type, len(found.data), width, height)


def dimensions(head: bytes) -> tuple[int, int]:
    """Width and height of a picture's first bytes; 0, 0 = they do not tell."""
    if head.startswith(b"\x89PNG") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    if head.startswith(b"GIF8") and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
        return width, height
    return _jpeg(head) if head.startswith(b"\xff\xd8") else (0, 0)


def _jpeg(head: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        at += 2 + int(struct.unpack(">H", head[at + 2 : at + 4])[0])
    return 0, 0
