"""Looks once at the media a template names: reachable, of a kind and size that the channel takes.

Addresses are customers' words, so each connection goes to an address that the guard has allowed.
"""

import asyncio
import socket
import struct
from typing import Any, Final
from urllib.parse import urljoin

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from cpaas.kit.guard import Guard, GuardError
from cpaas.templates.types import Content

MB: Final = 1024 * 1024
SECONDS_MAX: Final = 20
REDIRECTS_MAX: Final = 3
#: the first bytes tell kind and dimensions.
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
_MAGIC: Final = {
    b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif",
    b"%PDF-": "application/pdf", b"\x1aE\xdf\xa3": "video/webm",
}  # fmt: skip


class Look(msgspec.Struct, frozen=True):
    """What lies at one address; problem "" = the channel takes it."""

    url: str
    kind: str
    problem: str = ""
    media_type: str = ""
    bytes: int = 0
    width: int = 0
    height: int = 0


class _Guarded(AbstractResolver):
    """Resolves through the guard, so that what was allowed is what is called."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            {
                "hostname": host, "host": str(one), "port": port, "proto": 0,
                "family": socket.AF_INET if one.version == 4 else socket.AF_INET6,
                "flags": socket.AI_NUMERICHOST,
            }
            for one in await self._guard.addresses(host)
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing is held."""


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
        return Look(url, kind, f"{channel} takes no {kind}")
    types, most = limits
    try:
        async with asyncio.timeout(SECONDS_MAX):
            said, head, size = await _fetch(guard, url, most)
    except GuardError as error:
        return Look(url, kind, f"This address cannot be called: {error}.")
    except TimeoutError:
        return Look(url, kind, f"It was not there within {SECONDS_MAX} seconds.")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Look(url, kind, f"It cannot be fetched: {error or type(error).__name__}.")
    width, height = dimensions(head)
    real = sniffed(head) or said
    problem = ""
    if real not in types:
        problem = f"It is {real or 'of no known type'}; {channel} takes {', '.join(types)}."
    elif size > most:
        problem = f"It is larger than {most // 1024:,} kB, the most that {channel} takes."
    elif not size:
        problem = "It is empty."
    elif max(width, height) > PIXELS_MAX:
        problem = f"It has {width} x {height} pixels; at most {PIXELS_MAX} a side are shown."
    return Look(url, kind, problem, real, size, width, height)


async def _fetch(guard: Guard, url: str, most: int) -> tuple[str, bytes, int]:
    """The media type it claims, its beginning, and its size (above `most`: at least so large)."""
    connector = aiohttp.TCPConnector(resolver=_Guarded(guard), use_dns_cache=False, limit=1)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        for _ in range(REDIRECTS_MAX + 1):
            # Also for a bare address, which needs no resolving.
            await guard.check_url(url)
            async with session.get(url, allow_redirects=False) as answer:
                if answer.status in (301, 302, 303, 307, 308) and "Location" in answer.headers:
                    url = urljoin(url, answer.headers["Location"])
                    continue
                if answer.status != 200:
                    raise ValueError(f"the server answered {answer.status}")
                return await _read(answer, most)
    raise ValueError(f"it redirects more than {REDIRECTS_MAX} times")


async def _read(answer: aiohttp.ClientResponse, most: int) -> tuple[str, bytes, int]:
    head, size = bytearray(), 0
    async for piece in answer.content.iter_chunked(HEAD_BYTES):
        size += len(piece)
        if len(head) < HEAD_BYTES:
            head += piece[: HEAD_BYTES - len(head)]
        if size > most:
            break
    return answer.content_type, bytes(head), size


def sniffed(head: bytes) -> str:
    """The media type that the first bytes show; "" = none that is known."""
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        return "video/3gpp" if head[8:11] == b"3gp" else "video/mp4"
    return ""


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
