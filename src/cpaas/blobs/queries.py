"""SQL of stored files. A file is readable once it is complete, and goes at its expiry."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from cpaas.blobs.types import CHUNK_BYTES, Blob


async def create(connection: Any, account_id: int, name: str, media_type: str) -> int:
    """A new, incomplete file; its id. What is not completed within a day goes."""
    return int(
        await connection.fetchval(
            "INSERT INTO blob (account_id, name, media_type, expires_at)"
            " VALUES ($1, $2, $3, now() + interval '1 day') RETURNING id",
            account_id, name, media_type,
        )
    )  # fmt: skip


async def append(connection: Any, account_id: int, blob_id: int, data: bytes) -> None:
    """Add bytes at the end, in as many chunks as they need."""
    pieces = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
    await connection.execute(
        """
        WITH b AS (
            UPDATE blob SET bytes = bytes + $3, chunks = chunks + cardinality($4::bytea[]),
                expires_at = greatest(expires_at, now() + interval '1 day')
            WHERE id = $1 AND account_id = $2 RETURNING id, account_id, chunks
        )
        INSERT INTO blob_chunk (blob_id, number, account_id, data)
        SELECT b.id, b.chunks - cardinality($4::bytea[]) + p.n - 1, b.account_id, p.data
        FROM b, unnest($4::bytea[]) WITH ORDINALITY p (data, n)
        """,
        blob_id, account_id, len(data), pieces,
    )  # fmt: skip


async def complete(connection: Any, account_id: int, blob_id: int, seconds: int) -> None:
    """The file is whole and stays for so long."""
    await connection.execute(
        "UPDATE blob SET complete = true, expires_at = now() + $3 * interval '1 second'"
        " WHERE id = $1 AND account_id = $2",
        blob_id, account_id, seconds,
    )  # fmt: skip


async def empty(connection: Any, account_id: int, blob_id: int) -> None:
    """Take all bytes out, to write it anew."""
    await connection.execute(
        "DELETE FROM blob_chunk WHERE blob_id = $1 AND account_id = $2", blob_id, account_id
    )
    await connection.execute(
        "UPDATE blob SET bytes = 0, chunks = 0, complete = false"
        " WHERE id = $1 AND account_id = $2",
        blob_id, account_id,
    )  # fmt: skip


async def find(connection: Any, account_id: int, blob_id: int) -> Blob | None:
    """A complete file of the account that has not expired."""
    row = await connection.fetchrow(
        "SELECT id, account_id, name, media_type, bytes, chunks FROM blob"
        " WHERE id = $1 AND account_id = $2 AND complete AND expires_at > now()",
        blob_id, account_id,
    )  # fmt: skip
    return None if row is None else Blob(*row)


async def chunk(connection: Any, account_id: int, blob_id: int, number: int) -> bytes | None:
    """One chunk of a file, counted from 0; None = it is gone."""
    data: bytes | None = await connection.fetchval(
        "SELECT data FROM blob_chunk WHERE blob_id = $1 AND number = $3 AND account_id = $2",
        blob_id, account_id, number,
    )  # fmt: skip
    return data


async def read(
    connect: Callable[[], AbstractAsyncContextManager[Any]], blob: Blob
) -> AsyncIterator[bytes]:
    """A file's chunks in order; no connection is held while one is sent.

    Errors: FileNotFoundError when it expires meanwhile.
    """
    for number in range(blob.chunks):
        async with connect() as connection:
            data = await chunk(connection, blob.account_id, blob.id, number)
        if data is None:
            raise FileNotFoundError(blob.name)
        yield data


async def delete(connection: Any, account_id: int, blob_id: int) -> None:
    """The file and its bytes."""
    await connection.execute(
        "DELETE FROM blob_chunk WHERE blob_id = $1 AND account_id = $2", blob_id, account_id
    )
    await connection.execute(
        "DELETE FROM blob WHERE id = $1 AND account_id = $2", blob_id, account_id
    )


async def delete_expired(connection: Any, most: int) -> int:
    """Delete files whose time is over; returns how many."""
    rows = await connection.fetch(
        "SELECT id FROM blob WHERE expires_at <= now() ORDER BY expires_at LIMIT $1"
        " FOR UPDATE SKIP LOCKED",
        most,
    )
    ids = [row[0] for row in rows]
    if ids:
        await connection.execute("DELETE FROM blob_chunk WHERE blob_id = ANY ($1)", ids)
        await connection.execute("DELETE FROM blob WHERE id = ANY ($1)", ids)
    return len(ids)


async def whole(connection: Any, account_id: int, blob_id: int) -> bytes | None:
    """All bytes of a complete file that is small enough to be held; None = it is gone."""
    blob = await find(connection, account_id, blob_id)
    if blob is None:
        return None
    rows = await connection.fetch(
        "SELECT data FROM blob_chunk WHERE blob_id = $1 AND account_id = $2 ORDER BY number",
        blob_id, account_id,
    )  # fmt: skip
    return b"".join(row[0] for row in rows)
