"""SQL of media: which URL was fetched as which blob, and what carriers call it."""

from typing import Any

import msgspec


class Known(msgspec.Struct, frozen=True):
    """A file that was fetched."""

    id: int
    media_type: str
    blob_id: int
    name: str


async def find(connection: Any, account_id: int, url: str) -> Known | None:
    """The file of an account's URL, if it is still believed."""
    row = await connection.fetchrow(
        """SELECT m.id, m.media_type, m.blob_id, b.name FROM media_file m
           JOIN blob b ON b.id = m.blob_id AND b.account_id = m.account_id
           WHERE m.account_id = $1 AND m.url = $2 AND m.expires_at > now()""",
        account_id, url,
    )  # fmt: skip
    return None if row is None else Known(*row)


async def keep(
    connection: Any, account_id: int, url: str, *, media_type: str, size: int, sha256: bytes,
    blob_id: int, seconds: int,
) -> int:  # fmt: skip
    """Keeps what a URL showed. Other bytes than before are another file: it gets a new id."""
    old = await connection.fetchrow(
        "SELECT id, sha256 FROM media_file WHERE account_id = $1 AND url = $2 FOR UPDATE",
        account_id, url,
    )  # fmt: skip
    if old is not None and bytes(old[1]) != sha256:
        await connection.execute("DELETE FROM media_upload WHERE media_id = $1", old[0])
        await connection.execute(
            "DELETE FROM media_file WHERE id = $1 AND account_id = $2", old[0], account_id
        )
    return int(
        await connection.fetchval(
            """INSERT INTO media_file
                 (account_id, url, media_type, bytes, sha256, blob_id, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')
               ON CONFLICT (account_id, url) DO UPDATE SET media_type = excluded.media_type,
                 bytes = excluded.bytes, sha256 = excluded.sha256, blob_id = excluded.blob_id,
                 fetched_at = now(), expires_at = excluded.expires_at
               RETURNING id""",
            account_id, url, media_type, size, sha256, blob_id, seconds,
        )
    )  # fmt: skip


async def upload(connection: Any, media_id: int, holder: str) -> str:
    """What a carrier calls a file, "" when it has none (any more)."""
    found: str | None = await connection.fetchval(
        "SELECT carrier_id FROM media_upload WHERE media_id = $1 AND holder = $2"
        " AND expires_at > now()",
        media_id, holder,
    )  # fmt: skip
    return found or ""


async def keep_upload(
    connection: Any, media_id: int, holder: str, carrier_id: str, seconds: int
) -> None:
    """Keeps what a carrier calls a file."""
    await connection.execute(
        """INSERT INTO media_upload (media_id, holder, carrier_id, expires_at)
           VALUES ($1, $2, $3, now() + $4 * interval '1 second')
           ON CONFLICT (media_id, holder) DO UPDATE
             SET carrier_id = excluded.carrier_id, expires_at = excluded.expires_at""",
        media_id, holder, carrier_id, seconds,
    )  # fmt: skip


async def delete_expired(connection: Any, most: int) -> int:
    """Forgets files, uploads and conversations whose time is over; returns how many."""
    total = 0
    for table, column in (
        ("media_file", "expires_at"), ("media_upload", "expires_at"),
        ("conversation", "open_until"),
    ):  # fmt: skip
        status: str = await connection.execute(
            f"DELETE FROM {table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {table}"
            f" WHERE {column} < now() - interval '1 day' LIMIT $1))",
            most,
        )
        total += int(status.rsplit(maxsplit=1)[-1])
    return total
