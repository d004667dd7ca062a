"""Gets a file from a customer's URL: only from the public internet, only what is allowed, bounded.

Every hop of a redirect is checked anew, and connections go to the very addresses that were checked.
"""

import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from cpaas.channels.base import MediaError
from cpaas.kit.guard import Guard, GuardError

REDIRECTS_MAX: Final = 3
SECONDS_MAX: Final = 60.0
CONNECT_SECONDS: Final = 10.0
PIECE_BYTES: Final = 64 * 1024
#: what servers say of a type and what is meant.
_SAME: Final = {"image/jpg": "image/jpeg", "audio/mp3": "audio/mpeg", "audio/x-wav": "audio/wav"}
#: how files of a type begin, (offset, bytes) each: a server's word alone is not believed.
_BEGINS: Final[dict[str, tuple[tuple[int, bytes], ...]]] = {
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/png": ((0, b"\x89PNG\r\n\x1a\n"),),
    "image/gif": ((0, b"GIF8"),),
    "image/webp": ((8, b"WEBP"),),
    "video/mp4": ((4, b"ftyp"),),
    "video/3gpp": ((4, b"ftyp"),),
    "audio/ogg": ((0, b"OggS"),),
    "audio/wav": ((0, b"RIFF"),),
    "application/pdf": ((0, b"%PDF-"),),
}


class Fetched(msgspec.Struct, frozen=True):
    """A file as it came."""

    media_type: str
    name: str
    data: bytes


class _Resolver(AbstractResolver):
    """Names lead only to addresses that the guard permits."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The permitted addresses of a name."""
        try:
            found = await self._guard.addresses(host)
        except GuardError as error:
            raise OSError(None, str(error)) from error
        return [
            ResolveResult(
                hostname=host, host=str(one), port=port,
                family=socket.AF_INET if one.version == 4 else socket.AF_INET6, proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for one in found
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing is kept."""


def session(guard: Guard) -> aiohttp.ClientSession:
    """A client that cannot reach anything inside."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=_Resolver(guard), limit=32, use_dns_cache=False, force_close=True
        ),
        timeout=aiohttp.ClientTimeout(total=SECONDS_MAX, sock_connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "cpaas-media/1"},
    )  # fmt: skip


async def fetch(
    client: aiohttp.ClientSession, guard: Guard, url: str, allowed: Mapping[str, int]
) -> Fetched:
    """The file behind a URL; allowed: media type -> most bytes. Errors: MediaError."""
    for _ in range(REDIRECTS_MAX + 1):
        try:
            await guard.check_url(url)
        except GuardError as error:
            raise MediaError(f"the media URL cannot be used: {error}") from error
        try:
            async with client.get(url, allow_redirects=False) as answer:
                if answer.status in (301, 302, 303, 307, 308):
                    url = urljoin(url, answer.headers.get("location", ""))
                    continue
                return await _read(answer, url, allowed)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            what = "did not answer in time" if isinstance(error, TimeoutError) else str(error)
            raise MediaError(f"the media URL failed: {what}"[:300], passing=True) from error
    raise MediaError(f"the media URL is redirected more than {REDIRECTS_MAX} times")


async def _read(answer: aiohttp.ClientResponse, url: str, allowed: Mapping[str, int]) -> Fetched:
    if answer.status != 200:
        raise MediaError(
            f"the media URL answers HTTP {answer.status}",
            passing=answer.status == 429 or answer.status >= 500,
        )
    said = answer.content_type.lower()
    kind = _SAME.get(said, said)
    most = allowed.get(kind)
    if most is None:
        raise MediaError(f"the file is {kind}; use one of {', '.join(sorted(allowed))}")
    told = answer.content_length
    if told is not None and told > most:
        raise MediaError(_too_large(kind, told, most))
    data = bytearray()
    async for piece in answer.content.iter_chunked(PIECE_BYTES):
        data += piece
        if len(data) > most:
            raise MediaError(_too_large(kind, len(data), most))
    if not data:
        raise MediaError("the file behind the media URL is empty")
    begins = _BEGINS.get(kind, ())
    if begins and not any(data[at : at + len(sign)] == sign for at, sign in begins):
        raise MediaError(f"the file is called {kind} but does not begin like one")
    name = urlsplit(url).path.rsplit("/", 1)[-1][:100] or "file"
    return Fetched(kind, name, bytes(data))


def _too_large(kind: str, found: int, most: int) -> str:
    return f"the file has {found:,} bytes or more; {kind} may have {most:,}"
