"""The platform's logo: a small picture, judged by its bytes and not by its name."""

import hashlib
from typing import Any, Final

from cpaas.blobs import queries as blobs
from cpaas.kit.errors import InputError
from cpaas.settings import queries

BYTES_MAX: Final = 262_144
ACCOUNT: Final = 0
_FOREVER_SECONDS: Final = 3600 * 24 * 36_500
#: SVG is none of them: it may hold scripts.
_BEGINNINGS: Final = {
    "image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF",
}  # fmt: skip


def media_type(data: bytes) -> str:
    """What kind of picture it is. Errors: InputError."""
    if len(data) > BYTES_MAX:
        raise InputError(
            f"the logo is larger than {BYTES_MAX // 1024} KiB", "use a smaller picture", "logo"
        )  # fmt: skip
    for kind, beginning in _BEGINNINGS.items():
        if data.startswith(beginning) and (kind != "image/webp" or data[8:12] == b"WEBP"):
            return kind
    raise InputError("the logo is no picture that browsers show", "use PNG, JPEG or WebP", "logo")


async def put(connection: Any, data: bytes) -> None:
    """Takes this picture in place of the one before."""
    kind = media_type(data)
    await drop(connection)
    blob_id = await blobs.create(connection, ACCOUNT, "logo", kind)
    await blobs.append(connection, ACCOUNT, blob_id, data)
    await blobs.complete(connection, ACCOUNT, blob_id, _FOREVER_SECONDS)
    digest = hashlib.sha256(data).hexdigest()[:16]
    await queries.put(connection, "logo", {"blob": blob_id, "type": kind, "digest": digest})


async def drop(connection: Any) -> None:
    """Shows no logo."""
    known = (await queries.rows(connection)).get("logo")
    if isinstance(known, dict):
        await blobs.delete(connection, ACCOUNT, int(known["blob"]))
        await queries.drop(connection, "logo")


async def read(connection: Any) -> bytes:
    """The picture, empty without one."""
    known = (await queries.rows(connection)).get("logo")
    if not isinstance(known, dict):
        return b""
    return await blobs.whole(connection, ACCOUNT, int(known["blob"])) or b""
